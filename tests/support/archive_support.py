"""A journal to be exported."""

from __future__ import annotations

from pathlib import Path

from radps_dag.executors.manifest import describe
from radps_dag.facts import Made, NodeSucceeded, Noted
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace

__all__ = ["filled"]


def filled(root: Path, run: str = "r") -> Store:
    """A journal with a run in it that has made a file."""
    store = open_store(Workspace(root))
    products = store.workspace.run(run).products
    (products / "a").mkdir(parents=True)
    (products / "a" / "file.txt").write_text("content")
    made = Made(
        key="k",
        workdir=(products / "a").as_uri(),
        files={"file.txt": describe(products / "a" / "file.txt")},
    )
    outputs = {"file": {"uri": (products / "a" / "file.txt").as_uri(), "kind": "table"}}
    facts = [
        Noted(time=1.0, place="", message="begins \u2013 \x00"),
        NodeSucceeded(time=1.5, place="a", outputs=outputs, seconds=0.1, made=made),
    ]
    store.create(run, "p", 1.0)
    store.append(run, [to_row(run, fact, store.workspace) for fact in facts])
    return store
