"""Calls on a Dask cluster.

Dask carries bytes and knows its workers; which of them computes a call is said here, so that a call
whose worker has gone is never made a second time by Dask itself. On the worker a call runs in a
process of its own (`agent`), which ends when Dask no longer wants the call: it was cancelled, or
this process has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from radps_dag.executors import agent
from radps_dag.executors.call import Call, Performed, Setup
from radps_dag.executors.dask_cluster import Replaced, connect, security_of, start_cluster
from radps_dag.executors.dask_worker import Share, Worker
from radps_dag.executors.dask_workers import LOOK, Workers, on_loop
from radps_dag.executors.offers import lacking_workers
from radps_dag.executors.requests import Elsewhere, Requests
from radps_dag.executors.settings import DaskSettings
from radps_dag.journal.occupancy import Occupancy
from radps_dag.language.model import Resources
from radps_dag.outcome import WorkerDied
from radps_dag.problem import UsageError

if TYPE_CHECKING:
    from distributed import Future

__all__ = ["Dask"]


class Dask(Elsewhere):
    """A client of a cluster, and the calls that its workers compute."""

    def __init__(self, setup: Setup) -> None:
        if importlib.util.find_spec("distributed") is None:
            raise UsageError("Dask is not installed: pip install 'radps-dag[dask]'")
        settings = setup.settings
        assert isinstance(settings, DaskSettings)
        self._requests = Requests(setup)
        self._cluster: Any = None
        self._client: Any = None
        self._count = 0
        try:
            security = security_of(settings)
            if not settings.scheduler:
                self._cluster = start_cluster(settings, security)
            client = connect(settings, self._cluster, security)
            products = None if setup.publish else setup.products
            replaced = Replaced(self._cluster, settings.workers)
            self._workers = Workers(client, settings, self._requests, products, replaced)
            self._client = client
            self._workers.wait(setup.say)
        except BaseException:
            self._leave()
            raise
        self._slots = setup.slots or self._workers.threads

    @classmethod
    def lacking_of(cls, settings: DaskSettings) -> Callable[[Resources], str]:
        """Compare what a call asks for with the workers of a cluster, before it is used."""
        return lacking_workers(settings)

    @property
    def slots(self) -> int:
        """Number of calls that run at once."""
        return self._slots

    @property
    def hosts(self) -> list[str]:
        """Machines of the workers, one for each worker."""
        return self._workers.hosts

    async def occupancy(self) -> Occupancy:
        """The machines of its workers, and the calls that wait for one."""
        self._workers.watch()
        return self._workers.occupancy()

    async def run(self, call: Call) -> Performed:
        """Run a call on the worker that has the most free threads."""
        self._workers.watch()
        share = Share.of(call.resources)
        worker = await self._workers.take(call.place, share)
        try:
            with self._requests.keeping(call.place) as kept, self._workers.listening(worker, kept):
                response = await self._made(call, worker)
                kept.answered()
            return self._requests.performed(call, response)
        finally:
            await asyncio.shield(self._workers.give(worker, share))

    async def close(self) -> None:
        """End our calls and what they have left on the workers, and the cluster if it is ours."""
        self._workers.leave()
        await asyncio.to_thread(self._leave)

    async def _made(self, call: Call, worker: Worker) -> bytes:
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
        answered = asyncio.create_task(on_loop(self._client, _result(future)))
        gone = asyncio.create_task(worker.gone.wait())
        try:
            await asyncio.wait({answered, gone}, return_when=asyncio.FIRST_COMPLETED)
            if answered.done():
                return answered.result()
            raise WorkerDied(call.place, worker.loss)
        except (WorkerDied, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001  # Dask's own, of any type
            why = f"{type(error).__name__}: {error}".partition("\n")[0]
            if "scheduler-connection-lost" in why:
                self._workers.forget()
            # What is known of the worker says more than Dask does.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.gone.wait(), 4 * LOOK)
            raise WorkerDied(call.place, worker.loss if worker.why else why) from None
        finally:
            gone.cancel()
            answered.cancel()
            future.release()  # where it was not done: Dask's workers hear that nobody wants it

    def _leave(self) -> None:
        """End what the run has left there, and our client, and the cluster that is ours."""
        client, self._client = self._client, None
        if client is not None:
            self._workers.end()
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


async def _result(future: Future[bytes]) -> bytes:
    answer = await future._result()
    assert isinstance(answer, bytes)
    return answer
