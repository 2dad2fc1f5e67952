"""Executors: what a workload gives, how it fails, and that its end is an end."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from processes_support import alive, read, read_soon, wait_for
from repository import ROOT, SUPPORT

from radps_dag.engine.retrying import within
from radps_dag.executors import (
    Call,
    Executor,
    Setup,
    executors,
    find_executor,
    open_executor,
    processes,
)
from radps_dag.executors.processes import GRACE, Processes
from radps_dag.faults import Injection
from radps_dag.outcome import CallFailed, TimedOut
from radps_dag.problem import UsageError
from radps_dag.workloads.contract.registry import find_library

T = TypeVar("T")

WORKLOADS = SUPPORT / "executor_workloads.py"
# Long enough for a machine with much else to do: nothing here measures time.
PATIENCE = 30.0

in_both = pytest.mark.parametrize("name", ["threads", "processes"])


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    """Where a busy workload writes down its processes; what is left of them is ended."""
    file = tmp_path / "pids"
    yield file
    for pid in read(file) if file.exists() else []:
        if alive(pid) and pid != os.getpid():
            os.kill(pid, signal.SIGKILL)


def call(workload: str, tmp_path: Path, injection: Injection | None = None, **given: Any) -> Call:
    return Call("stage/task", workload, given, tmp_path / "w", "0", injection or Injection())


def using(name: str, tmp_path: Path, work: Callable[[Executor], Awaitable[T]], slots: int = 2) -> T:
    """What `work` gives, with an executor that is closed afterwards."""

    async def whole() -> T:
        library = find_library("placeholder", [WORKLOADS])
        executor = open_executor(name, library, slots, tmp_path / "workers.log")
        try:
            return await asyncio.wait_for(work(executor), PATIENCE)
        finally:
            await executor.close()

    return asyncio.run(whole())


def one(name: str, tmp_path: Path, workload: str, **given: Any) -> dict[str, Any]:
    return using(name, tmp_path, lambda executor: made(executor, call(workload, tmp_path, **given)))


async def made(executor: Executor, call: Call) -> dict[str, Any]:
    """What a call gives."""
    return (await executor.run(call)).outputs


@in_both
def test_values_travel_unchanged(name: str, tmp_path: Path) -> None:
    """A JSON value comes out as it went in, with its type; five megabytes of it too."""
    values: list[Any] = [None, True, 0, -1.5, "", "é\n\0", [], {}, [[1, {"a": None}]], 2**63]
    values += [5e-324, 1e308, "x" * 5_000_000, list(range(100_000))]

    async def work(executor: Executor) -> list[Any]:
        calls = [call("echo", tmp_path, value=one) for one in values]
        return [(await made(executor, one))["value"] for one in calls]

    found = using(name, tmp_path, work)
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]


@in_both
def test_failures_keep_type_bases_and_traceback(name: str, tmp_path: Path) -> None:
    """What a workload raises arrives with its type, the base types, its first line and the lines
    of code that raised it."""
    with pytest.raises(CallFailed) as caught:
        one(name, tmp_path, "fail", message="reset\nby peer")
    failed = caught.value
    assert (failed.place, failed.error, failed.message) == (
        "stage/task",
        "ConnectionResetError",
        "reset",
    )
    assert {"ConnectionResetError", "ConnectionError", "OSError", "Exception"} <= set(failed.kinds)
    assert "executor_workloads.py" in failed.traceback and "by peer" in failed.traceback
    assert "perform.py" not in failed.traceback


@in_both
def test_what_is_no_json_does_not_come_out(name: str, tmp_path: Path) -> None:
    """A NaN is refused where it is made."""
    with pytest.raises(CallFailed, match=r"OutputInvalid: .* value: nan is not a JSON number"):
        one(name, tmp_path, "spoil")


@in_both
def test_the_same_seed_draws_the_same(name: str, tmp_path: Path) -> None:
    """Random numbers depend on the call's seed, and not on who computes it."""
    assert one(name, tmp_path, "draw") == {"value": random.Random("0").random()}
    assert (tmp_path / "w" / "file").read_text() == "content"


@in_both
def test_calls_run_at_once(name: str, tmp_path: Path) -> None:
    """Several calls compute at the same time."""

    async def work(executor: Executor) -> list[int]:
        found = await asyncio.gather(
            *(made(executor, call("who", tmp_path, Injection(delay=0.05))) for _ in range(4))
        )
        return [one["pid"] for one in found]

    pids = using(name, tmp_path, work, slots=4)
    assert len(set(pids)) == (4 if name == "processes" else 1)


def test_a_library_that_computes_gets_no_more_threads_than_processors(tmp_path: Path) -> None:
    """Threads that wait are many; those of a library that computes are as the processors."""
    processors = len(os.sched_getaffinity(0))
    for library, slots in (("placeholder", max(16, 4 * processors)), ("sim", processors)):
        executor = open_executor("threads", find_library(library), None, tmp_path / "log")
        assert executor.slots == slots
        executor = open_executor("threads", find_library(library), 7, tmp_path / "log")
        assert executor.slots == 7


@in_both
def test_a_workload_that_exits_fails_alone(name: str, tmp_path: Path) -> None:
    """`sys.exit()` in a workload is its failure; the next call works."""

    async def work(executor: Executor) -> dict[str, Any]:
        with pytest.raises(CallFailed, match="exit"):
            await made(executor, call("leave", tmp_path, code=0))
        return await made(executor, call("echo", tmp_path, value=1))

    assert using(name, tmp_path, work) == {"value": 1}


@pytest.mark.processes
def test_workers_are_kept(tmp_path: Path) -> None:
    """Calls that follow each other meet the same worker, in a process group of its own; also
    after one that failed."""

    async def work(executor: Executor) -> list[dict[str, Any]]:
        first = await made(executor, call("who", tmp_path))
        with pytest.raises(CallFailed):
            await made(executor, call("fail", tmp_path, message="x"))
        return [first, await made(executor, call("who", tmp_path))]

    first, second = using("processes", tmp_path, work)
    assert first == second
    assert first["pid"] == first["group"] != os.getpid()
    assert not alive(first["pid"])


@pytest.mark.processes
def test_output_does_not_disturb_the_protocol(tmp_path: Path) -> None:
    """Whatever a workload writes to its streams goes to the workers' log; there is no input."""
    assert one("processes", tmp_path, "shout", words="hello") == {"value": ""}
    assert (tmp_path / "workers.log").read_text().count("hello") == 4


@pytest.mark.processes
@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("kill", "the worker process was killed by SIGKILL"),
        ("exit", "the worker process ended with exit code 7; see "),
        ("segfault", "the worker process was killed by SIGSEGV"),
    ],
)
def test_a_worker_that_dies(tmp_path: Path, how: str, told: str) -> None:
    """The death of a worker is the failure of its call, as WorkerDied; the next call works."""

    async def work(executor: Executor) -> CallFailed:
        with pytest.raises(CallFailed) as caught:
            await made(executor, call("crash", tmp_path, how=how))
        assert await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}
        return caught.value

    failed = using("processes", tmp_path, work)
    assert failed.error == "WorkerDied"
    assert failed.message.startswith(told)
    assert "WorkerDied" in failed.kinds


@pytest.mark.processes
def test_a_worker_that_dies_as_memory_runs_out(
    tmp_path: Path, pids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is killed while the kernel ends processes for want of memory says so; one that
    is killed later does not."""
    told = tmp_path / "vmstat"
    told.write_text("pgfault 9\noom_kill 1\nballoon_inflate 0\n")
    monkeypatch.setattr(processes, "_VMSTAT", told)

    async def work(executor: Executor) -> None:
        busy = asyncio.create_task(
            made(executor, call("busy", tmp_path, how="sleep", pids=str(pids)))
        )
        found = await read_soon(pids)
        told.write_text("pgfault 9\noom_kill 2\nballoon_inflate 0\n")
        os.kill(found[0], signal.SIGKILL)
        with pytest.raises(CallFailed, match=r"killed by SIGKILL \(the kernel .* memory ran out\)"):
            await busy
        with pytest.raises(CallFailed, match=r"killed by SIGKILL$"):
            await made(executor, call("crash", tmp_path, how="kill"))

    using("processes", tmp_path, work)


@pytest.mark.processes
def test_an_injected_crash_is_a_dead_worker(tmp_path: Path) -> None:
    """A drill's crash kills the process that computes."""

    async def work(executor: Executor) -> None:
        with pytest.raises(CallFailed, match=r"WorkerDied.*SIGKILL"):
            await made(executor, call("echo", tmp_path, Injection(crash=True)))

    using("processes", tmp_path, work)


@pytest.mark.processes
def test_an_idle_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    """A worker that was killed while it waited fails no call: another takes its place."""

    async def work(executor: Executor) -> dict[str, Any]:
        first = await made(executor, call("who", tmp_path))
        os.kill(first["pid"], signal.SIGKILL)
        await asyncio.to_thread(wait_for, lambda: not alive(first["pid"]))
        await asyncio.sleep(0.05)  # a turn of the loop, in which it hears of it
        return await made(executor, call("echo", tmp_path, value=1))

    assert using("processes", tmp_path, work) == {"value": 1}


@pytest.mark.processes
@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        "sleep",
        "lock",
        "hash",
        "regular_expression",
        "swallows",
        "ignores_sigterm",
        "child",
        "grandchild",
        "stubborn_child",
    ],
)
def test_a_time_out_ends_the_whole_group(tmp_path: Path, pids: Path, how: str) -> None:
    """A call out of time takes its worker with it and all that it started, C code and those that
    ignore SIGTERM too; the next call works."""

    async def work(executor: Executor) -> list[int]:
        async def late() -> dict[str, Any]:
            return await made(executor, call("busy", tmp_path, how=how, pids=str(pids)))

        # The limit begins when the workload does: a slow start of Python is not its fault.
        running = asyncio.create_task(late())
        found = await read_soon(pids)
        with pytest.raises(TimedOut):
            await within(0.05, "a", lambda: running)
        assert await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}
        return found

    found = using("processes", tmp_path, work)
    assert len(found) == (3 if "child" in how else 1)
    wait_for(lambda: not any(map(alive, found)))


@pytest.mark.processes
def test_close_ends_everything(tmp_path: Path, pids: Path) -> None:
    """When the executor closes, nothing of it is left, busy or idle."""

    async def work(executor: Executor) -> list[int]:
        idle = await made(executor, call("who", tmp_path))
        busy = [
            asyncio.create_task(
                made(executor, call("busy", tmp_path, how="stubborn_child", pids=str(pids)))
            ),
            asyncio.create_task(made(executor, call("echo", tmp_path, Injection(hang=True)))),
        ]
        found = [idle["pid"], *await read_soon(pids)]
        await executor.close()
        ended = await asyncio.gather(*busy, return_exceptions=True)
        assert all(isinstance(one, CallFailed) for one in ended)
        return found

    found = using("processes", tmp_path, work)
    wait_for(lambda: not any(map(alive, found)))


@pytest.mark.processes
def test_a_cancelled_call_leaves_no_process(tmp_path: Path) -> None:
    """Cancelled at any moment, also while its worker starts, a call leaves nothing behind."""

    async def work(executor: Executor) -> None:
        for delay in (0, 0.001, 0.01, 0.05, 0.2):
            task = asyncio.create_task(made(executor, call("echo", tmp_path, Injection(hang=True))))
            await asyncio.sleep(delay)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    using("processes", tmp_path, work)
    wait_for(lambda: not workers_of(os.getpid()))


def workers_of(parent: int) -> list[int]:
    """The worker processes that a process has started and that still run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text()
            ppid = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if "radps_dag.executors.worker" in command and ppid == parent:
            found.append(int(entry.name))
    return [pid for pid in found if alive(pid)]


@pytest.mark.processes
@pytest.mark.parametrize("how", ["sleep", "regular_expression", "stubborn_child"])
def test_workers_go_when_their_driver_is_killed(tmp_path: Path, pids: Path, how: str) -> None:
    """Of a driver that is killed with -9 no worker is left, busy as it may be, nor its children."""
    script = f"""
        import asyncio
        from pathlib import Path
        from radps_dag.executors.call import Call, Setup
        from radps_dag.executors.processes import Processes
        from radps_dag.workloads.contract.registry import find_library

        async def main():
            library = find_library("placeholder", [Path({str(WORKLOADS)!r})])
            executor = Processes(Setup(library, 1, Path("log")))
            arguments = {{"how": {how!r}, "pids": {str(pids)!r}}}
            await executor.run(Call("a", "busy", arguments, Path("w"), "0"))

        asyncio.run(main())
    """
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path)
    try:
        wait_for(pids.exists)
    finally:
        driver.kill()
        driver.wait()
    found = read(pids)
    wait_for(lambda: not any(map(alive, found)))


@pytest.mark.processes
def test_the_driver_s_directory_shadows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module in the working directory does not stand in for one of Python's in the workers."""
    (tmp_path / "json.py").write_text("raise RuntimeError('shadowed')")
    (tmp_path / "queue.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(tmp_path)
    assert one("processes", tmp_path, "echo", value=1) == {"value": 1}


@pytest.mark.processes
def test_workers_do_not_import_prefect(tmp_path: Path) -> None:
    """A worker starts in the time Python takes: it imports neither Prefect nor a graph library."""
    code = (
        "import sys, radps_dag.executors.worker;"
        "print([name for name in ('prefect', 'networkx', 'rich', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_abandoned_thread_takes_no_new_call(tmp_path: Path) -> None:
    """A call out of time stays in its thread; further calls get others."""

    async def work(executor: Executor) -> dict[str, Any]:
        for _ in range(3):
            with pytest.raises(TimedOut):
                hanging = call("echo", tmp_path, Injection(hang=True))
                await within(0.01, "a", lambda hanging=hanging: made(executor, hanging))
        return await made(executor, call("echo", tmp_path, value=1))

    assert using("threads", tmp_path, work, slots=1) == {"value": 1}


def test_the_grace_fits_the_promise() -> None:
    """A time-out is over within 5 s of its limit."""
    assert GRACE < 4
    library = find_library("placeholder", [])
    assert Processes(Setup(library, 3, Path("log"))).slots == 3


@pytest.mark.processes
def test_a_shell_that_starts_another_program_as_it_is_killed() -> None:
    """Whatever a program starts in the moment of its end is ended too."""
    script = "trap '' TERM INT; while :; do sleep 600; done"
    code = f"""if True:
        import asyncio, os, subprocess, sys, time
        from radps_dag.executors.child_processes import ChildProcesses
        programs = ChildProcesses()
        for _ in range(40):
            subprocess.Popen(["sh", "-c", {script!r}], stdin=subprocess.DEVNULL)
        time.sleep(0.5)
        asyncio.run(programs.end(0.2))
        print(len(programs._remaining()))
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        start_new_session=True,
    )
    assert done.stdout == "0\n", done.stderr


def test_an_executor_that_there_is_not(tmp_path: Path) -> None:
    """A name that is unknown is an error, and never another executor."""
    library = find_library("placeholder", [])
    with pytest.raises(UsageError, match=r"not 'proceses'; did you mean 'processes'\?"):
        open_executor("proceses", library, 1, tmp_path / "workers.log")


@pytest.mark.processes
def test_capabilities_are_true(tmp_path: Path) -> None:
    """What isolates has a process of its own for a call; the other computes in the driver's."""
    for name in ("threads", "processes"):
        apart = one(name, tmp_path, "who")["pid"] != os.getpid()
        assert find_executor(name).capabilities.isolates == apart


def test_ours_are_registered_as_others_are() -> None:
    """Entry points name the executors that are known without them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = project["entry-points"]["radps_dag.executors"]
    assert named == {name: executors()[name].value for name in named}
    assert set(named) == {"threads", "processes", "dask", "parsl"}
