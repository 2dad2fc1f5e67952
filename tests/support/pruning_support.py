"""Workspaces with runs written by hand, which may use each other's products: to be pruned."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from radps_dag.executors.manifest import seal
from radps_dag.executors.publishing import harm
from radps_dag.facts import Fact, Made, NodeFailed, NodeSucceeded, RunEnded, RunStarted
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.storage.remote import listing, put
from radps_dag.views.run import view_run
from radps_dag.views.runs import list_runs

__all__ = ["DAY", "SHAPES", "Shape", "Site", "check_kept", "laid_out"]

DAY = 86400.0


class Site:
    """A workspace whose runs are written by hand.

    `url` is that of a database for the journal, `root` that of an object store for the products.
    """

    def __init__(
        self, folder: Path, products: str = "", *, url: str | None = None, root: str = ""
    ) -> None:
        self.folder, self.products, self.url, self.root = folder, products, url, root
        self.store = self.open()

    def open(self) -> Store:
        return open_store(Workspace(self.folder / ".radps", self.products), self.url)

    def tell(self, run: str, *facts: Fact) -> None:
        self.store.append(run, [to_row(run, fact, self.store.workspace) for fact in facts])

    def run(
        self, run: str, *, number: int = 0, settings: Any = None, provenance: Any = None
    ) -> str:
        self.store.create(run, "p", number * DAY)
        self.store.workspace.run(run).products.mkdir(parents=True, exist_ok=True)
        start = RunStarted(
            time=number * DAY,
            place="",
            run=run,
            pipeline="p",
            file="p.yaml",
            params={},
            library="placeholder",
            executor="threads",
            seed=0,
            settings=settings or ({"products": self.root} if self.root else {}),
            provenance=provenance or {},
        )
        self.tell(run, start)
        return run

    def end(self, run: str, status: Any = "succeeded", number: int = 0) -> None:
        self.tell(run, RunEnded(time=number * DAY, place="", status=status, seconds=1.0))

    def made(self, run: str, place: str) -> Made:
        """A call of the run that writes a file of 10 bytes."""
        folder = self.store.workspace.run(run).products / place
        folder.mkdir()
        (folder / "a b.txt").write_bytes(b"0123456789")
        workdir, files = folder.as_uri(), seal(folder, folder)
        if self.root:
            workdir = f"{self.root}/{run}/{place}"
            put({"a b.txt": folder / "a b.txt"}, workdir)
            shutil.rmtree(folder)
        made = Made(key=f"{run} {place}", workdir=workdir, files=files)
        self.says(run, place, made)
        return made

    def says(self, run: str, place: str, made: Made) -> None:
        outputs = {"file": {"uri": f"{made.workdir}/a%20b.txt", "kind": "table"}}
        self.tell(
            run, NodeSucceeded(time=1.0, place=place, outputs=outputs, seconds=0.1, made=made)
        )

    def folders(self) -> list[str]:
        """The runs that have files."""
        return sorted(path.name for path in (self.folder / ".radps/runs").iterdir())

    def left(self) -> list[str]:
        """The files among the products."""
        if self.root:
            return sorted(listing(self.root))
        runs = self.folder / ".radps/runs"
        return sorted(str(p.relative_to(runs)) for p in runs.rglob("*") if p.name == "a b.txt")


Shape = list[list[int]]
SHAPES = st.lists(st.lists(st.integers(-2, 4), min_size=1, max_size=3), min_size=2, max_size=5)


def laid_out(site: Site, shape: Shape) -> None:
    """Runs with calls: below 0, one of its own; else that of an earlier run, used again."""
    by_run: list[list[Made]] = []
    for number, calls in enumerate(shape):
        run = site.run(f"run{number}", number=number)
        mades: list[Made] = []
        for at, source in enumerate(calls):
            earlier = by_run[source] if 0 <= source < number else []
            if earlier:
                made = earlier[at % len(earlier)]
                site.says(run, f"c{at}", made)
            else:
                made = site.made(run, f"c{at}")
            mades.append(made)
        by_run.append(mades)
        site.end(run)


def check_kept(store: Store, runs: set[str]) -> None:
    """Everything that these runs have made, or used again, is there."""
    assert runs <= {item.run for item in list_runs(store)}
    for run in runs:
        assert view_run(store, run).listed.status == "succeeded"
        for fact in store.facts(run):
            if isinstance(fact, NodeSucceeded | NodeFailed) and fact.made is not None:
                assert harm(fact.made) == ""
