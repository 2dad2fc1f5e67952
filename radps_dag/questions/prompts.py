"""Prompts: where what waits for a person's answer waits, and where answers come in.

A question is in the journal before anybody sees it, and its answer before anything goes on with
it. Channels show it: the terminal, Prefect's page, a folder. Whoever answers first wins, also
against another process, because the journal takes one answer alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from radps_dag.facts import Fact, QuestionAnswered, Via
from radps_dag.journal.cancelled import CancelRequest, wished
from radps_dag.journal.store import Store
from radps_dag.outcome import Decided, NodeError, Stopped
from radps_dag.problem import RadpsDagError
from radps_dag.questions import (
    Answered,
    Question,
    WrongAnswer,
    answer,
    answer_of,
    open_questions,
)

__all__ = ["Offer", "PromptChannel", "Prompts", "asked_now"]

POLL = 0.5  # seconds between looks into the journal for an answer that came from elsewhere
QUIET = 0.5  # seconds in which nothing but questions goes on, before a run leaves

# Gives an answer. Raises WrongAnswer for what does not fit, Answered where somebody was first.
Offer = Callable[[Mapping[str, Any], str, Via], Awaitable[None]]


class PromptChannel(Protocol):
    """Shows questions to somebody."""

    async def show(self, question: Question, offer: Offer) -> None:
        """Show a question and offer the answer, if one comes. Cancelled when it is answered."""
        ...


class _Busy:
    """The number of things that go on, and the time since which nothing does. Each call passes here
    twice, and a generator would cost it three times as much."""

    def __init__(self) -> None:
        self._going = 0
        self._idle_since = time.monotonic()

    def __enter__(self) -> None:
        self._going += 1

    def __exit__(self, *_: object) -> None:
        self._going -= 1
        if not self._going:
            self._idle_since = time.monotonic()

    def idle_for(self) -> float:
        """Seconds in which nothing has gone on."""
        return 0.0 if self._going else time.monotonic() - self._idle_since


class Prompts:
    """The questions of one run. `leave`, if given, is called once nothing else goes on."""

    def __init__(
        self,
        store: Store,
        run: str,
        prompt_channels: Sequence[PromptChannel] = (),
        leave: Callable[[], object] | None = None,
    ) -> None:
        self.run = run
        self._store = store
        self._channels = tuple(prompt_channels)
        self._leave = leave
        self._before = {question.id: question for question in open_questions(store, run)}
        self._asking = asyncio.Lock()
        self._showing = asyncio.Lock()
        self._busy = _Busy()
        self.detached = False  # the process ends with questions open, to be resumed
        self._closed: CancelRequest | None = None

    def close(self) -> None:
        """Somebody has cancelled the run where it is shown: nobody is asked any more."""
        self._closed = CancelRequest()

    @property
    def closed(self) -> CancelRequest | None:
        """The request that ends the run for good, made here or by another process."""
        return self._closed or wished(self._store.workspace.run(self.run))

    def busy(self) -> contextlib.AbstractContextManager[None]:
        """While something is computed or recorded, nobody leaves, and not at once afterwards."""
        return self._busy

    async def ask(
        self,
        question: Question,
        say: Callable[[Fact], None],
        hear: Callable[[Fact], None],
        settled: Callable[[], Awaitable[None]],
        halted: Callable[[], str],
    ) -> Mapping[str, Any]:
        """The answer to a question, asked now, before, or already answered.

        Raises NodeError where none comes in time, and Stopped where the run stops elsewhere.
        """
        # Both locks let people in as they came: what is asked at the same time is in the journal,
        # and is shown, in the order of the file. One commit holds many questions nevertheless.
        async with self._asking:
            answer = await asyncio.to_thread(answer_of, self._store, self.run, question.id)
            if answer is not None:
                return answer.values
            before = self._before.get(question.id)
            if before is None:
                say(question.fact(time.time()))
            else:
                # Its time goes on from when it was asked.
                question = replace(question, asked=before.asked, deadline=before.deadline)
                if before.show == question.show:
                    hear(question.fact(time.time()))
                else:  # pictures drawn anew: whoever lists what is open finds these
                    say(question.fact(before.asked))
        async with self._showing:
            await settled()
        fact = await self._answered(question, halted)
        hear(fact)
        return fact.values

    async def _answered(self, question: Question, halted: Callable[[], str]) -> QuestionAnswered:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[QuestionAnswered] = loop.create_future()

        async def offer(values: Mapping[str, Any], by: str, via: Via) -> None:
            try:
                fact = await asyncio.to_thread(answer, self._store, question, values, by, via)
            except Answered as first:
                if not done.done():
                    done.set_result(first.fact)
                raise
            if not done.done():
                done.set_result(fact)

        shown = [
            asyncio.create_task(_shown(channel, question, offer)) for channel in self._channels
        ]
        try:
            return await self._wait(question, done, offer, halted)
        finally:
            for task in shown:
                task.cancel()
            await asyncio.gather(*shown, return_exceptions=True)

    async def _wait(
        self,
        question: Question,
        done: asyncio.Future[QuestionAnswered],
        offer: Offer,
        halted: Callable[[], str],
    ) -> QuestionAnswered:
        while not done.done():
            if cause := halted():
                raise Stopped(question.place, cause)
            if question.deadline is not None and time.time() > question.deadline:
                await self._too_late(question, offer)
                continue
            await asyncio.wait([done], timeout=POLL)
            if not done.done():
                elsewhere = await asyncio.to_thread(answer_of, self._store, self.run, question.id)
                if elsewhere is not None and not done.done():
                    done.set_result(elsewhere)
            # What has just failed may have closed the question: that is looked at first.
            if self._leave is not None and self._is_quiet() and not (done.done() or halted()):
                self.detached = True
                self._leave()
        return done.result()

    def _is_quiet(self) -> bool:
        return self._busy.idle_for() >= QUIET

    async def _too_late(self, question: Question, offer: Offer) -> None:
        if question.on_timeout == "defaults":
            try:
                await offer(question.defaults, "", "timeout")
            except Answered:
                return
            except WrongAnswer as error:  # an expression may give a default that does not fit
                message = f"nobody answered in time, and the defaults do not fit: {error}"
                raise NodeError(question.place, "DefaultInvalid", message) from error
            return
        answer = await asyncio.to_thread(answer_of, self._store, self.run, question.id)
        if answer is None:
            until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(question.deadline))
            message = f"nobody answered {question.message!r} until {until}"
            kinds = ("QuestionTimeout", "TimeoutError")
            raise Decided(question.place, "QuestionTimeout", message, kinds=kinds)
        with contextlib.suppress(Answered):
            await offer(answer.values, answer.by, answer.via)


async def _shown(channel: PromptChannel, question: Question, offer: Offer) -> None:
    """Show a question on one channel; if that fails, the others can still be used."""
    with contextlib.suppress(RadpsDagError, OSError):
        await channel.show(question, offer)


def asked_now(question: Question, within: float | None) -> Question:
    """The question with its deadline, counted from now."""
    now = time.time()
    return replace(question, asked=now, deadline=None if within is None else now + within)
