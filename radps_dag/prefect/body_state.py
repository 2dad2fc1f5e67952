"""End of a body that Prefect runs: in truth, and in the state that Prefect is told.

Bodies never raise into Prefect: they return the state that is true, so that Prefect neither stores
an exception by pickle nor calls an ordered end a crash. What they raised is raised again outside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed, Paused

from radps_dag.engine.tracker import Label
from radps_dag.outcome import NodeError, TimedOut
from radps_dag.prefect.flow_states import FlowStates

__all__ = ["Ending"]

T = TypeVar("T")


class Ending(Generic[T]):
    """The end of a body: what it returned or raised, beside the state that Prefect is told."""

    def __init__(
        self, label: Label, states: FlowStates, paused: Callable[[], bool] = lambda: False
    ) -> None:
        self._label = label
        self._states = states
        self._paused = paused
        self.attempts = 0
        self.error: BaseException | None = None
        self.trouble: Exception | None = None
        self._value: list[T] = []

    async def of(self, body: Callable[[], Awaitable[T]]) -> State[Any]:
        """Run the body, and give the state that Prefect is told."""
        self.attempts += 1
        self.error = None
        try:
            self._value = [await body()]
        except asyncio.CancelledError as error:
            self.error = error
            if self._paused():
                return Paused()
            return self._states.ended_early()
        except TimedOut as error:
            self.error = error
            return Failed(message=str(error), name="TimedOut")
        except Exception as error:  # noqa: BLE001  # `result` raises it again
            self.error = error
            return Failed(message=str(error))
        if self._label.reused:
            return Completed(name="Cached", message="made before, and used again")
        return self._states.completed(self._label.place)

    async def despite_prefect(self, tracked: Awaitable[object]) -> None:
        """Await what Prefect makes of the body; its own failures are not the body's."""
        try:
            await tracked
        except Exception as error:
            self.trouble = error
            run = asyncio.current_task()
            if run is not None and run.cancelling():
                # Prefect could not be told of it; it must not be taken for trouble of Prefect's.
                raise asyncio.CancelledError from error

    def result(self) -> T:
        """Return what the body returned, or raise what it raised."""
        if self.error is not None:
            raise self.error
        if not self._value:
            trouble = self.trouble
            what = f"{type(trouble).__name__}: {trouble}" if trouble else "it did not run the body"
            raise NodeError(self._label.place or "the run", "PrefectError", what) from trouble
        return self._value[0]
