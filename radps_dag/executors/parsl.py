"""Calls in Parsl's pilots: jobs of Slurm, PBS and others, in which calls compute one after another.

Parsl submits the jobs, gives them calls and knows when one has ended; calls and answers are bytes.
It cannot end a call, so each call asks over a channel of ours whether it is still wanted
(`way_back`). On the worker a call runs in a process of its own (`agent`).
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from radps_dag.executors import agent
from radps_dag.executors.call import Call, Performed, Setup
from radps_dag.executors.pilot_jobs import PilotJobs
from radps_dag.executors.pilot_provider import provider_of
from radps_dag.executors.pilots import Pilots
from radps_dag.executors.requests import Elsewhere, Requests
from radps_dag.executors.settings import Block, ParslSettings
from radps_dag.executors.way_back import WayBack, still_wanted
from radps_dag.journal.occupancy import Occupancy
from radps_dag.outcome import CallFailed, WorkerDied
from radps_dag.problem import UsageError

__all__ = ["Parsl"]

HEARTBEAT = 3  # seconds between two signs of life of a pilot
SILENCE = 15  # seconds without one after which it is lost, and after which it ends itself
# What queues say when they cannot be asked; the rest is about the job.
_AWAY = ("Unable to contact", "timed out", "timeout", "Connection refused", "communication")
# Jobs that have failed, or have ended before a worker of theirs was there.
_NO_USE = ("FAILED", "MISSING")
LOOK = 1  # seconds between two looks at how many jobs there should be
ASK = 10  # seconds between two questions to the queue: so long a job that has ended is not replaced


class Parsl(Elsewhere):
    """An executor of Parsl's for each block of the settings, and the channel to all calls."""

    def __init__(self, setup: Setup) -> None:
        if importlib.util.find_spec("parsl") is None:
            raise UsageError("Parsl is not installed: pip install 'radps-dag[parsl]'")
        settings = setup.settings
        assert isinstance(settings, ParslSettings)
        self._settings = settings
        self._slots = setup.slots
        self._requests = Requests(setup)
        self._pilots = Pilots(settings)
        # Pilots read their keys here, and nobody else does.
        self._folder = setup.log.absolute().with_name("parsl")
        self._kernel: Any = None
        self._failing: dict[str, float] = {}  # by label: since when the last jobs fail
        self._newest: dict[str, int] = {}  # by label: the job that was submitted last
        self._proven: dict[str, int] = {}  # by label: that of the last sign of a worker's life
        self._failures: dict[str, str] = {}  # by label: why it was given up
        self._jobs = {
            self._label(block): PilotJobs(slurm=settings.provider == "slurm")
            for block in settings.blocks
        }
        self._back: WayBack | None = None
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._back = WayBack(_addresses(settings))
            self._kernel = self._start()
        except BaseException:
            self._leave()
            raise

    @property
    def slots(self) -> int:
        """Number of processors that calls take at once."""
        return self._slots

    async def run(self, call: Call) -> Performed:
        """Run a call in the first block whose limits it fits."""
        block = self._block(call)
        assert self._back is not None
        with (
            self._requests.keeping(call.place) as kept,
            self._pilots.calling(call.place, block, kept.add) as said,
            self._back.wanting(said) as ticket,
        ):
            future: Future[bytes] = self._kernel.executors[self._label(block)].submit(
                call_there, {}, self._requests.of_call(call), ticket.content
            )
            answered = asyncio.wrap_future(future)
            answered.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
            try:
                # Shielded: Parsl's own thread ends at the answer to a future that is cancelled.
                response = await asyncio.shield(answered)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  # Parsl's own, or of what it imports there
                raise await self._lost(call.place, block, error) from None
            self._note_life(block)
            kept.answered()
        return self._requests.performed(call, response)

    async def occupancy(self) -> Occupancy:
        """The jobs of its blocks, where calls go on, and those that wait for a job."""
        by_block = {
            block.name: self._kernel.executors[self._label(block)]
            for block in self._settings.blocks
        }
        return await asyncio.to_thread(self._pilots.occupancy, by_block)

    async def close(self) -> None:
        """End our calls, our jobs and what Parsl has started here."""
        await asyncio.to_thread(self._leave)

    def _block(self, call: Call) -> Block:
        for block in self._settings.blocks:
            if block.fits(call.resources):
                return block
        offers = self._settings.lacking(call.resources)
        raise CallFailed(call.place, "NoBlock", f"no block has what it asks for: {offers}")

    def _label(self, block: Block) -> str:
        return f"{self._folder.parent.name}.{block.name}"

    async def _lost(self, place: str, block: Block, error: Exception) -> CallFailed:
        kind, told = type(error).__name__, str(error).strip().partition("\n")[0]
        if kind in ("WorkerLost", "ManagerLost"):
            self._note_life(block)
            why = await self._why_lost(block, error)
            what = "its worker is gone" if kind == "WorkerLost" else "its job has ended"
            return WorkerDied(place, f"{what}: block {block.name}{why}")
        if isinstance(error, ImportError):
            told = f"a worker of block {block.name} cannot import radps-dag: {told}"
            return CallFailed(place, "LibraryMissing", told)
        why = self._failures.get(self._label(block)) or f"{kind}: {told}"
        return CallFailed(place, "WorkersFailed", f"block {block.name}: {why}")

    async def _why_lost(self, block: Block, error: Any) -> str:
        """The place of a worker or a pilot, and what has become of its job, in words."""
        where = f" on {error.hostname}"
        if type(error).__name__ == "WorkerLost":
            return f"{where}, whose process has ended or was killed"
        label = self._label(block)
        ending = await asyncio.to_thread(
            self._jobs[label].ending, self._kernel.executors[label], error.manager_id.decode()
        )
        return f"{where}, {ending or f'whose pilot was not heard of for {SILENCE} s'}"

    def _note_life(self, block: Block) -> None:
        """Take note that a worker of a block has worked."""
        label = self._label(block)
        self._proven[label] = self._newest.get(label, -1)

    def _look_at_jobs(self, executor: Any, jobs: Mapping[str, Any]) -> None:
        """Give a block up whose jobs fail: at the second one that does before it has done anything,
        but where the queue does not answer only after a while, because a controller is started anew
        now and then. Jobs that have worked and were killed are replaced."""
        self._jobs[executor.label].look(executor)
        numbers = sorted(map(int, jobs))
        self._newest[executor.label] = numbers[-1] if numbers else -1
        proven = self._proven.get(executor.label, -1)
        last = [jobs[str(number)] for number in numbers if number > proven][-2:]
        if not last or any(job.status_name not in _NO_USE for job in last):
            self._failing.pop(executor.label, None)
            return
        since = self._failing.setdefault(executor.label, time.monotonic())
        # Of a job without a worker Parsl says that there was none, and the job itself why.
        told = [last[-1].message or "", last[-1].stderr_summary or ""]
        told = told[::-1] if last[-1].status_name == "MISSING" else told
        why = next(filter(None, map(_last_line, told)), "")
        away = any(words in why for words in _AWAY)
        patience = self._settings.wait if away else 0.0
        if len(last) > 1 and time.monotonic() - since >= patience:
            self._failures[executor.label] = why or "its jobs end at once, and say nothing"
            executor.set_bad_state_and_fail_all(RuntimeError(why))

    def _start(self) -> Any:
        """Parsl, with an executor for each block; no job is submitted before there is a call."""
        logger = logging.getLogger("parsl")
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        from parsl import Config, DataFlowKernel

        try:
            return DataFlowKernel(
                Config(
                    executors=[self._executor(block) for block in self._settings.blocks],
                    run_dir=str(self._folder),
                    retries=0,
                    usage_tracking=0,
                    strategy="simple",
                    strategy_period=LOOK,
                    max_idletime=self._settings.idle,
                    initialize_logging=False,
                    exit_mode="skip",
                )
            )
        except UsageError:
            raise
        except Exception as error:
            told = f"{type(error).__name__}: {error}".partition("\n")[0]
            raise UsageError(f"Parsl cannot be started: {told}") from error

    def _executor(self, block: Block) -> Any:
        from parsl.executors import HighThroughputExecutor
        from parsl.executors.high_throughput import executor as ours

        pool = f"{sys.executable} -P -m radps_dag.executors.pool"
        addresses = _addresses(self._settings)
        # Parsl asks Slurm once a minute, which is most of what a short job has.
        provider = provider_of(self._settings, block)
        ask = min(ASK, provider.status_polling_interval)
        executor = type("Pilots", (HighThroughputExecutor,), {"status_polling_interval": ask})
        return executor(
            label=self._label(block),
            provider=provider,
            launch_cmd=ours.DEFAULT_LAUNCH_CMD.replace("process_worker_pool.py", pool),
            # Ends with this process, and so do the pilots, which then hear nothing any more.
            interchange_launch_cmd=[sys.executable, "-m", "radps_dag.executors.interchange"],
            address=addresses[0] if len(addresses) == 1 else None,
            cores_per_worker=block.cpus / block.at_once,
            max_workers_per_node=block.at_once,
            available_accelerators=block.gpus if block.gpus == block.at_once else (),
            heartbeat_period=HEARTBEAT,
            heartbeat_threshold=SILENCE,
            drain_period=None if block.drained is None else int(block.drained),
            encrypted=True,
            block_error_handler=self._look_at_jobs,
        )

    def _leave(self) -> None:
        kernel, self._kernel = self._kernel, None
        if kernel is not None:
            with suppress(Exception):
                kernel.cleanup()
        back, self._back = self._back, None
        if back is not None:
            back.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def call_there(request: bytes, ticket: bytes) -> bytes:
    """On a worker: a call, until the driver does not want it any more."""
    pool = os.getppid()
    with still_wanted(json.loads(ticket)) as (given_up, say):
        # Without its pool nobody hears its answer.
        return agent.answer(request, lambda: os.getppid() != pool or given_up(), say)


def _addresses(settings: ParslSettings) -> list[str]:
    """The addresses at which workers may find this machine."""
    if settings.address:
        return [settings.address]
    if settings.provider == "local":
        return ["127.0.0.1"]
    from parsl.addresses import get_all_addresses

    return sorted(get_all_addresses())


def _last_line(text: str) -> str:
    """The last words of a queue, or of a job."""
    lines = text.partition("stderr=")[2] or text
    return (lines.strip().splitlines() or [""])[-1][:300]
