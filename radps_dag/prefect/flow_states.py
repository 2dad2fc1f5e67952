"""The states in which Prefect's page shows what has ended, and what came of it in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Crashed

from radps_dag.facts import Fact
from radps_dag.journal.cancelled import CancelRequest
from radps_dag.progress.asking import resume_command
from radps_dag.progress.failures import failures_in
from radps_dag.progress.node import NodeState
from radps_dag.progress.state import RunState

__all__ = ["ADVICE", "INTERRUPTED", "FlowStates", "run_name"]

INTERRUPTED = "Interrupted"
ADVICE = "; go on with it: "  # what is to be done, after what has happened


def run_name(run: str, generation: int) -> str:
    """The name of a process's flow run: those of a run are found by its id.

    >>> run_name("20261129-180445-cube", 1), run_name("20261129-180445-cube", 3)
    ('20261129-180445-cube', '20261129-180445-cube (resumed 2)')
    """
    again = f" {generation - 1}" if generation > 2 else ""
    return f"{run} (resumed{again})" if generation > 1 else run


@dataclass(slots=True)
class FlowStates:
    """Final states of the flow runs and task runs of a run, collected from its facts.

    `wished` tells who wants the run cancelled; `root` is the task in which the run goes on.
    """

    run: str
    wished: Callable[[], CancelRequest | None]
    cancelled: bool = False  # on Prefect's page
    root: asyncio.Task[Any] | None = None
    _seen: RunState = field(default_factory=RunState)
    _why: str = ""  # all that goes on in the run ends early

    def on_fact(self, fact: Fact) -> None:
        """Take the next fact of the run."""
        self._seen.apply(fact)

    def completed(self, place: str) -> State[Any]:
        """Done; where something went wrong on the way, the message says what."""
        node = self._seen.find(place)
        words = _words(node) if node is not None else ""
        return Completed(message=f"completed; {words}" if words else None)

    def ended_early(self) -> State[Any]:
        """Ended before it was done: for good, to be resumed, or as whatever is around it ended."""
        if self.root is None or not self.root.cancelling():
            return Cancelled(message="ended before it was done")
        if not self._why:
            self._why = self._wanted() or f"interrupted{ADVICE}{resume_command(self.run)}"
        # Each is told its own: Prefect notes in a state whose it is.
        if self._why.startswith("interrupted"):
            return Crashed(name=INTERRUPTED, message=self._why)
        return Cancelled(message=self._why)

    def _wanted(self) -> str:
        """Say who has cancelled the run, and why; "" if nobody did."""
        wish = CancelRequest() if self.cancelled else self.wished()
        if wish is None:
            return ""
        by = f" by {wish.by}" if wish.by else ""
        return f"the run was cancelled{by}" + (f": {wish.reason}" if wish.reason else "")


def _words(node: NodeState) -> str:
    tolerated = len(failures_in(node).tolerated)
    low = [fact for part in (node, *node.walk()) for fact in part.low]
    alerts = sum(fact.verdict == "alert" for fact in low)
    were = "failure was" if tolerated == 1 else "failures were"
    parts = [f"{tolerated:,} {were} tolerated"] * bool(tolerated)
    parts += [f"{alerts:,} QA {'alert' if alerts == 1 else 'alerts'}"] * bool(alerts)
    return ", ".join(parts)
