"""State shared by all of one run, and small operations on it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from radps_dag.builder import Graph
from radps_dag.context.visibility import Link
from radps_dag.engine.clock import Clock
from radps_dag.engine.job import Job
from radps_dag.engine.live_context import LiveContext
from radps_dag.engine.place import ROOT, Place
from radps_dag.engine.scope import Scope
from radps_dag.engine.slots import Slots
from radps_dag.engine.tracker import Tracker
from radps_dag.executors.call import Executor
from radps_dag.facts import (
    Fact,
    Listener,
    Made,
    NodeFailed,
    NodeKind,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    Scored,
    Usage,
    is_call,
)
from radps_dag.language.expression import ExpressionError, Value, evaluate
from radps_dag.outcome import NodeError, Stopped
from radps_dag.qa import Overrides
from radps_dag.questions.prompts import Prompts
from radps_dag.reuse.cache import ResultCache
from radps_dag.sealed import NO_SECRETS, Secrets

__all__ = [
    "Body",
    "Halt",
    "NodeContext",
    "NodeScope",
    "Result",
    "Run",
    "Settled",
    "at_once",
    "nobody",
    "outermost",
    "tell_failure",
    "value_of",
    "whole_number",
]


Settled = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Nothing is recorded, so nothing is waited for."""


def nobody(fact: Fact) -> None:
    """Listens to nothing."""
    del fact


@dataclass(frozen=True, slots=True)
class Run:
    """A job, and the services that it runs with.

    `settled` is awaited before anything depends on what was said: until it is durable.
    `live_context` is there where a workload asks for the context. `tries` counts the attempts at
    each place, also those of the groups around it, and `there` is what the directories of groups
    held before, by the group's place. `prompts` is where people are asked; `shows` is who only
    watches. `limits` are the thresholds of QA that go before the file's. `secrets` are not in
    anything that comes back from calls.
    """

    job: Job
    executor: Executor
    slots: Slots
    listener: Listener
    result_cache: ResultCache | None = None
    settled: Settled = at_once
    live_context: LiveContext | None = None
    tries: Counter[str] = field(default_factory=Counter)
    there: dict[str, frozenset[str]] = field(default_factory=dict)
    prompts: Prompts | None = None
    shows: Listener = nobody
    limits: Overrides = field(default_factory=Overrides)
    secrets: Secrets = NO_SECRETS

    def busy(self) -> AbstractContextManager[None]:
        """Something is computed or recorded meanwhile: nobody leaves the run to its questions."""
        return nullcontext() if self.prompts is None else self.prompts.busy()

    def hear(self, fact: Fact) -> None:
        """Something that is in the journal already."""
        self.shows(fact)

    def say(self, fact: Fact) -> None:
        """Emit a fact."""
        if self.live_context is not None:
            self.live_context.on_fact((fact,))
        self.listener(fact)


@dataclass(slots=True)
class Halt:
    """Stop signal for new work. A group stops when it fails, or when what holds it stops."""

    outer: Halt | None = None
    _cause: str = ""

    @property
    def cause(self) -> str:
        """The place of the failure that stops this group; "" while it goes on."""
        return self._cause or (self.outer.cause if self.outer is not None else "")

    def stop(self, cause: str) -> None:
        """Let nothing new start. The first cause is kept."""
        self._cause = self._cause or cause


class NodeContext(NamedTuple):
    """The surroundings of a node: its place, what it sees, who tracks it, who collects scores,
    whether it may use what other runs have made, where it stands in the graphs around it, what it
    does `aside` of its fan-out, so that others get on meanwhile, and how long it has taken."""

    run: Run
    place: Place
    scope: Scope
    tracker: Tracker
    halt: Halt
    scores: list[Scored]
    clock: Clock
    cached: bool = True
    link: Link | None = None
    aside: Callable[[], AbstractContextManager[None]] = nullcontext

    def entering(self, graph: Graph, id: str) -> NodeContext:
        """The surroundings of a node of this level."""
        link = Link(graph, id, self.place.name, self.link)
        return self._replace(place=self.place.step(id), link=link)

    def at(self, place: Place, scope: Scope | None = None) -> NodeContext:
        """Surroundings of another place, with the scope of here unless it has its own."""
        return self._replace(place=place, scope=self.scope if scope is None else scope)

    def seeing(self, scope: Scope) -> NodeContext:
        """Surroundings with another scope."""
        return self._replace(scope=scope)

    def tracked(self, tracker: Tracker) -> NodeContext:
        """Surroundings with another tracker."""
        return self._replace(tracker=tracker)

    def stopping_alone(self) -> NodeContext:
        """The surroundings of a level: its failure stops it, and not at once what is around it."""
        return self._replace(halt=Halt(self.halt))

    def waiting(self, aside: Callable[[], AbstractContextManager[None]]) -> NodeContext:
        """The surroundings of an instance, which makes room while it waits for a person."""
        return self._replace(aside=aside)

    def uncached(self) -> NodeContext:
        """The surroundings of a node that is to run anew in each run, with all that is in it."""
        return self._replace(cached=False)

    def collecting(self) -> NodeContext:
        """The surroundings of a group whose scores are shown together."""
        return self._replace(scores=[])


def outermost(run: Run, scope: Scope, tracker: Tracker) -> NodeContext:
    """The surroundings of the stages."""
    return NodeContext(run, ROOT, scope, tracker, Halt(), [], Clock())


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a node, an instance or an iteration: its outputs, and what a group's loop sees as
    `steps` afterwards. Of a call, what it leaves for later runs and, where it did not run, the
    seconds that it once took, where it did, what it used; `afterwards` is done when it is durable.
    """

    outputs: Mapping[str, Any]
    steps: Mapping[str, Any] | None = None
    made: Made | None = None
    seconds: float | None = None
    usage: Usage | None = None
    afterwards: Callable[[], None] | None = None


Body = Callable[[NodeContext], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class NodeScope:
    """A stretch of a run that begins and ends at a place: a node, an instance, an iteration.

    `tolerated` is asked when it fails: whether the run goes on without it. A call says itself
    that it begins, because it knows its inputs.
    """

    kind: NodeKind
    description: str = ""
    total: Callable[[], int | None] = lambda: None
    tolerated: Callable[[], bool] = lambda: False

    async def around(self, here: NodeContext, body: Body) -> Result:
        """Run the body between its facts."""
        clock = Clock(here.clock)
        here = here._replace(clock=clock)
        run, place, call = here.run, here.place.name, is_call(self.kind)
        try:
            if not call:
                total = self.total()
                run.say(
                    NodeStarted(
                        time=time.time(),
                        place=place,
                        kind=self.kind,
                        description=self.description,
                        total=total,
                    )
                )
            result = await body(here)
            made = result.made if call else None
            if made is not None and made.added and run.live_context is not None:
                run.live_context.admit(place, here.link, made.added)
        except Stopped as stopped:
            _tell_stop(here, stopped.message, clock.took)
            raise
        except NodeError as error:
            tell_failure(here, error, clock.took, tolerated=self.tolerated())
            raise
        except asyncio.CancelledError:
            _tell_stop(here, "stopped before it was done", clock.took)
            raise
        seconds = clock.took if result.seconds is None else result.seconds
        run.say(
            NodeSucceeded(
                time=time.time(),
                place=place,
                outputs=result.outputs,
                seconds=seconds,
                made=made,
                usage=result.usage if call else None,
            )
        )
        with run.busy():
            if made is not None and not made.origin:
                await run.settled()
            if result.afterwards is not None:
                await asyncio.to_thread(result.afterwards)
        return result


def tell_failure(here: NodeContext, error: NodeError, seconds: float, *, tolerated: bool) -> None:
    """Say that what stands here failed."""
    own = error.place == here.place.name
    here.run.say(
        NodeFailed(
            time=time.time(),
            place=here.place.name,
            error=error.error,
            message=error.message,
            seconds=seconds,
            tolerated=tolerated,
            # Told once, where it happened, and not again by everything around it.
            traceback=error.traceback if own else "",
            outputs=(error.outputs or {}) if own else {},
            made=error.made if own else None,
            usage=error.usage if own else None,
            ending=error.ending,
        )
    )


def _tell_stop(here: NodeContext, reason: str, seconds: float) -> None:
    here.run.say(
        NodeStopped(time=time.time(), place=here.place.name, reason=reason, seconds=seconds)
    )


def value_of(value: Value, here: NodeContext) -> Any:
    """The value of an expression here. A failure of it is the node's failure."""
    try:
        return evaluate(value, here.scope.names())
    except ExpressionError as error:
        raise NodeError(
            here.place.name, "ExpressionError", f"{error.message} (at {error.at})"
        ) from error


def whole_number(value: Any) -> int | None:
    """A whole number as an integer (3.0 is one, true is not), or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        return None
    return int(value)
