"""Workloads in threads of the driving process: no start-up, no isolation.

A thread cannot be stopped. A call that is cancelled or out of time is left to itself: its result is
dropped, and its thread takes no new call until it ends. The programs it has started end with the
run; the program of a tool ends at once. Use processes where limits must hold.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, ClassVar

from radps_dag.executors.call import MOMENT, Call, Capabilities, Performed, Setup
from radps_dag.executors.child_processes import ChildProcesses
from radps_dag.executors.registry import processors
from radps_dag.executors.run_call import perform
from radps_dag.executors.worker_log import program_output
from radps_dag.outcome import CallFailed
from radps_dag.workloads.contract.registry import Library

if TYPE_CHECKING:  # most calls are of functions
    from radps_dag.workloads.tools.process import Host

__all__ = ["Threads"]

# What programs that are left over get between SIGTERM and SIGKILL.
GRACE = 2.0


class Threads:
    """A pool of daemon threads: one that never ends does not keep the program from ending."""

    capabilities: ClassVar = Capabilities(
        isolates=False, ends_calls=False, tells_prints=False, here=True
    )

    @classmethod
    def slots_for(cls, library: Library) -> int:
        """Threads wait more than they compute (for an archive, for a subprocess), so they get more
        than there are processors, unless the library says that it computes."""
        return processors() if library.computes else max(16, 4 * processors())

    def __init__(self, setup: Setup) -> None:
        self._library = setup.library
        self._slots = setup.slots
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()  # None ends a thread
        self._done: deque[tuple[_Job, Performed | BaseException]] = deque()
        self._told = False  # the loop is going to look at what is done
        self._taken = 0  # jobs that have, or are about to have, a thread
        self._started = 0
        self._abandoned = False
        self._programs = ChildProcesses()
        self._log = setup.log
        self._secrets = setup.secrets

    @property
    def slots(self) -> int:
        """Number of calls that run at once."""
        return self._slots

    async def run(self, call: Call) -> Performed:
        """Run a call in an idle thread, or in a new one."""
        loop = asyncio.get_running_loop()
        job = _Job(call, loop, loop.create_future(), self._host(call))
        self._taken += 1
        # A thread stuck in an abandoned call has its job still, so it does not hold this one up.
        if self._taken > self._started:
            self._started += 1
            name = f"thread {self._started}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
        self._jobs.put(job)
        try:
            return await job.result
        except asyncio.CancelledError:
            self._abandoned = True
            if job.host is not None:
                await asyncio.shield(asyncio.to_thread(job.host.end, GRACE))
            raise
        except CallFailed as failed:
            if "SubprocessError" in failed.kinds:
                # A Ctrl-C ends programs too, and that must not pass for the workload's own failure.
                await asyncio.sleep(MOMENT)
            raise

    async def close(self) -> None:
        """Let the threads end, and end the programs of calls that were given up."""
        for _ in range(self._started):
            self._jobs.put(None)
        try:
            if self._abandoned:
                await self._programs.end(GRACE)
        finally:
            self._programs.release()

    def kill(self) -> None:
        """Kill the programs that calls have started."""
        self._programs.kill()

    def _host(self, call: Call) -> Host | None:
        """The process in which the program of a tool runs; None for a function."""
        workload = self._library.workloads.get(call.workload)
        if workload is None or workload.tool is None:
            return None
        from radps_dag.workloads.tools.process import Host

        return Host(apart=True)

    def _perform(self, job: _Job) -> Performed:
        if job.host is None:
            return perform(job.call, self._library)
        from radps_dag.workloads.tools.process import hosting

        with program_output(self._log, job.call.place, self._secrets) as output:
            job.host.output = output
            with hosting(job.host):
                return perform(job.call, self._library)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._finish(job, self._performed(job))

    def _performed(self, job: _Job) -> Performed | BaseException:
        try:
            if job.result.cancelled():
                raise asyncio.CancelledError
            return self._perform(job)
        except BaseException as error:  # noqa: BLE001  # raised where the call is awaited
            return error

    def _finish(self, job: _Job, performed: Performed | BaseException) -> None:
        """Hand a result to the loop, which is woken once for all that come before it looks."""
        self._done.append((job, performed))
        if self._told:
            return
        self._told = True
        try:
            job.loop.call_soon_threadsafe(self._settle)
        except RuntimeError:  # the loop is gone when an abandoned call ends at last
            self._told = False

    def _settle(self) -> None:
        self._told = False  # first: what is done from here on wakes the loop again
        while self._done:
            job, performed = self._done.popleft()
            self._taken -= 1
            job.settle(performed)


class _Job:
    """A call on its way through a thread, and the future that waits for it."""

    def __init__(
        self,
        call: Call,
        loop: asyncio.AbstractEventLoop,
        result: asyncio.Future[Performed],
        host: Host | None = None,
    ) -> None:
        self.call = call
        self.loop = loop
        self.result = result
        self.host = host

    def settle(self, performed: Performed | BaseException) -> None:
        if self.result.done():
            return
        if isinstance(performed, Performed):
            self.result.set_result(performed)
        else:
            self.result.set_exception(performed)
