"""Executors on clusters: opened, asked for calls, closed; Dask's programs as processes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from processes_support import wait_for
from repository import ROOT, SUPPORT

from radps_dag.executors import Call, Executor, open_executor
from radps_dag.executors.registry import ExecutorChoice
from radps_dag.executors.worker_log import printed_at
from radps_dag.workloads.contract.registry import find_library

__all__ = [
    "WORKLOADS",
    "DaskPrograms",
    "call",
    "copy_of_package",
    "dask_programs",
    "hear",
    "heard",
    "made",
    "using",
]

T = TypeVar("T")

WORKLOADS = SUPPORT / "executor_workloads.py"
PATIENCE = 150.0


def call(workload: str, folder: Path, place: str = "stage/task", **given: Any) -> Call:
    """A call that writes below a folder."""
    return Call(place, workload, given, folder / "w", "0")


def using(
    choice: ExecutorChoice,
    folder: Path,
    work: Callable[[Executor], Awaitable[T]],
    **options: Any,
) -> T:
    """What `work` gives, with an executor that is closed afterwards; its log is `workers.log`."""
    library = find_library("placeholder", [WORKLOADS])
    executor = open_executor(choice, library, None, folder / "workers.log", **options)

    async def whole() -> T:
        try:
            return await asyncio.wait_for(work(executor), PATIENCE)
        finally:
            await executor.close()

    return asyncio.run(whole())


async def made(executor: Executor, call: Call) -> dict[str, Any]:
    """What a call gives."""
    return (await executor.run(call)).outputs


def copy_of_package(folder: Path, file: str, old: str, new: str) -> Mapping[str, str]:
    """The environment in which Python finds another radps_dag: a copy with a text changed."""
    copy = folder / "other"
    shutil.copytree(ROOT / "radps_dag", copy / "radps_dag", ignore=shutil.ignore_patterns("*.pyc"))
    changed = copy / "radps_dag" / file
    text = changed.read_text(encoding="utf-8")
    assert old in text
    changed.write_text(text.replace(old, new), encoding="utf-8")
    return {"PYTHONPATH": str(copy)}


async def hear(executor: Executor, folder: Path) -> None:
    """A call that ends when it has been heard."""
    until, pids = folder / "until", folder / "pids"
    murmur = call("murmur", folder, "loud", words="soon", until=str(until), pids=str(pids))
    running = asyncio.create_task(made(executor, murmur))
    await asyncio.to_thread(wait_for, lambda: heard(folder) == ["soon\n"])
    until.touch()
    assert await running == {"value": "soon"}


def heard(folder: Path) -> list[str]:
    """What the log and the files beside it have of that call."""
    return [output.text for output in printed_at(folder / "workers.log", "loud")]


@dataclass
class DaskPrograms:
    """A scheduler and its workers, each a process of its own."""

    folder: Path
    options: tuple[str, ...]
    started: list[subprocess.Popen[bytes]]
    address: str = ""

    def start(self, what: str, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start one of Dask's programs, in a session of its own."""
        with (self.folder / "dask.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", what, *arguments, *self.options],
                cwd=self.folder,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    def scheduler(self, port: int = 0) -> subprocess.Popen[bytes]:
        """Start the scheduler at a port, or at any, and wait until it has an address."""
        file = self.folder / f"scheduler-{len(self.started)}.json"
        told = ("--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1")
        process = self.start("scheduler", *told, "--port", str(port))
        wait_for(lambda: file.exists() and file.read_text().strip().endswith("}"))
        self.address = json.loads(file.read_text())["address"]
        return process

    def worker(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a worker with a thread, without a nanny unless that is asked for."""
        common = ("--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
        nanny = () if "--nanny" in arguments else ("--no-nanny",)
        return self.start("worker", self.address, *common, *nanny, *arguments, **variables)

    def ready(self, workers: int) -> None:
        """Wait until the scheduler has so many workers."""
        from distributed import Client

        with Client(self.address, timeout=PATIENCE) as client:
            client.wait_for_workers(workers, timeout=PATIENCE)


@contextmanager
def dask_programs(folder: Path, *options: str) -> Iterator[DaskPrograms]:
    """A scheduler that runs; it and all workers are gone afterwards."""
    programs = DaskPrograms(folder, options, [])
    try:
        programs.scheduler()
        yield programs
    finally:
        for process in programs.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
