"""Calls on a Dask cluster.

Dask carries bytes and knows its workers; which of them computes a call is said here, so that a call
whose worker has gone is never made a second time by Dask itself. On the worker a call runs in a
process of its own (`agent`), which ends when Dask no longer wants the call: it was cancelled, or
this process has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import math
import pkgutil
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from radps_dag.executors import agent
from radps_dag.executors.call import Call, Capabilities, Performed, Setup
from radps_dag.executors.dask_cluster import CONTACT, connect, security_of, short, start_cluster
from radps_dag.executors.probe import marked
from radps_dag.executors.requests import Requests, version_problem
from radps_dag.executors.settings import DaskSettings
from radps_dag.outcome import CallFailed, WorkerDied
from radps_dag.problem import UsageError
from radps_dag.workloads.contract.registry import Library

if TYPE_CHECKING:
    from distributed import Future

T = TypeVar("T")

__all__ = ["Dask"]

CHECK = 30.0  # seconds in which a worker must say what it has
END = 3.0  # seconds in which workers end what the run has left there
LOOK = 0.5  # seconds between two looks which workers there are


@dataclass(eq=False)
class _Worker:
    """A worker of the cluster: where it is, its process, and how many calls it could take yet.
    `gone` says why it is no longer there; `wrong`, why it cannot be used."""

    address: str
    host: str
    threads: int
    process: str = ""
    wrong: str = ""
    busy: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""

    def part(self, width: int) -> int:
        """The number of a worker's threads that a call takes for so many processors."""
        return min(width, self.threads)


class Dask:
    """A client of a cluster, and how busy its workers are with our calls."""

    capabilities: ClassVar = Capabilities(
        isolates=True, ends_calls=True, tells_prints=True, here=False, keeps_limits=True
    )

    @classmethod
    def slots_for(cls, library: Library) -> int:  # noqa: ARG003  # others ask it
        """As many as the workers have threads, which only they know."""
        return 0

    def __init__(self, setup: Setup) -> None:
        if importlib.util.find_spec("distributed") is None:
            raise UsageError("Dask is not installed: pip install 'radps-dag[dask]'")
        settings = setup.settings
        assert isinstance(settings, DaskSettings)
        self._settings = settings
        self._requests = Requests(setup)
        self._products = None if setup.publish else setup.products
        self._cluster: Any = None
        self._workers: dict[str, _Worker] = {}
        self._count = 0
        self._changed: asyncio.Condition | None = None
        self._watch: asyncio.Task[None] | None = None
        self._client: Any = None
        try:
            security = security_of(settings)
            if not settings.scheduler:
                self._cluster = start_cluster(settings, security)
            self._client = connect(settings, self._cluster, security)
            self._first_workers()
        except BaseException:
            self._leave()
            raise
        self._slots = setup.slots or sum(one.threads for one in self._workers.values())

    @property
    def slots(self) -> int:
        """Number of calls that run at once."""
        return self._slots

    @property
    def hosts(self) -> list[str]:
        """Machines of the workers, one for each worker."""
        return [one.host for one in self._workers.values()]

    async def run(self, call: Call) -> Performed:
        """Run a call on the worker that has the most free threads."""
        if self._watch is None:
            self._changed = asyncio.Condition()
            self._watch = asyncio.create_task(self._watch_workers())
        width = max(1, math.ceil(call.resources.cpus))
        worker = await self._take(call.place, width)
        try:
            return self._requests.performed(call, await self._made(call, worker))
        finally:
            await asyncio.shield(self._give(worker, worker.part(width)))

    async def close(self) -> None:
        """End our calls and what they have left on the workers, and the cluster if it is ours."""
        if self._watch is not None:
            self._watch.cancel()
        await asyncio.to_thread(self._leave)

    def kill(self) -> None:
        """Do nothing: calls end when this process has gone, as Dask tells its workers."""

    async def _made(self, call: Call, worker: _Worker) -> bytes:
        self._count += 1
        future = self._client.submit(
            call_there,
            self._requests.of_call(call, worker.process),
            key=f"radps-dag-{self._requests.run}-{self._count}",
            pure=False,
            retries=0,
            workers=[worker.address],
            allow_other_workers=False,
        )
        answered = asyncio.create_task(self._on_loop(_result(future)))
        gone = asyncio.create_task(worker.gone.wait())
        try:
            await asyncio.wait({answered, gone}, return_when=asyncio.FIRST_COMPLETED)
            if answered.done():
                return answered.result()
            raise WorkerDied(call.place, self._lost(worker))
        except (WorkerDied, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  # Dask's own, of any type
            # What is known of the worker says more than Dask does.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.gone.wait(), 4 * LOOK)
            why = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise WorkerDied(call.place, self._lost(worker) if worker.why else why) from None
        finally:
            gone.cancel()
            answered.cancel()
            future.release()  # where it was not done: Dask's workers hear that nobody wants it

    def _lost(self, worker: _Worker) -> str:
        return f"the Dask worker {worker.address} on {worker.host} {worker.why or 'is gone'}"

    async def _take(self, place: str, width: int) -> _Worker:
        """The worker with the most free threads, once one has enough. Raises CallFailed where
        there is no worker for long."""
        assert self._changed is not None
        alone: float | None = None
        async with self._changed:
            while True:
                usable = [one for one in self._workers.values() if one.process and not one.wrong]
                fitting = [one for one in usable if one.busy + one.part(width) <= one.threads]
                if fitting:
                    found = max(fitting, key=lambda one: one.threads - one.busy)
                    found.busy += found.part(width)
                    return found
                alone = None if usable else alone or time.monotonic()
                if alone is not None and time.monotonic() - alone > self._settings.wait:
                    raise CallFailed(place, "NoWorkers", self._none_came())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 1.0)

    async def _give(self, worker: _Worker, width: int) -> None:
        assert self._changed is not None
        async with self._changed:
            worker.busy -= width
            self._changed.notify_all()

    async def _watch_workers(self) -> None:
        """Look who is there, as long as the run goes on."""
        assert self._changed is not None
        while True:
            try:
                there = await asyncio.wait_for(self._on_loop(self._identities()), CONTACT)
            except Exception:  # noqa: BLE001  # the scheduler is away; nobody knows its workers
                there = {}
            for address in [one for one in self._workers if one not in there]:
                worker = self._workers.pop(address)
                worker.why = await self._reason(address, scheduler=bool(there))
                worker.gone.set()
            new = self._note(there)
            if new:
                await asyncio.to_thread(self._check, new)
            async with self._changed:
                self._changed.notify_all()
            await asyncio.sleep(LOOK)

    async def _reason(self, address: str, *, scheduler: bool) -> str:
        """The reason why a worker has gone, as far as the scheduler knows."""
        if not scheduler:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._on_loop(self._client.scheduler.identity()), LOOK)
                return "is gone: no worker is left"
            return "is out of reach: the scheduler does not answer"
        with contextlib.suppress(Exception):
            events = await asyncio.wait_for(
                self._on_loop(self._client.scheduler.events(topic=address)), 1.0
            )
            for _, event in reversed(events):
                if event.get("action") in ("worker-died", "remove-worker", "retired"):
                    told = event.get("reason") or event["action"]
                    return f"is gone: {told}"
        return "is gone"

    async def _identities(self) -> dict[str, Any]:
        found = await self._client.scheduler.identity(n_workers=-1)
        there: dict[str, Any] = found["workers"]
        return there

    def _note(self, there: dict[str, Any]) -> list[_Worker]:
        """Those that are new."""
        new = [
            _Worker(address, one["host"], one["nthreads"])
            for address, one in there.items()
            if address not in self._workers
        ]
        self._workers.update((one.address, one) for one in new)
        return new

    async def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of what must run on the client's own loop."""
        loop = self._client.loop.asyncio_loop
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))

    def _first_workers(self) -> None:
        """Wait for a worker, and look what all have. Raises UsageError where one is not fit."""
        try:
            ours = 1 if self._settings.scheduler else self._settings.workers or 1
            self._client.wait_for_workers(ours, timeout=self._settings.wait)
        except Exception as error:
            raise UsageError(self._none_came()) from error
        there = self._client.scheduler_info()["workers"]
        self._check(self._note(there))
        for worker in self._workers.values():
            if worker.wrong:
                raise UsageError(f"Dask worker {worker.address}: {worker.wrong}")

    def _none_came(self) -> str:
        for one in self._workers.values():
            if one.wrong:
                return f"Dask worker {one.address}: {one.wrong}"
        wait = f"{self._settings.wait:g} s"
        return f"no worker of {self._settings.where} for {wait}; start one, or let `wait` be longer"

    def _check(self, workers: list[_Worker]) -> None:
        """Find out what workers have, before the first call: what is wrong is noted with them."""
        versions = self._ask(pkgutil.resolve_name, "radps_dag:__version__", workers)
        for one in workers:
            one.wrong = version_problem(versions.get(one.address, TimeoutError("no answer")))
        fit = [one for one in workers if not one.wrong]
        with marked(self._products) as asked:
            answers = self._ask(probe_there, self._requests.of_probe(asked), fit)
        for one in fit:
            answer = answers.get(one.address)
            if isinstance(answer, bytes):
                one.wrong, one.process = self._requests.wrong(answer)
            else:
                one.wrong = f"it does not say within {CHECK:g} s what it has: {short(answer)}"

    def _ask(self, function: Any, argument: Any, workers: list[_Worker]) -> dict[str, Any]:
        """Call a function of ours, or of Python's, on the workers; its values, or its error."""
        if not workers:
            return {}
        addresses = [one.address for one in workers]
        found: dict[str, Any] = self._client.sync(
            self._asked, function, argument, addresses, callback_timeout=CHECK + CONTACT
        )
        return found

    async def _asked(self, function: Any, argument: Any, workers: list[str]) -> dict[str, Any]:
        asking = {
            address: self._client._run(function, argument, workers=[address], on_error="return")
            for address in workers
        }
        answers = await asyncio.gather(
            *(asyncio.wait_for(one, CHECK) for one in asking.values()), return_exceptions=True
        )
        return {
            address: answer.get(address) if isinstance(answer, dict) else answer
            for address, answer in zip(asking, answers, strict=True)
        }

    def _leave(self) -> None:
        """End what the run has left there, and our client, and the cluster that is ours."""
        client, self._client = self._client, None
        if client is not None:
            if client.status == "running" and self._workers:
                fit = [one.address for one in self._workers.values() if one.process]
                with contextlib.suppress(Exception):
                    ended = client.sync(
                        client._run,
                        probe_there,
                        self._requests.of_end(),
                        workers=fit,
                        on_error="return",
                        callback_timeout=END,
                    )
                    for one in ended.values():
                        if isinstance(one, bytes):
                            self._requests.print_rest(one)
            with contextlib.suppress(Exception):
                client.close(timeout=1)
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            with contextlib.suppress(Exception):
                cluster.close(timeout=2)


def call_there(request: bytes) -> bytes:
    """On a worker: a call, until Dask does not want it any more."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def given_up() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state not in ("executing", "long-running")

    return agent.answer(request, given_up)


async def probe_there(request: bytes) -> bytes:
    """On a worker: a request that takes a moment, beside the calls that compute there."""
    return await asyncio.to_thread(agent.answer, request, lambda: False)


async def _result(future: Future[bytes]) -> bytes:
    found = await future._result()
    assert isinstance(found, bytes)
    return found
