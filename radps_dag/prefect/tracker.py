"""Stages as Prefect subflows, what is in them as Prefect tasks: Prefect's page shows the file."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from prefect import Flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.filesystems import WritableFileSystem
from prefect.settings import PREFECT_API_URL
from prefect.utilities.urls import url_for

from radps_dag.engine.attempts import NO_RETRY, Plan, attempt
from radps_dag.engine.tracker import Label
from radps_dag.facts import Fact, Scored
from radps_dag.facts.places import parts
from radps_dag.journal.cancelled import CancelRequest
from radps_dag.prefect.artifacts import publish_scores
from radps_dag.prefect.body_state import Ending
from radps_dag.prefect.bounds import only_to_the_page
from radps_dag.prefect.cancel_watch import Watch
from radps_dag.prefect.contact import HURRY, LAST, SILENCE, SILENCE_OURS, TROUBLE, Contact
from radps_dag.prefect.events import PrefectEvents
from radps_dag.prefect.flow_runs import FlowRuns, flow_run_around, run_flow, run_subflow
from radps_dag.prefect.flow_states import FlowStates, run_name
from radps_dag.prefect.image_artifacts import Gallery
from radps_dag.prefect.progress_artifacts import Showing
from radps_dag.prefect.prompts import PrefectPrompts
from radps_dag.prefect.server.links import Link, no_link
from radps_dag.prefect.task_runs import TaskRuns, task_run_around
from radps_dag.questions.prompts import PromptChannel

__all__ = ["PrefectTracker", "Shown"]

T = TypeVar("T")

# Prefect refuses flow parameters beyond 512 KB; far less is readable.
LONGEST_PARAMETER = 10_000


@dataclass(frozen=True, slots=True)
class Shown:
    """The run that is shown: its id, by which it is found; which of its processes this is, and the
    flow runs of the earlier ones. `wished` tells who wants it cancelled. Groups down to a `depth`
    are subflows: 1 is stages. `flow_run` is that of a deployment, which is shown as the run's."""

    pipeline: str
    run: str = ""
    generation: int = 1
    earlier: Sequence[str] = ()
    wished: Callable[[], CancelRequest | None] = lambda: None
    depth: int = 1
    flow_run: str = ""


class PrefectTracker:
    """Reports to the Prefect server that the environment names."""

    def __init__(
        self,
        shown: Shown,
        tell: Callable[[str], None] = lambda message: None,
        server: object = None,
        warn: Callable[[str], None] = lambda message: None,
        begun: Callable[[str, str], None] = lambda flow_run, api: None,
        link: Link = no_link,
        page: Callable[[str], str] | None = None,
        report: str = "",
    ) -> None:
        """`server` is kept as long as the tracker, which tells it that it is needed. `begun` is
        told the id of the run's flow run, and the address of the API that knows it. `link` opens
        products, `report` the run's report; `page` gives the address of a flow run, where that is
        another one than Prefect says."""
        self._pipeline = shown.pipeline
        self._name = run_name(shown.run or shown.pipeline, shown.generation)
        self._run = shown.run
        self._depth = shown.depth
        self._flow_run = shown.flow_run
        self._states = FlowStates(shown.run, shown.wished)
        self._tell = tell
        self._begun = begun
        self._page = page or _page
        self._server = server
        self._contact = Contact(warn, SILENCE if server is None else SILENCE_OURS)
        self._flow_runs = FlowRuns(self._contact)
        self._task_runs = TaskRuns(self._contact)
        self._prompts = PrefectPrompts(self._contact, shown.earlier, link)
        self._events = PrefectEvents(self._contact)
        self._showing = Showing(self._contact, Gallery(link), report)
        self._watch = Watch(self._contact)
        only_to_the_page()

    async def group(self, label: Label, body: Callable[[], Awaitable[T]]) -> T:
        """Run the body as a flow run, or without Prefect once it is lost."""
        if self._contact.lost:
            return await body()
        if not label.path:
            return await self._root(label, body)
        if _depth(label) > self._depth:
            # A subflow costs as much as twenty tasks, and has a page of its own: stages are that.
            return await self.call(label, NO_RETRY, lambda attempt: body())
        ending = Ending[T](label, self._states)
        flow = _plain(f"{self._pipeline}: {label.path.replace('/', '.')}")
        name, parameters = self._named(label), _readable(label.parameters)
        runs = self._flow_runs
        await run_subflow(flow, name, parameters, label.tags, runs, lambda: ending.of(body))
        return ending.result()

    async def _root(self, label: Label, body: Callable[[], Awaitable[T]]) -> T:
        """Run all stages as the flow run of the run."""
        ending = Ending[T](label, self._states, lambda: self._prompts.detached)
        parameters = _readable(label.parameters)

        async def run(**parameters: Any) -> State[Any]:
            del parameters
            self._tell(f"Prefect's page: {self._page(_flow_run())}")
            for part in (self._prompts, self._events, self._showing, self._watch):
                part.begin(_flow_run())
            self._begun(_flow_run(), _api())
            ended = await ending.of(body)
            self._contact.hurry(LAST)
            await self._flow_runs.told()
            await self._task_runs.told()
            await self._showing.end()
            return ended

        run.__signature__ = _signature(parameters)  # type: ignore[attr-defined]
        flow = Flow(
            run,
            name=_plain(self._pipeline),
            description=label.description or None,
            validate_parameters=False,
            persist_result=False,
        )
        # The constructor takes only storage with a name.
        flow.result_storage = _Nowhere()
        self._states.root = asyncio.current_task()
        tracked = run_flow(
            flow,
            self._named(label),
            parameters,
            label.tags,
            self._flow_runs,
            self._states.ended_early,
            self._flow_run,
        )
        await ending.despite_prefect(tracked)
        if self._unheard(ending):
            return await body()
        return ending.result()

    async def call(self, label: Label, plan: Plan, body: Callable[[int], Awaitable[T]]) -> T:
        """Run the body as a task run, or without Prefect once it is lost."""
        if self._contact.lost:
            return await attempt(plan, body)
        ending = Ending[T](label, self._states)
        await self._task_runs.run(label, plan, ending, body, self._states.ended_early)
        return ending.result()

    def _named(self, label: Label) -> str:
        """The name of a flow run: the run, or where in which run."""
        if not label.place:
            return self._name
        return f"{label.name} · {self._run}" if self._run else label.name

    def _unheard(self, ending: Ending[Any]) -> bool:
        """Whether the server has gone before the body could begin. A run goes on without it."""
        if isinstance(ending.trouble, TROUBLE):
            self._contact.lose(ending.trouble)
            return not ending.attempts
        return False

    async def scores(self, label: Label, scores: Sequence[Scored]) -> None:
        """Publish scores as an artifact."""
        around, task_run = flow_run_around(), task_run_around()
        if not scores or around is None or self._contact.lost:
            return

        async def publish() -> None:
            if (flow_run := await around.id()) is not None:
                await publish_scores(label, scores, flow_run, task_run)

        self._flow_runs.soon(publish())

    @property
    def prompt_channels(self) -> Sequence[PromptChannel]:
        """Channel that asks on Prefect's page."""
        return (self._prompts,)

    def on_fact(self, fact: Fact) -> None:
        """Hand the fact to everything that shows it."""
        self._states.on_fact(fact)
        self._events.on_fact(fact)
        self._showing.on_fact(fact)

    async def cancelled(self) -> None:
        """Wait until the run is cancelled on Prefect's page."""
        await self._watch.cancelled()
        self._states.cancelled = True

    def leave(self) -> None:
        """Leave the run paused on Prefect's page."""
        self._prompts.detached = True

    def hurry(self) -> None:
        """Wait for Prefect only briefly from now on."""
        self._contact.hurry(HURRY)

    def farewell(self) -> bool:
        """Whether Prefect was told all, or its loss was reported."""
        return self._contact.farewell()


class _Nowhere(WritableFileSystem):
    """A storage for results that keeps none: even one that is never written makes Prefect look for
    its place in the file system, thirty times a task."""

    async def read_path(self, path: str) -> bytes:
        raise ValueError(f"no result is stored, at {path} or anywhere")

    async def write_path(self, path: str, content: bytes) -> None:
        pass


def _depth(label: Label) -> int:
    """The depth of a group: 1 for a stage, more for its steps and instances."""
    return sum(not part.startswith("#") for part in parts(label.place))


def _page(flow_run: str) -> str:
    """The address of a flow run on Prefect's page."""
    return url_for("flow-run", obj_id=flow_run) or "unknown"


def _flow_run() -> str:
    """The id of the flow run of this place."""
    around = FlowRunContext.get()
    return "" if around is None or around.flow_run is None else str(around.flow_run.id)


def _api() -> str:
    """The address of the API, without a password that may stand in it."""
    url = httpx.URL(str(PREFECT_API_URL.value() or ""))
    return str(url.copy_with(username=None, password=None))


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
