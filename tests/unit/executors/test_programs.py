"""Programs of tools in executors: what they print is kept, and none outlives its call."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from processes_support import alive
from repository import ROOT

from radps_dag import run
from radps_dag.engine.retrying import within
from radps_dag.executors import Call, Executor, Performed, open_executor
from radps_dag.executors.threads import Threads
from radps_dag.executors.worker_log import printed_at
from radps_dag.outcome import CallFailed, TimedOut
from radps_dag.sealed import NO_SECRETS, Secrets
from radps_dag.workloads.contract.registry import find_library

T = TypeVar("T")
PATIENCE = 60.0
in_both = pytest.mark.parametrize("name", ["threads", "processes"])
# Starts two children, one of which minds no SIGTERM and one of which is nobody's child any more.
DEAF = """
(trap '' TERM; echo $$ >> pids; while :; do sleep 1; done) &
(sleep 1000 & echo $! >> pids)
echo $$ >> pids
trap '' TERM
while :; do sleep 1; done
"""


def written(folder: Path, script: str, text: str = "") -> Path:
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    path = folder / "tool.yaml"
    path.write_text(f"version: 1\nname: tool\nprogram: [./program]\n{text}")
    return path


def using(
    name: str,
    tool: Path,
    work: Callable[[Executor], Awaitable[T]],
    secrets: Secrets = NO_SECRETS,
) -> T:
    async def whole() -> T:
        library = find_library("placeholder", [tool])
        log = tool.parent / "workers.log"
        executor = open_executor(name, library, 2, log, secrets)
        try:
            return await asyncio.wait_for(work(executor), PATIENCE)
        finally:
            await executor.close()

    return asyncio.run(whole())


def call(folder: Path, hidden: Secrets = NO_SECRETS) -> Call:
    return Call("stage/task", "tool", {}, folder / "call", "0", hidden=hidden)


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    """Where a program writes down its processes; what is left of them is ended."""
    file = tmp_path / "call" / "pids"
    yield file
    for pid in map(int, file.read_text().split()) if file.exists() else []:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


async def until(true: Callable[[], bool]) -> bool:
    for _ in range(600):
        if true():
            return True
        await asyncio.sleep(0.05)
    return False


def count(pids: Path) -> int:
    return len(pids.read_text().split()) if pids.exists() else 0


@in_both
def test_what_a_program_prints_is_kept_by_its_call(name: str, tmp_path: Path) -> None:
    """Both streams, as they come, in the run's log under the call's place; secrets are stars."""
    tool = written(tmp_path, "echo first; echo the secret-word >&2; echo last")
    using(name, tool, lambda one: one.run(call(tmp_path)), Secrets({"token": "secret-word"}))
    (found,) = printed_at(tmp_path / "workers.log", "stage/task")
    assert sorted(found.text.splitlines()) == ["first", "last", "the ***"]
    assert [path.name for path in tmp_path.glob("*.log")] == ["workers.log"]


@pytest.mark.slow
@in_both
def test_a_call_that_is_out_of_time_ends_its_program(name: str, tmp_path: Path, pids: Path) -> None:
    """And all that it has started, also what minds no SIGTERM; the next call runs."""

    async def work(executor: Executor) -> bool:
        slow = asyncio.create_task(within(3600, "p", lambda: executor.run(call(tmp_path))))
        assert await until(lambda: count(pids) == 3)
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        return await until(lambda: not any(map(alive, map(int, pids.read_text().split()))))

    assert using(name, written(tmp_path, DEAF), work)


@in_both
def test_a_time_out_is_told_as_one(name: str, tmp_path: Path) -> None:
    """The program's own end by a signal does not hide it."""
    with pytest.raises(TimedOut):
        using(
            name,
            written(tmp_path, "exec sleep 1000"),
            lambda executor: within(1.0, "p", lambda: executor.run(call(tmp_path))),
        )


@in_both
def test_a_failure_has_its_last_lines(name: str, tmp_path: Path) -> None:
    """They travel with the failure, of which the first line is the message; no secret does."""
    tool = written(tmp_path, "echo one; echo secret-word; exit 4")
    hidden = Secrets({"token": "secret-word"})
    with pytest.raises(CallFailed) as caught:
        using(name, tool, lambda one: one.run(call(tmp_path, hidden)))
    assert caught.value.place == "stage/task"
    assert caught.value.message == "program ended with exit code 4: ***"
    assert caught.value.traceback.splitlines() == ["last lines of the output:", "one", "***"]


@in_both
def test_warnings_reach_the_driver(name: str, tmp_path: Path) -> None:
    """What `warn_on` found comes back with the result."""
    tool = written(tmp_path, "echo careful", "warn_on: [{stdout: careful}]")
    performed = using(name, tool, lambda one: one.run(call(tmp_path)))
    assert performed.notes == ("tool: careful",)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_a_killed_driver_takes_the_program_along(tmp_path: Path, pids: Path) -> None:
    """Threads cannot be asked then: the system ends the group when the driver is gone."""
    tool = written(tmp_path, DEAF)
    program = """
        import asyncio, sys
        from pathlib import Path
        from radps_dag.executors import Call, open_executor
        from radps_dag.workloads.contract.registry import find_library
        folder = Path(sys.argv[1])
        async def main():
            library = find_library("placeholder", [folder / "tool.yaml"])
            executor = open_executor("threads", library, 2, folder / "workers.log")
            await executor.run(Call("stage/task", "tool", {}, folder / "call", "0"))
        asyncio.run(main())
    """
    driver = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(tool.parent)], cwd=ROOT
    )
    try:
        assert wait(lambda: count(pids) == 3)
    finally:
        driver.kill()
        driver.wait()
    assert wait(lambda: not any(map(alive, map(int, pids.read_text().split()))))


def wait(true: Callable[[], bool]) -> bool:
    for _ in range(600):
        if true():
            return True
        time.sleep(0.05)
    return False


def test_a_call_asks_for_what_its_tool_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The executor hears of a tool's resources; those of the node go before them."""
    monkeypatch.chdir(tmp_path)
    tool = written(tmp_path, "true", "resources: {cpus: 2}\n")
    (tmp_path / "p.yaml").write_text(
        "version: 1\nname: p\nstages:\n"
        "  own: {run: tool}\n"
        "  said: {run: tool, resources: {cpus: 1.5}}\n",
        encoding="utf-8",
    )
    given: dict[str, float] = {}
    compute = Threads.run

    async def listen(self: Threads, call: Call) -> Performed:
        given[call.place] = call.resources.cpus
        return await compute(self, call)

    monkeypatch.setattr(Threads, "run", listen)
    run("p.yaml", workloads=[tool], prefect=False).succeeded()
    assert given == {"own": 2, "said": 1.5}
