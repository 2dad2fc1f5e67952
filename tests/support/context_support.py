"""A pipeline's text played with its journal, as the command line does but for Prefect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from engine_support import write
from repository import SUPPORT

import radps_dag
from radps_dag import RunResult, plan
from radps_dag.engine.planning import Planned
from radps_dag.facts import Fact, NodeFailed, NodeSucceeded
from radps_dag.faults import Faults, Rule
from radps_dag.profile import Profile
from radps_dag.workloads.contract.context import Context
from radps_dag.workloads.contract.registry import find_library

__all__ = ["Place", "Played"]

LIBRARY = find_library("placeholder", [(SUPPORT / "context_workloads.py")])

F = TypeVar("F")


@dataclass(frozen=True)
class Played:
    """A run that is over: how it ended, what it said, what it knows."""

    ended: RunResult
    facts: tuple[Fact, ...]
    context: Context

    @property
    def run(self) -> str:
        return self.ended.run

    @property
    def outputs(self) -> Mapping[str, Any]:
        return self.ended.succeeded().outputs

    @property
    def error(self) -> str:
        assert self.ended.status == "failed", self.ended.status
        return str(self.ended.error)

    def all(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def failed(self) -> dict[str, NodeFailed]:
        return {fact.place: fact for fact in self.all(NodeFailed)}

    @property
    def computed(self) -> list[str]:
        """The calls that were made now, and not found in the journal."""
        return [
            fact.place
            for fact in self.all(NodeSucceeded)
            if fact.made is not None and not fact.made.origin
        ]


@dataclass
class Place:
    """A directory with a pipeline and its workspace."""

    root: Path
    executor: str = "threads"
    slots: int = 4
    url: str | None = None  # of the database, where the journal is not in the workspace

    @property
    def workspace(self) -> Path:
        return self.root / ".radps"

    @property
    def where(self) -> dict[str, Any]:
        """How its journal is asked for."""
        return {"workspace": self.workspace, "store": self.url}

    @property
    def log(self) -> str:
        return str(self.root / "calls.log")

    @property
    def calls(self) -> list[str]:
        path = Path(self.log)
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def plan(self, text: str, *, params: Mapping[str, Any] | None = None) -> list[Planned]:
        """What a run of the pipeline would do."""
        path = write(self.root, text.replace("LOG", self.log))
        return plan(path, params=params, library=LIBRARY, profile=Profile(), **self.where)

    def play(
        self,
        text: str,
        *,
        files: Mapping[str, str] | None = None,
        resume: str | None = None,
        faults: Sequence[Rule] = (),
        listen: Callable[[Fact], None] = lambda fact: None,
        **asked: Any,
    ) -> Played:
        """Check the pipeline and run it, or go on with a run of it."""
        facts: list[Fact] = []
        path = write(self.root, text.replace("LOG", self.log), files)

        def hear(fact: Fact) -> None:
            facts.append(fact)
            listen(fact)

        asked |= {
            "library": LIBRARY,
            "executor": self.executor,
            "max_parallel": self.slots,
            "faults": Faults(tuple(faults)),
            "profile": Profile(),
            "prefect": False,
            "on_event": hear,
            **self.where,
        }
        if resume is None:
            result = radps_dag.run(path, **asked)
        else:
            result = radps_dag.resume(resume, file=path, **asked)
        return Played(result, tuple(facts), result.context())
