"""Questions on Prefect's page: while a question is open the run is paused there, with a form.

Only the run itself is ever paused, with one question after another: nobody has to find the subflow
that waits. What waits in truth are the prompts; the state in Prefect shows that, and brings the
answer.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.input.run_input import keyset_from_base_key
from prefect.states import Paused, Running
from prefect.utilities.urls import url_for

from radps_dag.facts import strict_json
from radps_dag.prefect.artifact_keys import key_of
from radps_dag.prefect.contact import TROUBLE, Contact
from radps_dag.prefect.form import schema, signed, words
from radps_dag.prefect.markdown import plain
from radps_dag.prefect.server.links import Link, no_link
from radps_dag.questions import Question, WrongAnswer
from radps_dag.questions.prompts import Offer

__all__ = ["PrefectPrompts"]

POLL = 0.7  # seconds between looks at the flow run
PATIENCE = 5.0  # seconds until the next look where the server does not answer
OURS = "answered"  # the message of a state by which we end a pause; Prefect's own has none


class PrefectPrompts:
    """Asks on the page of the run's flow run. `left` says that it stays paused when we go."""

    def __init__(self, contact: Contact, earlier: Sequence[str] = (), link: Link = no_link) -> None:
        """`earlier` are the flow runs of the run's earlier processes, where somebody may have
        answered since; `link` opens products that a question shows."""
        self._contact = contact
        self._link = link
        self._earlier = tuple(earlier)
        self._flow_run: UUID | None = None
        self._turn = asyncio.Lock()
        self._open = 0
        self._shown = False  # the flow run is paused, with a form
        self.detached = False

    def begin(self, flow_run: str) -> None:
        """The run has got its flow run."""
        self._flow_run = UUID(flow_run)

    async def show(self, question: Question, offer: Offer) -> None:
        """Ask here, as soon as no other question stands here."""
        if self._flow_run is None or self._contact.lost:
            return
        self._open += 1
        try:
            async with self._turn, get_client() as client:
                if not await self._answered_before(client, question, offer):
                    await self._ask(client, self._flow_run, question, offer)
        except asyncio.CancelledError:
            if self.detached and not self._shown:
                await self._leave(self._flow_run, question)
            raise
        finally:
            self._open -= 1

    async def _ask(
        self, client: PrefectClient, flow_run: UUID, question: Question, offer: Offer
    ) -> None:
        with suppress(*TROUBLE):
            text = await asyncio.to_thread(words, question, link=self._link)
            await client.create_artifact(_artifact(flow_run, question, text))
        notice = ""
        while True:
            async with self._paused(client, flow_run, question, notice) as key:
                values = await _given(client, flow_run, key)
                if values is None:
                    return
                try:
                    await offer(*signed(question, values), "prefect")
                except WrongAnswer as error:
                    notice = str(error)
                else:
                    return

    async def _leave(self, flow_run: UUID, question: Question) -> None:
        """Pause the flow run after all: the process goes sooner than it was shown."""
        self._shown = True  # of several questions, the first one
        with suppress(TimeoutError, *TROUBLE):
            async with get_client() as client:
                text = await self._words(question)
                await asyncio.wait_for(_pause(client, flow_run, question, text), PATIENCE)

    async def _words(self, question: Question, notice: str = "") -> str:
        """The text above the form."""
        return await asyncio.to_thread(words, question, notice, self._open - 1, self._link)

    @asynccontextmanager
    async def _paused(
        self, client: PrefectClient, flow_run: UUID, question: Question, notice: str
    ) -> AsyncIterator[str]:
        """The flow run, paused with a form; the key of the pause."""
        text = await self._words(question, notice)
        try:
            key = await _pause(client, flow_run, question, text)
            self._shown = True
            yield key
        finally:
            self._shown = self._shown and self.detached
            if not self.detached and not self._contact.lost:
                with suppress(TimeoutError, ObjectNotFound, *TROUBLE):
                    await asyncio.wait_for(_go_on(client, flow_run), PATIENCE)

    async def _answered_before(
        self, client: PrefectClient, question: Question, offer: Offer
    ) -> bool:
        """Whether somebody answered on the page of a process that has gone, and it fits."""
        for flow_run in reversed(self._earlier):
            for values in await _left_behind(client, UUID(flow_run), question):
                with suppress(WrongAnswer):
                    await offer(*signed(question, values), "prefect")
                    return True
        return False


async def _pause(client: PrefectClient, flow_run: UUID, question: Question, text: str) -> str:
    """Pause the flow run, with the form; the key of the pause."""
    while True:
        key = f"{question.id}-{uuid4().hex[:8]}"
        keys = keyset_from_base_key(f"paused-{key}")
        # Without a time-out: the prompts know until when, and Prefect would fail the flow run.
        state: State[Any] = Paused(message=f"{question.place}: {question.message}", pause_key=key)
        state.state_details.run_input_keyset = {str(name): value for name, value in keys.items()}
        try:
            # The form is there before anybody can ask for it.
            await _keep(client, flow_run, keys["schema"], schema(question))
            await _keep(client, flow_run, keys["description"], text)
            await client.set_flow_run_state(flow_run, state, force=True)
            return key
        except httpx.TransportError:
            await asyncio.sleep(PATIENCE)


async def _given(client: PrefectClient, flow_run: UUID, key: str) -> Mapping[str, Any] | None:
    """Wait for the input with which the flow run is resumed; None if it was ended instead."""
    while True:
        await asyncio.sleep(POLL)
        try:
            async with asyncio.timeout(PATIENCE):
                run = await client.read_flow_run(flow_run)
                if not _is_paused(run, key):
                    return await _response(client, flow_run, key) if _runs(run) else None
        except (TimeoutError, *TROUBLE):
            await asyncio.sleep(PATIENCE)  # the prompts have time, and so have the other channels
        except ObjectNotFound:
            return None  # somebody has deleted it


async def _left_behind(
    client: PrefectClient, flow_run: UUID, question: Question
) -> list[Mapping[str, Any]]:
    """Collect the answers on a flow run that nobody watched any more."""
    answers: list[Mapping[str, Any]] = []
    try:
        states = await client.read_flow_run_states(flow_run)
        states.sort(key=lambda state: state.timestamp)
        for before, after in itertools.pairwise(states):
            key = before.state_details.pause_key or ""
            resumed = after.type == StateType.RUNNING and after.message != OURS
            if before.type == StateType.PAUSED and key.startswith(question.id) and resumed:
                answers.append(await _response(client, flow_run, key))
    except (*TROUBLE, ObjectNotFound):
        return answers
    return answers


async def _response(client: PrefectClient, flow_run: UUID, key: str) -> Mapping[str, Any]:
    """The stored answer. Prefect stores none where nothing was filled in."""
    wanted = keyset_from_base_key(f"paused-{key}")["response"]
    inputs = await client.filter_flow_run_input(
        flow_run, key_prefix=wanted, limit=1, exclude_keys=set()
    )
    said = json.loads(inputs[0].value) if inputs else {}
    return said if isinstance(said, dict) else {}


async def _keep(client: PrefectClient, flow_run: UUID, key: str, value: object) -> None:
    await client.create_flow_run_input(flow_run_id=flow_run, key=key, value=strict_json(value))


async def _go_on(client: PrefectClient, flow_run: UUID) -> None:
    """Let the flow run be running again, unless it is already or somebody has cancelled it."""
    run = await client.read_flow_run(flow_run)
    if run.state_type == StateType.PAUSED:
        state: State[Any] = Running(message=OURS)
        await client.set_flow_run_state(flow_run, state, force=True)


def _artifact(flow_run: UUID, question: Question, text: str) -> ArtifactCreate:
    """The question with its evidence, which stays when it is answered."""
    # Without the host: the page may be seen through a forwarded port.
    page = urlsplit(url_for("flow-run", obj_id=flow_run) or "").path
    return ArtifactCreate(
        key=key_of("question", question.place),
        type="markdown",
        description=f"Question at {plain(question.place)}",
        data=f"{text}\n\n[The run that asked]({page})",
        flow_run_id=flow_run,
    )


def _is_paused(run: FlowRun, key: str) -> bool:
    state = run.state
    return state is not None and state.is_paused() and state.state_details.pause_key == key


def _runs(run: FlowRun) -> bool:
    return run.state_type == StateType.RUNNING
