"""Calls in Parsl's pilots: jobs of this machine, and those of a real Slurm."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import slurm_server
from cluster_support import call, hear, heard, made, using
from processes_support import alive, read, read_soon, wait_for

from radps_dag.executors import Executor
from radps_dag.executors.registry import ExecutorChoice
from radps_dag.executors.settings import Block, ParslSettings
from radps_dag.executors.way_back import SILENCE, WayBack, still_wanted
from radps_dag.executors.worker_log import printed_at
from radps_dag.journal.occupancy import Jobs, Machine
from radps_dag.language.model import Resources
from radps_dag.outcome import CallFailed, TimedOut, WorkerDied
from radps_dag.problem import UsageError


def pilots(*blocks: Block, **settings: Any) -> ExecutorChoice:
    return ExecutorChoice("hpc", "parsl", ParslSettings(blocks=blocks, **settings))


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slurm_server.Slurm]:
    """A Slurm of this machine alone; the test is skipped where there is none."""
    reason = slurm_server.missing()
    if reason:
        pytest.skip(reason)
    with slurm_server.serving(tmp_path_factory.mktemp("slurm")) as running:
        yield running


def test_calls_in_a_pilot_of_this_machine(tmp_path: Path) -> None:
    """Values and failures travel, what is printed comes into the log, a call that is out of time
    ends with all that it has started, a call goes to a block that has what it asks for; keys of
    the pilots and the pilots themselves are gone at the end."""
    blocks = (Block(name="small", cpus=1), Block(name="wide", cpus=2, calls=1))
    late = replace(
        call("busy", tmp_path, how="stubborn_child", pids=str(tmp_path / "pids")), limit=4.0
    )

    async def work(executor: Executor) -> int:
        assert executor.slots == 3
        assert await made(executor, call("echo", tmp_path, value=["é"])) == {"value": ["é"]}
        with pytest.raises(CallFailed, match="ConnectionResetError: reset"):
            await made(executor, call("fail", tmp_path, message="reset"))
        await made(executor, call("shout", tmp_path, "stage/loud", words="hello"))
        with pytest.raises(WorkerDied, match="killed by SIGSEGV on "):
            await made(executor, call("crash", tmp_path, how="segfault"))
        small = await made(executor, call("who", tmp_path))
        with pytest.raises(TimedOut):
            await made(executor, late)
        await asyncio.to_thread(wait_for, lambda: not any(map(alive, read(tmp_path / "pids"))))
        wide = replace(call("who", tmp_path), resources=Resources(cpus=2))
        assert (await made(executor, wide))["pid"] != small["pid"]
        with pytest.raises(CallFailed, match="NoBlock: no block has what it asks for: 1 proc"):
            await executor.run(replace(wide, resources=Resources(gpus=1)))
        return int(small["pid"])

    pid = using(pilots(*blocks), tmp_path, work)
    (printed,) = printed_at(tmp_path / "workers.log", "stage/loud")
    assert printed.text.count("hello") == 4
    wait_for(lambda: not alive(pid))
    assert not (tmp_path / "parsl").exists()


def test_what_a_call_prints_comes_while_it_goes_on(tmp_path: Path) -> None:
    """`show` finds it before the call has ended, and once when it has."""
    using(pilots(Block(name="a")), tmp_path, lambda executor: hear(executor, tmp_path))
    assert heard(tmp_path) == ["soon\nthe end\n"]


def test_a_cancelled_call_ends_in_its_pilot(tmp_path: Path) -> None:
    """The channel tells a call that nobody wants it; the pilot takes the next one."""
    pids = tmp_path / "pids"

    async def work(executor: Executor) -> None:
        busy = call("busy", tmp_path, how="regular_expression", pids=str(pids))
        running = asyncio.create_task(made(executor, busy))
        found = await read_soon(pids)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.to_thread(wait_for, lambda: not any(map(alive, found)))
        assert await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}

    using(pilots(Block(name="a")), tmp_path, work)


def test_who_has_no_key_gets_nothing() -> None:
    """The channel answers calls of the run; one with another key hears nothing, and without a way
    there it is said."""
    import zmq

    back = WayBack(["127.0.0.1"])
    try:
        said: list[str] = []
        with back.wanting(lambda _, text: said.append(text)) as ticket:
            told = json.loads(ticket.content)
            with still_wanted(told) as (given_up, say):
                say("something")
                wait_for(lambda: given_up() or "something" in said)
                assert not given_up()
        with still_wanted(told) as (given_up, _):
            wait_for(given_up, SILENCE / 2)  # an answer, and not that there is none
        other, secret = zmq.curve_keypair()
        with zmq.Context.instance().socket(zmq.DEALER) as stranger:
            stranger.linger = 0
            stranger.curve_serverkey = told["server"].encode()
            stranger.curve_publickey, stranger.curve_secretkey = other, secret
            stranger.connect(f"tcp://127.0.0.1:{told['port']}")
            stranger.send_multipart([told["call"].encode(), b"host"])
            assert not stranger.poll(500)
    finally:
        back.close()
    with pytest.raises(ConnectionError, match=r"no way back from .* to the driver at 127.0.0.1"):
        still_wanted(told).__enter__()


def test_a_driver_that_is_killed_leaves_no_pilot(tmp_path: Path) -> None:
    """Of a driver that is killed with -9 no call, no pilot and no interchange goes on."""
    pids = tmp_path / "pids"
    script = f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parents[1] / "support")!r})
        from cluster_support import call, made, using
        from radps_dag.executors.registry import ExecutorChoice
        from radps_dag.executors.settings import Block, ParslSettings

        busy = call("busy", Path({str(tmp_path)!r}), how="sleep", pids={str(pids)!r})
        choice = ExecutorChoice("c", "parsl", ParslSettings(blocks=(Block(name="a"),)))
        using(choice, Path({str(tmp_path)!r}), lambda executor: made(executor, busy))
    """
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    try:
        found = asyncio.run(read_soon(pids))
    finally:
        driver.kill()
        driver.wait()
    wait_for(lambda: not any(map(alive, found)), 90.0)
    wait_for(lambda: not _of_parsl(tmp_path), 90.0)


@pytest.mark.slow  # that a pilot has gone is noticed when it is silent
def test_pilots_that_are_killed_are_replaced(tmp_path: Path) -> None:
    """However many in a row: calls that they had are lost by name, and the next ones are made."""

    async def answered(executor: Executor) -> bool:
        try:
            return await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}
        except WorkerDied:
            return False

    async def work(executor: Executor) -> None:
        assert await answered(executor)
        for _ in range(3):
            for pid in _of_parsl(tmp_path):
                os.kill(pid, signal.SIGKILL)
            while not await answered(executor):
                pass

    using(pilots(Block(name="a")), tmp_path, work)


def test_jobs_that_start_no_worker(tmp_path: Path) -> None:
    """A block whose jobs end before they have a worker is given up, with their last words, instead
    of being tried for ever."""

    async def work(executor: Executor) -> None:
        with pytest.raises(CallFailed, match="block a: no such module: apptainer"):
            await made(executor, call("echo", tmp_path, value=1))

    setup = ("echo no such module: apptainer >&2", "exit 3")
    using(pilots(Block(name="a"), setup=setup), tmp_path, work)


@pytest.mark.parametrize("busy", [False, True])
def test_a_pool_that_is_killed_leaves_nothing(tmp_path: Path, *, busy: bool) -> None:
    """Of a pool that is killed with -9, and of its calls, no process goes on; the driver lives."""
    pids = tmp_path / "pids"

    async def work(executor: Executor) -> None:
        await made(executor, call("echo", tmp_path, value=1))
        asked = call("busy", tmp_path, how="child", pids=str(pids))
        call_goes_on = asyncio.create_task(made(executor, asked)) if busy else None
        if busy:
            await read_soon(pids)
        pools = [pid for pid in _of_parsl(tmp_path) if "python" in _name_of(pid)]
        left = [pid for pool in pools for pid in _children_of(pool)]
        assert len(left) > 2  # its worker, what the workers share, what that has started
        for pool in pools:
            os.kill(pool, signal.SIGKILL)
        left += read(pids) if busy else []
        await asyncio.to_thread(wait_for, lambda: not any(map(alive, left)))
        if call_goes_on is not None:
            with pytest.raises(WorkerDied):
                await call_goes_on

    using(pilots(Block(name="a")), tmp_path, work)


def _name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()


def _children_of(pid: int) -> list[int]:
    """The processes that a process has started, and that those have."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    return [*children, *(each for child in children for each in _children_of(child))]


def _of_parsl(folder: Path) -> list[int]:
    """The processes of Parsl whose command names a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text()
        except OSError:
            continue
        if str(folder) in command and "radps_dag.executors.pool" in command:
            found.append(int(entry.name))
    return [pid for pid in found if alive(pid)]


def test_what_a_provider_does_not_take(tmp_path: Path) -> None:
    """An argument that Parsl's provider does not have, or a partition where there are none, is a
    line before the run."""
    wrong = [
        (pilots(Block(name="a"), arguments={"qos": "x"}), "takes no argument 'qos'; it takes"),
        (pilots(Block(name="a", partition="gpu")), "provider 'local' takes no partition"),
        (pilots(Block(name="a"), account="alma"), "provider 'local' takes no account"),
    ]
    for choice, told in wrong:
        with pytest.raises(UsageError, match=told):
            using(choice, tmp_path, lambda executor: executor.close())
    assert not (tmp_path / "parsl").exists()


def test_calls_on_slurm(slurm: slurm_server.Slurm, tmp_path: Path) -> None:
    """Calls compute in a job that is named after the run; after the run there is no job."""
    block = Block(name="short", partition="short", cpus=1, walltime=300.0)

    async def work(executor: Executor) -> list[str]:
        assert await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}
        names = await asyncio.to_thread(slurm.jobs)
        await asyncio.gather(*(made(executor, call("echo", tmp_path, value=n)) for n in range(20)))
        return names

    (name,) = using(pilots(block, provider="slurm"), tmp_path, work)
    assert f"{tmp_path.name}.short" in name
    wait_for(lambda: not slurm.jobs())


def test_a_call_waits_for_a_job_that_is_pending(slurm: slurm_server.Slurm, tmp_path: Path) -> None:
    """While Slurm has no node for its job, a call waits for that, for Slurm's own reason; then its
    host is known."""
    until, pids = tmp_path / "until", tmp_path / "pids"
    block = Block(name="short", partition="short", cpus=1)
    murmur = call("murmur", tmp_path, "a", words="b", until=str(until), pids=str(pids))

    async def work(executor: Any) -> None:
        with slurm.busy():
            running = asyncio.create_task(made(executor, murmur))
            there = await executor.occupancy()
            while not there.jobs or not there.jobs[0].why:
                await asyncio.sleep(0.1)
                there = await executor.occupancy()
            assert there.jobs == (Jobs("short", 0, 1, 0, "Resources"),)
            (wait,) = there.waits
            told = ("a", "block", "block short, pending: Resources")
            assert (wait.place, wait.resource, wait.words) == told
        await read_soon(pids)
        while there.waits or not there.machines:
            there = await executor.occupancy()
            await asyncio.sleep(0.1)
        assert there.machines == (Machine(platform.node(), 0, 0, 1),)
        until.touch()
        assert await running == {"value": "b"}
        assert (await executor.occupancy()).machines == ()

    using(pilots(block, provider="slurm"), tmp_path, work)


@pytest.mark.slow  # that a job has ended is noticed when it is silent
def test_a_job_that_is_cancelled(slurm: slurm_server.Slurm, tmp_path: Path) -> None:
    """The call in a job that scancel ends fails by its name and is not made again; another job
    takes the next call."""
    pids = tmp_path / "pids"
    block = Block(name="short", partition="short", cpus=1)

    async def work(executor: Executor) -> None:
        busy = asyncio.create_task(
            made(executor, call("busy", tmp_path, how="child", pids=str(pids)))
        )
        found = await read_soon(pids)
        pids.rename(tmp_path / "pids of the first")
        await asyncio.to_thread(slurm.cancel)
        with pytest.raises(WorkerDied, match=r"its job has ended: block short on .* was cancelled"):
            await busy
        await asyncio.to_thread(wait_for, lambda: not any(map(alive, found)))
        assert await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}
        assert not pids.exists()

    using(pilots(block, provider="slurm"), tmp_path, work)


@pytest.mark.slow  # that a job has ended is noticed when it is silent
def test_a_job_over_its_memory(slurm: slurm_server.Slurm, tmp_path: Path) -> None:
    """The call in a job that Slurm ends for its memory fails with that as its cause; another job
    takes the next call."""
    block = Block(name="short", partition="short", cpus=1, memory=10**9)

    async def work(executor: Executor) -> None:
        with pytest.raises(WorkerDied, match=r"block short on .* used more memory than it has"):
            await made(executor, call("fill", tmp_path, megabytes=1500))
        assert await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}

    using(pilots(block, provider="slurm"), tmp_path, work)


@pytest.mark.slow  # that a job has ended is noticed when it is silent
def test_a_node_that_goes(slurm: slurm_server.Slurm, tmp_path: Path) -> None:
    """The call on a node that is down fails with that as its cause, and is not made again; when the
    node is back, a job there takes the next call."""
    pids = tmp_path / "pids"
    block = Block(name="short", partition="short", cpus=1)

    async def work(executor: Executor) -> None:
        busy = asyncio.create_task(
            made(executor, call("busy", tmp_path, how="child", pids=str(pids)))
        )
        found = await read_soon(pids)
        pids.rename(tmp_path / "pids of the first")
        await asyncio.to_thread(slurm.down)
        try:
            with pytest.raises(WorkerDied, match=r"block short on .* lost a node"):
                await busy
            await asyncio.to_thread(wait_for, lambda: not any(map(alive, found)))
        finally:
            await asyncio.to_thread(slurm.resume)
        assert await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}
        assert not pids.exists()

    using(pilots(block, provider="slurm"), tmp_path, work)


@pytest.mark.slow  # a queue that does not answer is asked again now and then
def test_a_queue_that_does_not_answer_for_a_while(
    slurm: slurm_server.Slurm, tmp_path: Path
) -> None:
    """A call that comes while Slurm's controller is away waits, and is made once it is back; while
    a job is there, calls need no controller."""
    block = Block(name="short", partition="short", cpus=1)

    async def work(executor: Any) -> None:
        with slurm.away():
            waiting = asyncio.create_task(made(executor, call("echo", tmp_path, value=1)))
            there = await executor.occupancy()
            while not there.waits:
                await asyncio.sleep(0.1)
                there = await executor.occupancy()
            assert there.waits[0].words == "a job of block short"
        assert await waiting == {"value": 1}
        with slurm.away():
            assert await made(executor, call("echo", tmp_path, value=2)) == {"value": 2}

    using(pilots(block, provider="slurm"), tmp_path, work)


def test_a_job_that_slurm_does_not_take(slurm: slurm_server.Slurm, tmp_path: Path) -> None:
    """A partition that there is not is the failure of the call, in Slurm's own words."""
    block = Block(name="none", partition="nowhere", cpus=1)

    async def work(executor: Executor) -> None:
        with pytest.raises(CallFailed, match=r"(?i)invalid partition"):
            await made(executor, call("echo", tmp_path))

    using(pilots(block, provider="slurm"), tmp_path, work)
