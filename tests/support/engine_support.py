"""A pipeline's text played through the engine in this process: what came out, and every fact."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from engine_workloads import Board, library_of

from radps_dag import checks, loader
from radps_dag.engine.drive import Ended, drive
from radps_dag.engine.job import job_of
from radps_dag.engine.settings import EVERYTHING, Selection, Settings
from radps_dag.engine.tracker import Tracker, Untracked
from radps_dag.executors import Setup
from radps_dag.executors.threads import Threads
from radps_dag.facts import (
    Fact,
    Iterated,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    Noted,
    Retrying,
    Scored,
)
from radps_dag.faults import NO_INJECTION, Faults, Injection, Rule
from radps_dag.language.model import Pipeline
from radps_dag.language.params import complete
from radps_dag.problem import InvalidPipeline, Location, Source
from radps_dag.reuse.stages import StageResult
from radps_dag.workloads.contract.registry import Library

__all__ = ["Played", "fault", "loaded", "play", "write"]

# No run of these tests takes a second; one that hangs is to fail, and not to hang the suite.
PATIENCE = 30.0

F = TypeVar("F")


@dataclass(frozen=True)
class Played:
    """A run that is over: how it ended, what it said, what was called."""

    ended: Ended
    facts: tuple[Fact, ...]
    board: Board

    @property
    def status(self) -> str:
        return self.ended.status

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The pipeline's outputs, of a run that is known to have succeeded."""
        assert self.status == "succeeded", self.ended.error
        return self.ended.outputs

    @property
    def error(self) -> str:
        """The one line that the run failed with."""
        assert self.status == "failed", self.status
        return str(self.ended.error)

    def all(self, kind: type[F]) -> list[F]:
        """The facts of a kind, in their order."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def started(self) -> list[str]:
        """The places that began, in their order."""
        return [fact.place for fact in self.all(NodeStarted)]

    @property
    def skipped(self) -> dict[str, str]:
        """Skipped places with the reasons."""
        return {fact.place: fact.reason for fact in self.all(NodeSkipped)}

    @property
    def failed(self) -> dict[str, NodeFailed]:
        return {fact.place: fact for fact in self.all(NodeFailed)}

    @property
    def stopped(self) -> dict[str, str]:
        return {fact.place: fact.reason for fact in self.all(NodeStopped)}

    @property
    def given(self) -> dict[str, Mapping[str, Any]]:
        """The outputs of every place that succeeded."""
        return {fact.place: fact.outputs for fact in self.all(NodeSucceeded)}

    @property
    def iterations(self) -> list[Iterated]:
        return self.all(Iterated)

    @property
    def retries(self) -> list[Retrying]:
        return self.all(Retrying)

    @property
    def scores(self) -> list[Scored]:
        return self.all(Scored)

    @property
    def warnings(self) -> list[str]:
        return [fact.message for fact in self.all(Noted) if fact.level == "warning"]

    def position(self, kind: type[Fact], place: str) -> int:
        """Where in the order of facts that of a place stands."""
        return next(
            number
            for number, fact in enumerate(self.facts)
            if isinstance(fact, kind) and fact.place == place
        )

    def before(self, first: str, second: str) -> bool:
        """Whether one place had ended well when the other began."""
        return self.position(NodeSucceeded, first) < self.position(NodeStarted, second)

    def together(self, first: str, second: str) -> bool:
        """Whether both had begun when the first of them ended: overlap in the recorded order."""
        begun = max(self.position(NodeStarted, place) for place in (first, second))
        ended = min(self.position(NodeSucceeded, place) for place in (first, second))
        return begun < ended


def write(directory: Path, text: str, files: Mapping[str, str] | None = None) -> Path:
    """The pipeline as a file, with those that it uses beside it; the header may be left out."""
    for name, content in {"pipeline.yaml": text, **(files or {})}.items():
        content = textwrap.dedent(content)
        if "version:" not in content:
            content = f"version: 1\nname: {Path(name).stem}\n{content}"
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(content)
    return directory / "pipeline.yaml"


def loaded(path: Path, library: Library) -> Pipeline:
    """The pipeline of a file after every check. Raises InvalidPipeline where one finds an error."""
    pipeline, problems = loader.read(path)
    assert pipeline is not None, problems
    problems += checks.check(pipeline, library)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InvalidPipeline(errors)
    return pipeline


def fault(at: str, *, scores: Mapping[str, float] | None = None, **injected: Any) -> Rule:
    """A rule of a drill, about a place without wild cards in its brackets."""
    attempts = injected.pop("attempts", None)
    return Rule(
        pattern=tuple(at.split("/")),
        injection=Injection(**injected) if injected else NO_INJECTION,
        at=Location(Source("drill", ""), 1, 1),
        attempts=attempts,
        scores=scores or {},
    )


def play(
    text: str,
    *,
    files: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    slots: int = 8,
    memory: int = sys.maxsize,
    gpus: int = 0,
    faults: Sequence[Rule] = (),
    seed: int = 0,
    selection: Selection = EVERYTHING,
    results: Mapping[str, StageResult] | None = None,
    tracker: Tracker | None = None,
) -> Played:
    """Check the pipeline and run it, with the workloads of `engine_workloads` in threads."""
    board = Board()
    library = library_of(board)
    facts: list[Fact] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        pipeline = loaded(write(Path(directory), text, files), library)
        settings = Settings(seed=seed, memory=memory, gpus=gpus, part=selection)
        earlier = results or {}
        job = replace(
            job_of(
                pipeline, library, complete(pipeline, params or {}), settings, lambda _: earlier
            ),
            run="test",
            workdir=Path(directory) / "products",
            faults=Faults(tuple(faults)),
        )

        def listen(fact: Fact) -> None:
            facts.append(fact)
            if isinstance(fact, NodeFailed):
                # The engine settles a failure in the same step of its loop: who waits for this
                # ends after the engine knows.
                board.event(f"{fact.place} failed").set()

        async def whole() -> Ended:
            async with asyncio.timeout(PATIENCE) as limit:
                executor = Threads(Setup(library, slots, Path()))
                ended = await drive(job, executor, tracker or Untracked(), listen)
            assert not limit.expired(), f"not finished after {PATIENCE} s: {facts[-5:]}"
            return ended

        ended = asyncio.run(whole())
    return Played(ended, tuple(facts), board)
