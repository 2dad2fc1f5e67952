"""Groups as Prefect subflows, calls as Prefect tasks: what Prefect's page shows is the file.

Bodies never raise into Prefect: they return the state that is true, so that Prefect neither stores
an exception by pickle nor calls an ordered end a crash. What they raised is raised again outside.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

from prefect import Flow, Task, tags
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.flow_engine import run_flow_async
from prefect.states import Cancelled, Completed, Failed
from prefect.task_engine import run_task_async

from radps_dag.engine.attempts import Plan
from radps_dag.engine.outcome import NodeError, TimedOut
from radps_dag.engine.tracker import Label
from radps_dag.facts import Scored

__all__ = ["PrefectTracker"]

T = TypeVar("T")

# Prefect refuses flow parameters beyond 512 KB; far less is readable.
LONGEST_PARAMETER = 10_000


class PrefectTracker:
    """Reports to the Prefect server that the environment names."""

    def __init__(self, pipeline: str, marks: Sequence[str] = ()) -> None:
        self._pipeline = pipeline
        self._marks = tuple(marks)

    async def group(self, label: Label, body: Callable[[], Awaitable[T]]) -> T:
        ending = _Ending[T]()

        async def run(**parameters: Any) -> State[Any]:
            del parameters
            return await ending.of(body)

        parameters = _readable(label.parameters)
        # Prefect takes a flow's parameters from its signature.
        run.__signature__ = _signature(parameters)  # type: ignore[attr-defined]
        path = label.path.replace("/", ".")
        name = f"{self._pipeline}: {path}" if path else self._pipeline
        flow = Flow(
            run,
            name=_plain(name),
            flow_run_name=_callable(label.name or self._pipeline),
            description=label.description or None,
            validate_parameters=False,
            persist_result=False,
        )
        with tags(*label.tags, *(() if label.path else self._marks)):
            await run_flow_async(
                cast("Flow[..., Any]", flow),
                parameters=parameters,
                return_type="state",
            )
        return ending.result()

    async def call(self, label: Label, plan: Plan, body: Callable[[int], Awaitable[T]]) -> T:
        ending = _Ending[T]()
        attempts = iter(range(1, plan.attempts + 1))

        async def run() -> State[Any]:
            number = next(attempts)
            return await ending.of(lambda: body(number))

        def again(task: Any, task_run: Any, state: Any) -> bool:
            return isinstance(ending.error, NodeError) and plan.again(ending.attempts, ending.error)

        task = Task(
            run,
            name=_plain(label.path),
            task_run_name=_callable(label.name),
            tags=label.tags,
            retries=len(plan.delays),
            retry_delay_seconds=list(plan.delays) or None,
            retry_condition_fn=again if plan.delays else None,
            persist_result=False,
            cache_policy=NO_CACHE,
        )
        await run_task_async(cast("Task[..., Any]", task), parameters={}, return_type="state")
        return ending.result()

    async def scores(self, label: Label, scores: Sequence[Scored]) -> None:
        if scores:
            from radps_dag.engine.artifacts import publish_scores

            await publish_scores(label, scores)


class _Ending(Generic[T]):
    """How a body ended: what it returned or raised, beside the state that Prefect is told."""

    def __init__(self) -> None:
        self.attempts = 0
        self.error: BaseException | None = None
        self._value: list[T] = []

    async def of(self, body: Callable[[], Awaitable[T]]) -> State[Any]:
        self.attempts += 1
        self.error = None
        try:
            self._value = [await body()]
        except asyncio.CancelledError as error:
            self.error = error
            return Cancelled(message="ended before it was done")
        except TimedOut as error:
            self.error = error
            return Failed(message=str(error), name="TimedOut")
        except Exception as error:
            self.error = error
            return Failed(message=str(error))
        return Completed()

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        if not self._value:
            raise RuntimeError("Prefect did not run the body")
        return self._value[0]


def _callable(name: str) -> Callable[[], str]:
    """A run's name, as a function: as a text Prefect would fill in its braces."""
    return lambda: name


def _plain(name: str) -> str:
    """A name of a flow or task, without what Prefect refuses in one."""
    return name.translate({ord(letter): "_" for letter in "/%&><"}) or "pipeline"


def _readable(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as Prefect's page shows them, without those that are too long for it."""
    return {
        name: value
        for name, value in parameters.items()
        if name.isidentifier() and len(repr(value)) < LONGEST_PARAMETER
    }


def _signature(names: Iterable[str]) -> inspect.Signature:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([inspect.Parameter(name, kind) for name in names])
