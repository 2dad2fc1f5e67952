"""Workers of a Dask cluster: which there are, what they have, how busy our calls keep them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import pkgutil
import time
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from radps_dag.executors import agent, live_output
from radps_dag.executors.dask_cluster import CONTACT, Replaced, short
from radps_dag.executors.dask_worker import Share, Worker
from radps_dag.executors.live_output import KeptOutput
from radps_dag.executors.probe import marked
from radps_dag.executors.requests import Requests, version_problem
from radps_dag.executors.settings import DaskSettings
from radps_dag.journal.occupancy import Machine, Occupancy, Wait
from radps_dag.language.model import Resources
from radps_dag.outcome import CallFailed
from radps_dag.problem import UsageError

T = TypeVar("T")

__all__ = ["LOOK", "Workers", "on_loop"]

CHECK = 30.0  # seconds in which a worker must say what it has
END = 3.0  # seconds in which workers end what the run has left there
LOOK = 0.5  # seconds between two looks which workers there are


class Workers:
    """The workers of a client's cluster, those that come and go while the run goes on too."""

    def __init__(
        self,
        client: Any,
        settings: DaskSettings,
        requests: Requests,
        products: Path | None,
        replaced: Replaced,
    ) -> None:
        self._client = client
        self._settings = settings
        self._requests = requests
        self._products = products
        self._replaced = replaced
        self._workers: dict[str, Worker] = {}
        self._waiting: dict[str, tuple[Share, float]] = {}  # by place: what for, since when
        self._changed: asyncio.Condition | None = None
        self._watch: asyncio.Task[None] | None = None
        self._listen: asyncio.Task[None] | None = None

    @property
    def threads(self) -> int:
        """Number of threads of all workers."""
        return sum(worker.has.threads for worker in self._workers.values())

    @property
    def hosts(self) -> list[str]:
        """Machines of the workers, one for each worker."""
        return [worker.host for worker in self._workers.values()]

    def occupancy(self) -> Occupancy:
        """Machines of the workers, and the calls that wait for one."""
        machines: dict[str, Machine] = {}
        for worker in self._usable():
            threads, busy = worker.has.threads, worker.has.threads - worker.free.threads
            others = machines.get(worker.host, Machine(worker.host, 0, 0, 0))
            machines[worker.host] = Machine(
                worker.host, others.workers + 1, others.calls + threads, others.busy + busy
            )
        waits = tuple(
            Wait(place, "worker", self._missing(share), since)
            for place, (share, since) in self._waiting.items()
        )
        return Occupancy(machines=tuple(machines.values()), waits=waits)

    def _missing(self, share: Share) -> str:
        """Words for what a call waits for that asks for so much."""
        usable = self._usable()
        if not usable:
            return "a worker, and there is none"
        if any(each.part(share).within(each.has) for each in usable):
            free = share.threads == 1 and not share.memory and not share.gpus
            return "a free worker" if free else f"a worker with {_words(share)} free"
        return f"a worker with {_words(share)}, which none has"

    def _usable(self) -> list[Worker]:
        return [each for each in self._workers.values() if each.process and not each.wrong]

    def wait(self, say: Callable[[str], None]) -> None:
        """Wait for a worker, and look what all have; `say` is told where none is there yet. Raises
        UsageError where one is not fit."""
        if self._settings.scheduler and not self._client.scheduler_info()["workers"]:
            say(f"a worker of {self._settings.where}, and there is none")
        try:
            ours = 1 if self._settings.scheduler else self._settings.workers or 1
            self._client.wait_for_workers(ours, timeout=self._settings.wait)
        except Exception as error:
            raise UsageError(self._none_came()) from error
        self._check(self._note(self._client.scheduler_info()["workers"]))
        for worker in self._workers.values():
            if worker.wrong:
                raise UsageError(f"Dask worker {worker.address}: {worker.wrong}")

    def watch(self) -> None:
        """Look from now on who is there, until `leave`."""
        if self._watch is None:
            self._changed = asyncio.Condition()
            self._watch = asyncio.create_task(self._watched())
            self._listen = asyncio.create_task(self._listened())

    def leave(self) -> None:
        """Look no longer who is there."""
        for task in (self._watch, self._listen):
            if task is not None:
                task.cancel()

    def forget(self) -> None:
        """Take all workers for gone, as their scheduler is; those that are there when it is back
        are new ones."""
        for worker in self._workers.values():
            worker.why = "is out of reach: the scheduler is gone, or the connection to it broke"
            worker.gone.set()
        self._workers.clear()

    async def take(self, place: str, share: Share) -> Worker:
        """The worker with the most free threads, once one has enough. Raises CallFailed where
        there is no worker for long, or none that has what is asked for."""
        assert self._changed is not None
        self._waiting[place] = share, time.time()
        try:
            return await self._taken(self._changed, place, share)
        finally:
            del self._waiting[place]

    async def _taken(self, changed: asyncio.Condition, place: str, share: Share) -> Worker:
        alone: float | None = None
        async with changed:
            while True:
                usable = self._usable()
                fitting = [each for each in usable if each.part(share).within(each.free)]
                if fitting:
                    worker = max(fitting, key=lambda each: each.free.threads)
                    worker.free = worker.free.plus(worker.part(share), -1)
                    return worker
                could = any(each.part(share).within(each.has) for each in usable)
                alone = None if could else alone or time.monotonic()
                if alone is not None and time.monotonic() - alone > self._settings.wait:
                    if usable:
                        raise CallFailed(place, "NoWorkers", self._none_has(share, usable))
                    raise CallFailed(place, "NoWorkers", self._none_came())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), 1.0)

    async def give(self, worker: Worker, share: Share) -> None:
        """Take what a call has taken for free again."""
        assert self._changed is not None
        async with self._changed:
            worker.free = worker.free.plus(worker.part(share))
            self._changed.notify_all()

    @contextlib.contextmanager
    def listening(self, worker: Worker, kept: KeptOutput) -> Iterator[None]:
        """Fetch what a call prints on its worker, as long as it goes on there."""
        worker.calls.add(kept)
        try:
            yield
        finally:
            worker.calls.discard(kept)

    async def _listened(self) -> None:
        seen: set[KeptOutput] = set()  # calls that go on for a while: the others tell it at once
        while True:
            await asyncio.sleep(live_output.LOOK)
            now = {kept for worker in self._workers.values() for kept in worker.calls}
            busy = [worker for worker in self._workers.values() if worker.calls & seen]
            await asyncio.gather(*(self._fetch(worker, worker.calls & seen) for worker in busy))
            seen = now

    async def _fetch(self, worker: Worker, calls: Collection[KeptOutput]) -> None:
        """Ask a worker for what calls have printed; one that does not answer is asked again."""
        by_place = {kept.place: kept for kept in calls}
        request = self._requests.of_output({kept.place: kept.offset for kept in calls})
        with contextlib.suppress(Exception):
            asked = self._client._run(_probe_there, request, workers=[worker.address])
            answers = await asyncio.wait_for(on_loop(self._client, asked), CONTACT)
            new = json.loads(answers[worker.address])["new"]
            for place, (text, offset) in new.items():
                by_place[place].add(text)
                by_place[place].offset = offset

    def end(self) -> None:
        """End what the run has left on the workers."""
        if self._client.status != "running" or not self._workers:
            return
        used = [worker.address for worker in self._workers.values() if worker.process]
        with contextlib.suppress(Exception):
            answers: dict[str, Any] = self._client.sync(
                self._client._run,
                _probe_there,
                self._requests.of_end(),
                workers=used,
                on_error="return",
                callback_timeout=END,
            )
            for answer in answers.values():
                if isinstance(answer, bytes):
                    self._requests.print_rest(answer)

    async def _watched(self) -> None:
        assert self._changed is not None
        while True:
            try:
                there = await asyncio.wait_for(on_loop(self._client, self._identities()), CONTACT)
                answers = True
            except Exception:  # noqa: BLE001  # the scheduler is away; nobody knows its workers
                there, answers = {}, False
            for address in [address for address in self._workers if address not in there]:
                worker = self._workers.pop(address)
                worker.why = await self._reason(address, scheduler=answers)
                worker.gone.set()
            new = self._note(there)
            if new:
                await asyncio.to_thread(self._check, new)
            self._replaced.look(len(self._workers))
            async with self._changed:
                self._changed.notify_all()
            await asyncio.sleep(LOOK)

    async def _reason(self, address: str, *, scheduler: bool) -> str:
        """The reason why a worker has gone, as far as the scheduler knows."""
        if not scheduler:
            return "is out of reach: the scheduler does not answer"
        with contextlib.suppress(Exception):
            events = await asyncio.wait_for(
                on_loop(self._client, self._client.scheduler.events(topic=address)), 1.0
            )
            return f"is gone: {_reason([event for _, event in events])}"
        return "is gone"

    async def _identities(self) -> dict[str, Any]:
        identity = await self._client.scheduler.identity(n_workers=-1)
        there: dict[str, Any] = identity["workers"]
        return there

    def _note(self, there: dict[str, Any]) -> list[Worker]:
        """Those that are new."""
        new = [
            Worker(address, identity["host"], has := Share.had_by(identity), has)
            for address, identity in there.items()
            if address not in self._workers
        ]
        self._workers.update((worker.address, worker) for worker in new)
        return new

    def _none_has(self, share: Share, workers: list[Worker]) -> str:
        most = _words(
            Share(
                max(worker.has.threads for worker in workers),
                max(worker.has.memory for worker in workers),
                max(worker.has.gpus for worker in workers),
            )
        )
        where = self._settings.where
        return f"it asks for {_words(share)}; no worker of {where} has more than {most}"

    def _none_came(self) -> str:
        for worker in self._workers.values():
            if worker.wrong:
                return f"Dask worker {worker.address}: {worker.wrong}"
        wait = f"{self._settings.wait:g} s"
        return f"no worker of {self._settings.where} for {wait}; start one, or let `wait` be longer"

    def _check(self, workers: list[Worker]) -> None:
        """Find out what workers have, before the first call: what is wrong is noted with them."""
        versions = self._ask(pkgutil.resolve_name, "radps_dag:__version__", workers)
        for worker in workers:
            worker.wrong = version_problem(versions.get(worker.address, TimeoutError("no answer")))
        fit = [worker for worker in workers if not worker.wrong]
        with marked(self._products) as asked:
            answers = self._ask(_probe_there, self._requests.of_probe(asked), fit)
        for worker in fit:
            answer = answers.get(worker.address)
            if isinstance(answer, bytes):
                worker.wrong, worker.process = self._requests.wrong(answer)
            else:
                worker.wrong = f"it does not say within {CHECK:g} s what it has: {short(answer)}"

    def _ask(self, function: Any, argument: Any, workers: list[Worker]) -> dict[str, Any]:
        """Call a function of ours, or of Python's, on the workers; its values, or its error."""
        if not workers:
            return {}
        addresses = [worker.address for worker in workers]
        answers: dict[str, Any] = self._client.sync(
            self._asked, function, argument, addresses, callback_timeout=CHECK + CONTACT
        )
        return answers

    async def _asked(self, function: Any, argument: Any, workers: list[str]) -> dict[str, Any]:
        asking = {
            address: self._client._run(function, argument, workers=[address], on_error="return")
            for address in workers
        }
        answers = await asyncio.gather(
            *(asyncio.wait_for(asked, CHECK) for asked in asking.values()), return_exceptions=True
        )
        return {
            address: answer.get(address) if isinstance(answer, dict) else answer
            for address, answer in zip(asking, answers, strict=True)
        }


def _words(share: Share) -> str:
    return Resources(share.threads, share.memory or None, share.gpus).words


def _reason(events: Sequence[Mapping[str, Any]]) -> str:
    """The reason why a worker has gone, from what its scheduler has noted of it."""
    told = {event.get("action"): event for event in events}
    if "retired" in told:
        return "it was retired"
    if "worker-ttl-timed-out" in told:
        return "it was silent for too long"
    if reason := told.get("closing-worker", {}).get("reason"):
        return f"it closed, {reason}"
    return "it has ended or was killed, or the connection to it broke"


async def on_loop(client: Any, work: Coroutine[Any, Any, T]) -> T:
    """The result of what must run on the client's own loop."""
    loop: asyncio.AbstractEventLoop = client.loop.asyncio_loop
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


async def _probe_there(request: bytes) -> bytes:
    """On a worker: a request that takes a moment, beside the calls that compute there."""
    return await asyncio.to_thread(agent.answer, request, lambda: False)
