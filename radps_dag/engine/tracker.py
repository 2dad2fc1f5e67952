"""Trackers of a run: groups and calls are reported to one while they run.

The engine itself knows no Prefect. `PrefectTracker` turns groups into subflows and calls into
tasks; `Untracked` runs them as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from radps_dag.engine.attempts import Plan, attempt
from radps_dag.facts import Fact, Scored
from radps_dag.questions.prompts import PromptChannel

__all__ = ["Label", "Tracker", "Untracked"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Label:
    """Description of a run of a node for a tracker: the node's path, and the place of this run of
    it.
    """

    path: str  # image_cube/clean
    place: str  # image_cube/clean[spw=2]#3
    description: str = ""
    tags: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reused: bool = False  # nothing in it is made, all of it was there

    @property
    def name(self) -> str:
        """The place as people read it: `image_cube / clean[spw=2] #3`."""
        return self.place.replace("/", " / ").replace("#", " #")


class Tracker(Protocol):
    """Runs bodies, and records that they run. What a body raises comes out unchanged."""

    async def group(self, label: Label, body: Callable[[], Awaitable[T]]) -> T:
        """Run the body of a group; groups and calls inside it belong to it."""
        ...

    async def call(self, label: Label, plan: Plan, body: Callable[[int], Awaitable[T]]) -> T:
        """Run `body(attempt)` until it succeeds or the plan ends."""
        ...

    async def scores(self, label: Label, scores: Sequence[Scored]) -> None:
        """Show the QA scores of a group, from inside it."""
        ...

    @property
    def prompt_channels(self) -> Sequence[PromptChannel]:
        """The channels on which the tracker shows questions."""
        ...

    def on_fact(self, fact: Fact) -> None:
        """Receive a fact of the run; also how it ended, when all else is over."""
        ...

    async def cancelled(self) -> None:
        """Return when somebody has cancelled the run where it is shown; never, if nobody does."""
        ...

    def leave(self) -> None:
        """The process is going to end with questions open."""
        ...

    def hurry(self) -> None:
        """The run was told to end: it waits for nobody much longer."""
        ...

    def farewell(self) -> bool:
        """The program is about to end; whether everybody has heard all, or was said not to."""
        ...


class Untracked:
    """Runs everything, records nothing."""

    async def group(self, label: Label, body: Callable[[], Awaitable[T]]) -> T:
        """Run the body."""
        return await body()

    def call(
        self, label: Label, plan: Plan, body: Callable[[int], Awaitable[T]]
    ) -> Coroutine[Any, Any, T]:
        """Run the body, as often as the plan allows."""
        return attempt(plan, body)

    async def scores(self, label: Label, scores: Sequence[Scored]) -> None:
        """Ignore the scores."""

    @property
    def prompt_channels(self) -> Sequence[PromptChannel]:
        """None: nobody is asked."""
        return ()

    def on_fact(self, fact: Fact) -> None:
        """Ignore the fact."""

    async def cancelled(self) -> None:
        """Wait for ever."""
        await asyncio.get_running_loop().create_future()

    def leave(self) -> None:
        """Leave nothing."""

    def hurry(self) -> None:
        """Wait for nothing."""

    def farewell(self) -> bool:
        """True: there is nobody to hear."""
        return True
