"""Pilots of a run: jobs that run or are pending, and calls that wait for one."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from radps_dag.executors.settings import Block, ParslSettings
from radps_dag.journal.occupancy import Jobs, Machine, Occupancy, Wait

__all__ = ["Pilots"]

ASK = 10.0  # seconds between two questions to the queue, why jobs are pending
ANSWER = 5.0  # seconds in which it must answer
# Words of Slurm for a job that it has not looked at, or is not waiting.
_NO_REASON = ("None", "(null)", "")


class Pilots:
    """Jobs by their block, and calls by their place, as far as is known."""

    def __init__(self, settings: ParslSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()  # calls ask in another thread
        self._waiting: dict[str, tuple[str, float]] = {}  # by place: the block, since when
        self._hosts: dict[str, str] = {}  # by place, of calls that go on
        self._why: dict[str, str] = {}  # by block
        self._asked = 0.0

    @contextlib.contextmanager
    def calling(
        self, place: str, block: Block, add: Callable[[str], None]
    ) -> Iterator[Callable[[str, str], None]]:
        """Take note of a call that waits until its host says something, which goes on to `add`."""
        with self._lock:
            self._waiting[place] = block.name, time.time()

        def said(host: str, text: str) -> None:
            with self._lock:
                if self._waiting.pop(place, None) is not None:
                    self._hosts[place] = host
            add(text)

        try:
            yield said
        finally:
            with self._lock:
                self._waiting.pop(place, None)
                self._hosts.pop(place, None)

    def occupancy(self, executors: Mapping[str, Any]) -> Occupancy:
        """Jobs of the blocks, by Parsl's executors for them, and calls. It may ask the queue."""
        with self._lock:
            waiting, hosts = dict(self._waiting), Counter(self._hosts.values())
        self._ask(executors)
        jobs = {block.name: self._jobs(block, executors[block.name]) for block in self._blocks}
        waits = [
            Wait(place, "worker" if jobs[block].running else "block", _missing(jobs[block]), since)
            for place, (block, since) in waiting.items()
        ]
        machines = [Machine(host, 0, 0, calls) for host, calls in sorted(hosts.items())]
        there = tuple(each for each in jobs.values() if each.running or each.pending)
        return Occupancy(machines=tuple(machines), jobs=there, waits=tuple(waits))

    @property
    def _blocks(self) -> tuple[Block, ...]:
        return self._settings.blocks

    def _jobs(self, block: Block, executor: Any) -> Jobs:
        states = Counter(job.status_name for job in dict(executor.status_facade).values())
        running, pending = states["RUNNING"], states["PENDING"] + states["HELD"]
        workers = running * block.nodes * block.at_once
        return Jobs(block.name, running, pending, workers, self._why.get(block.name, ""))

    def _ask(self, executors: Mapping[str, Any]) -> None:
        """Ask Slurm why jobs are pending; Parsl does not say it, and of other queues nothing is
        known."""
        pending = {
            str(executor.blocks_to_job_id.get(number)): name
            for name, executor in executors.items()
            for number, job in dict(executor.status_facade).items()
            if job.status_name == "PENDING"
        }
        if not pending:
            self._why, self._asked = {}, 0.0
            return
        if self._settings.provider != "slurm" or time.monotonic() - self._asked < ASK:
            return
        self._asked = time.monotonic()
        command = ["squeue", "--noheader", "--format=%i %r", f"--jobs={','.join(pending)}"]
        self._why = {}
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            told = subprocess.run(  # noqa: S603  # the numbers are Slurm's
                command, capture_output=True, text=True, timeout=ANSWER, check=True
            ).stdout
            for line in told.splitlines():
                job, _, why = line.strip().partition(" ")
                if job in pending and why not in _NO_REASON:
                    self._why[pending[job]] = why


def _missing(jobs: Jobs) -> str:
    """Words for what a call in a block waits for."""
    if jobs.running:
        return f"a worker of block {jobs.block}"
    if not jobs.pending:
        return f"a job of block {jobs.block}"
    return f"block {jobs.block}, pending" + (f": {jobs.why}" if jobs.why else "")
