"""A directory whose commands are killed, and what they leave there."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from forked import Ended, Parent
from repository import SUPPORT

__all__ = ["WORKLOADS", "Ended", "Parent", "Site", "content_of", "fault_library"]

WORKLOADS = SUPPORT / "crash_workloads.py"


@dataclass
class Site:
    """A directory with a pipeline, its workspace, and a log of what its workloads did."""

    parent: Parent
    folder: Path
    options: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    url: str | None = None  # of the database, where the journal is not in the workspace
    prefect: bool = False

    @classmethod
    def make(cls, parent: Parent, folder: Path, text: str, **files: str) -> Site:
        folder.mkdir(parents=True)
        (folder / "pipeline.yaml").write_text(text)
        for name, other in files.items():
            (folder / f"{name}.yaml").write_text(other)
        return cls(parent, folder)

    @property
    def workspace(self) -> Path:
        return self.folder / ".radps"

    @property
    def journal(self) -> Path:
        return self.workspace / "journal.db"

    @property
    def log(self) -> Path:
        return self.folder / "executions"

    def begin_run(self, *options: str, **variables: str) -> int:
        arguments = ("run", "pipeline.yaml", "--workloads", str(WORKLOADS), "-q")
        untracked = () if self.prefect else ("--no-prefect",)
        return self._begin((*arguments, *untracked, *self.options, *options), variables)

    def begin_resume(self, *options: str, **variables: str) -> int:
        return self._begin(("resume", "-q", *self.options, *options), variables)

    def run(self, *options: str, **variables: str) -> Ended:
        return self.parent.end(self.begin_run(*options, **variables))

    def resume(self, *options: str, **variables: str) -> Ended:
        return self.parent.end(self.begin_resume(*options, **variables))

    def _begin(self, arguments: Sequence[str], variables: Mapping[str, str]) -> int:
        given = {"CRASH_LOG": str(self.log), **self.variables, **variables}
        where = () if self.url is None else ("--store", self.url)
        return self.parent.begin((*arguments, *where), self.folder, **given)

    def executions(self, what: str = "begin") -> Counter[str]:
        """How often each call has begun (or ended), as the workloads themselves say."""
        if not self.log.exists():
            return Counter()
        lines = [line.split(" ", 1) for line in self.log.read_text().splitlines()]
        return Counter(line[1] for line in lines if line[0] == what)

    def facts(self, run: str | None = None) -> list[Any]:
        """What the journal says of the last run, or of a certain one."""
        if not self._begun:
            return []
        with self._store() as store:
            heads = store.heads(lambda error: None)
            if run is None and not heads:
                return []
            return list(store.facts(run or heads[0].run))

    def runs(self) -> list[str]:
        with self._store() as store:
            return [head.run for head in store.heads(lambda error: None)]

    @property
    def _begun(self) -> bool:
        """Whether there is a journal: a process may have been killed before it could make one."""
        if self.url is not None:
            return True
        if not self.journal.exists():
            return False
        with contextlib.closing(sqlite3.connect(self.journal)) as connection:
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'radps_runs'")
            return found.fetchone() is not None

    @contextlib.contextmanager
    def _store(self) -> Iterator[Any]:
        from radps_dag.journal.opening import open_store
        from radps_dag.journal.workspace import Workspace

        store = open_store(Workspace(self.workspace.resolve()), self.url, reading=True, empty=True)
        try:
            yield store
        finally:
            store.close()

    def outputs(self) -> Any:
        """The outputs of the last run, products replaced by what is in them."""
        end = self.facts()[-1]
        assert type(end).__name__ == "RunEnded", end
        assert end.status == "succeeded", end
        return content_of(end.outputs)


def fault_library(folder: Path) -> Path:
    """The library that makes single calls of the system go wrong, `faults.c`, made in a folder. The
    test is skipped where that cannot be."""
    import pytest  # the parent has no need of it

    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is here, which makes the calls fail")
    library = folder / "faults.so"
    source = SUPPORT / "faults.c"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"the C compiler makes no library here: {made.stderr}")
    return library


def content_of(value: Any) -> Any:
    """A value, its products replaced by what is in their files."""
    if isinstance(value, Mapping):
        if "uri" in value:
            path = Path(unquote(urlsplit(value["uri"]).path))
            return {"kind": value["kind"], "content": json.loads(path.read_text())}
        return {name: content_of(member) for name, member in value.items()}
    if isinstance(value, list):
        return [content_of(item) for item in value]
    return value
