"""Workloads in persistent worker processes: isolated, and killable, so that time-outs hold.

Each worker leads a process group of its own. A call that is cancelled or out of time takes its
worker with it, and all that the workload started: SIGTERM first, then SIGKILL. The next call gets a
new worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from radps_dag.executors import wire
from radps_dag.executors.call import Call, Capabilities, Performed, Setup
from radps_dag.executors.registry import processors
from radps_dag.executors.worker_log import collect
from radps_dag.outcome import CallFailed, WorkerDied
from radps_dag.sealed import Secrets
from radps_dag.workloads.contract.registry import Library

__all__ = ["Processes"]

# What a group of processes gets between SIGTERM and SIGKILL.
GRACE = 2.0
_VMSTAT = Path("/proc/vmstat")


class Processes:
    """A pool of worker processes, each started when it is first needed."""

    capabilities: ClassVar = Capabilities(
        isolates=True, ends_calls=True, tells_prints=True, here=True
    )

    @classmethod
    def slots_for(cls, library: Library) -> int:  # noqa: ARG003  # others ask it
        """A worker for each processor."""
        return processors()

    def __init__(self, setup: Setup) -> None:
        self._open(wire.introduction(setup), setup.slots, setup.log)

    @classmethod
    def elsewhere(cls, introduction: Mapping[str, Any], log: Path) -> Processes:
        """The same on a machine of a cluster, where the driver's introduction says what to import.
        It has as many workers as it is asked at once."""
        processes = cls.__new__(cls)
        processes._open(introduction, 0, log)
        return processes

    def _open(self, introduction: Mapping[str, Any], slots: int, log: Path) -> None:
        self._introduction = {**introduction, "log": str(log.absolute())}
        self._slots = slots
        self._log = log
        self._secrets = Secrets(introduction["secrets"])
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._closed = False

    @property
    def slots(self) -> int:
        """Number of calls that run at once."""
        return self._slots

    async def run(self, call: Call) -> Performed:
        """Run a call in a free worker."""
        answer = await self.ask(call.place, wire.to_json(call))
        if "outputs" in answer:
            return wire.to_performed(answer)
        raise wire.to_failure(answer)

    async def ask(self, place: str, message: dict[str, Any]) -> dict[str, Any]:
        """Ask a free worker, and return its answer. Raises WorkerDied if there is none."""
        worker = await self._take()
        if self._closed:
            # It closed while the worker started.
            await self._end(worker)
            raise CallFailed(place, "ExecutorClosed", "the run is over")
        try:
            answer = await worker.ask(message)
        except asyncio.CancelledError:
            await asyncio.shield(self._end(worker))
            raise
        except (asyncio.IncompleteReadError, ConnectionError):
            why = f"the worker process {await self._died(worker)}"
            raise WorkerDied(place, why) from None
        self._idle.append(worker)
        return answer

    async def close(self) -> None:
        """End all workers."""
        self._closed = True
        await asyncio.gather(*(self._end(worker) for worker in tuple(self._all)))

    def kill(self) -> None:
        """SIGKILL to the groups of all workers. Where a worker has ended at an earlier signal, what
        it started is there still, and no lifeline reaches it."""
        for worker in tuple(self._all):
            worker.signal(signal.SIGKILL)

    async def _take(self) -> _Worker:
        """A worker that waits, or a new one. One that has died while it waited is no use."""
        while self._idle:
            worker = self._idle.pop()
            if not worker.gone:
                return worker
            await self._end(worker)
        return await self._start()

    async def _start(self) -> _Worker:
        ours, theirs = socket.socketpair()
        # Nothing is ever sent over this pair: it ends when this process does.
        lifeline, held = socket.socketpair()
        with theirs, held, self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                # Safe path: a module of the working directory must not shadow one of Python's.
                *(sys.executable, "-P", "-m", "radps_dag.executors.worker"),
                *(str(theirs.fileno()), str(held.fileno())),
                pass_fds=(theirs.fileno(), held.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=1 << 20)
        worker = _Worker(process, reader, writer, lifeline)
        self._all.add(worker)
        worker.tell(self._introduction)
        return worker

    async def _end(self, worker: _Worker) -> None:
        await worker.kill()
        collect(self._log, worker.process.pid, self._secrets)
        self._all.discard(worker)

    async def _died(self, worker: _Worker) -> str:
        """Say how a worker ended."""
        code = await worker.process.wait()
        # Whatever it had started is in its group still.
        await self._end(worker)
        if code < 0:
            with contextlib.suppress(ValueError):
                why = ""
                if -code == signal.SIGKILL and _memory_kills() > worker.memory_kills:
                    why = " (the kernel has ended processes there because memory ran out)"
                return f"was killed by {signal.Signals(-code).name}{why}"
        return f"ended with exit code {code}; see {self._log}"


class _Worker:
    """A worker process and the channel to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        lifeline: socket.socket,
    ) -> None:
        self.process = process
        self._reader = reader
        self._writer = writer
        self._lifeline = lifeline
        self.memory_kills = _memory_kills()  # that there had been when it began its last call

    @property
    def gone(self) -> bool:
        return self.process.returncode is not None or self._reader.at_eof()

    def tell(self, message: dict[str, Any]) -> None:
        self._writer.write(wire.pack(message))

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        self.memory_kills = _memory_kills()
        self.tell(message)
        await self._writer.drain()
        return await wire.read(self._reader)

    async def kill(self) -> None:
        """End the whole group. The leader may be gone and its children not: so, by group."""
        try:
            if self.signal(signal.SIGTERM):
                await self._wait_for_group()
                self.signal(signal.SIGKILL)
            await self.process.wait()
        finally:
            self._writer.close()
            self._lifeline.close()

    async def _wait_for_group(self) -> None:
        clock = asyncio.get_running_loop()
        until = clock.time() + GRACE
        while clock.time() < until:
            if self.process.returncode is not None and not self.signal(0):
                return
            await asyncio.sleep(0.02)

    def signal(self, number: int) -> bool:
        """Send a signal to the group; whether there is anybody left to get it."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return False
        except PermissionError:  # a zombie group leader, on some systems
            return self.process.returncode is None
        return True


def _memory_kills() -> int:
    """Number of processes that the kernel of this machine has ended because memory ran out, also
    that of a job or a container alone; 0 where it does not say."""
    with contextlib.suppress(OSError, ValueError):
        return int(_VMSTAT.read_text().partition("\noom_kill ")[2].partition("\n")[0])
    return 0
