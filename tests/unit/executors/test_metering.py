"""Calls measured: what a workload is known to use is what is reported."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from radps_dag.executors import Setup
from radps_dag.executors.call import Call
from radps_dag.executors.metering import Meter
from radps_dag.executors.processes import Processes
from radps_dag.executors.threads import Threads
from radps_dag.facts import Usage
from radps_dag.outcome import CallFailed
from radps_dag.workloads.contract.programs import ended_programs
from radps_dag.workloads.contract.registry import find_library
from radps_dag.workloads.tools.process import Host, hosting, run
from radps_dag.workloads.tools.reaping import peak_so_far

MB = 1_000_000
linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")

WORKLOADS = '''
import os, time
from pathlib import Path
from typing import TypedDict
from radps_dag.workloads import Workdir, workload

class Nothing(TypedDict):
    pass

@workload
def use(seconds: float, touched: int, written: int, read: int, workdir: Workdir) -> Nothing:
    """Uses as much as it is asked to."""
    Path(workdir).mkdir(parents=True, exist_ok=True)
    begun = time.thread_time()
    if touched:
        memory = bytearray(touched)
        memory[::4096] = b"x" * len(range(0, touched, 4096))
        del memory
    piece = bytes(1_000_000)
    with open(Path(workdir) / "out", "wb", buffering=0) as file:
        for _ in range(written // len(piece)):
            file.write(piece)
    with open("/dev/zero", "rb", buffering=0) as file:
        for _ in range(read // len(piece)):
            file.read(len(piece))
    number = 1
    while time.thread_time() - begun < seconds:
        for _ in range(1000):
            number = number * 7 % 1_000_003
    return {}

@workload
def fail(workdir: Workdir) -> Nothing:
    """Fails."""
    raise ValueError("no")
'''


def setup_in(folder: Path, slots: int) -> Setup:
    (folder / "used_workloads.py").write_text(WORKLOADS)
    library = find_library("placeholder", [folder / "used_workloads.py"])
    return Setup(library, slots, folder / "workers.log", products=folder / "products")


def call_of(folder: Path, name: str, number: int = 0, **arguments: float) -> Call:
    root = folder / "products"
    return Call(f"a[{number}]", name, arguments, root / f"a{number}", "0", root=root)


def used(
    executor: type[Threads | Processes], folder: Path, calls: Sequence[Call], slots: int
) -> list[Usage]:
    """The usages of calls that are made at the same time."""

    async def made() -> list[Usage]:
        pool = executor(setup_in(folder, slots))
        try:
            performed = await asyncio.gather(*map(pool.run, calls))
        finally:
            await pool.close()
        return [one.usage for one in performed if one.usage is not None]

    usages = asyncio.run(made())
    assert len(usages) == len(calls)
    return usages


def wanted(folder: Path, count: int, seconds: float, **more: int) -> list[Call]:
    amounts = {"touched": 0, "written": 50 * MB, "read": 20 * MB, **more}
    return [call_of(folder, "use", n, seconds=seconds, **amounts) for n in range(count)]


@linux
@pytest.mark.slow
def test_a_process_is_measured_within_5_percent(tmp_path: Path) -> None:
    """Processor, memory and bytes of a call in a worker process are those that it used; the
    second call in the same process does not inherit the memory of the first."""
    big, small = (
        used(Processes, tmp_path, wanted(tmp_path, 1, 2.0, touched=touched), 1)[0]
        for touched in (300 * MB, 0)
    )
    assert big.cpu == pytest.approx(2.0, rel=0.05)
    assert big.peak_rss is not None and small.peak_rss is not None
    assert big.peak_rss - small.peak_rss == pytest.approx(300 * MB, rel=0.05)
    assert big.wchar == pytest.approx(50 * MB, rel=0.05)
    assert big.write_bytes == pytest.approx(50 * MB, rel=0.05)
    assert big.rchar == pytest.approx(20 * MB, rel=0.05)


@pytest.mark.processes
@linux
def test_the_peak_of_a_process_is_that_of_the_call(tmp_path: Path) -> None:
    """A call does not inherit the memory of the one before it in the same process."""
    calls = [
        call_of(tmp_path, "use", n, seconds=0, touched=touched, written=0, read=0)
        for n, touched in enumerate((100 * MB, 0))
    ]

    async def made() -> list[Usage | None]:
        pool = Processes(setup_in(tmp_path, 1))
        try:
            return [(await pool.run(call)).usage for call in calls]
        finally:
            await pool.close()

    first, second = asyncio.run(made())
    assert first is not None and second is not None and first.pid == second.pid
    assert first.peak_rss is not None and second.peak_rss is not None
    assert first.peak_rss - second.peak_rss == pytest.approx(100 * MB, rel=0.05)


@linux
@pytest.mark.slow
def test_eight_threads_are_measured_apart_within_5_percent(tmp_path: Path) -> None:
    """Processor and bytes of eight calls at once in threads are each call's own."""
    for usage in used(Threads, tmp_path, wanted(tmp_path, 8, 2.0), 8):
        assert usage.cpu == pytest.approx(2.0, rel=0.05)
        assert usage.wchar == pytest.approx(50 * MB, rel=0.05)
        assert usage.rchar == pytest.approx(20 * MB, rel=0.05)


@linux
def test_threads_have_own_bytes_and_no_memory(tmp_path: Path) -> None:
    """Calls in threads at the same time: bytes are each one's, memory is not measured."""
    calls = [
        call_of(tmp_path, "use", n, seconds=0, touched=0, written=n * MB, read=2 * n * MB)
        for n in range(1, 4)
    ]
    for n, usage in enumerate(used(Threads, tmp_path, calls, 3), 1):
        assert usage.wchar == pytest.approx(n * MB, rel=0.05)
        assert usage.rchar == pytest.approx(2 * n * MB, rel=0.05)
        assert usage.peak_rss is None
        assert usage.worker and usage.host and usage.pid == os.getpid()


@pytest.mark.parametrize(
    "executor", [Threads, pytest.param(Processes, marks=pytest.mark.processes)]
)
def test_a_failed_call_is_measured(tmp_path: Path, executor: type[Threads | Processes]) -> None:
    """A failure comes home with what the call used until then."""

    async def made() -> None:
        pool = executor(setup_in(tmp_path, 1))
        try:
            await pool.run(call_of(tmp_path, "fail"))
        finally:
            await pool.close()

    with pytest.raises(CallFailed) as failure:
        asyncio.run(made())
    assert failure.value.usage is not None and failure.value.usage.cpu is not None


class Deaf:
    """Listens to no program."""

    def hear(self, stream: str, piece: bytes) -> None:
        del stream, piece


def measured(script: str, folder: Path, host: Host | None = None) -> Usage:
    """What a program of Python uses that a thread of this process starts."""
    meter = Meter(own_process=False)
    words = [os.fsencode(sys.executable), b"-c", script.encode()]
    with hosting(host or Host()), ended_programs(meter.programs):
        run(words, folder, os.environb, Deaf())
    return meter.usage()


@pytest.mark.processes
@linux
def test_a_program_in_a_thread_is_measured(tmp_path: Path) -> None:
    """Processor, bytes and exit code of a tool's program are the call's, though it is no thread;
    memory is known where it is more than the driver's own, and otherwise is not claimed."""
    burnt = (
        "import time\nwhile time.process_time() < 0.3: pass\nopen('out','wb').write(bytes(3000000))"
    )
    big = measured(f"{burnt}\nm = b'x' * 600_000_000\nraise SystemExit(3)", tmp_path)
    assert big.exit == 3
    assert big.cpu is not None and big.cpu > 0.29
    assert big.wchar == pytest.approx(3 * MB, rel=0.05)
    assert big.peak_rss == pytest.approx(600 * MB, rel=0.05)
    kept = b"x" * 100_000_000  # noqa: F841  # the driver is larger than the next program
    small = measured("pass", tmp_path)
    assert small.peak_rss is None and small.exit == 0


@linux
def test_a_driver_that_grows_while_it_starts_a_program(tmp_path: Path) -> None:
    """The memory of the driver is not claimed to be the program's, however late it came."""

    class Growing(Host):
        def start(self, *given: Any) -> subprocess.Popen[bytes]:
            before = peak_so_far()
            kept = []
            while peak_so_far() < before + 20_000:
                kept.append(b"x" * 10_000_000)
            return super().start(*given)

    assert measured("pass", tmp_path, Growing()).peak_rss is None
