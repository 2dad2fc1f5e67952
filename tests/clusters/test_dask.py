"""Calls on Dask clusters: real schedulers and workers, each a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cluster_support import (
    WORKLOADS,
    DaskPrograms,
    call,
    copy_of_package,
    dask_programs,
    hear,
    heard,
    made,
    using,
)
from forked import command
from processes_support import alive, read_soon, wait_for

import radps_dag
from radps_dag.engine.retrying import within
from radps_dag.executors import Call, Executor, dask_cluster
from radps_dag.executors.registry import ExecutorChoice
from radps_dag.executors.settings import DaskSettings
from radps_dag.executors.worker_log import printed_at
from radps_dag.journal.occupancy import Machine
from radps_dag.language.model import Resources
from radps_dag.outcome import CallFailed, TimedOut, WorkerDied
from radps_dag.problem import InvalidPipeline, UsageError
from radps_dag.storage.remote import listing


def at(address: str, **settings: Any) -> ExecutorChoice:
    return ExecutorChoice("cluster", "dask", DaskSettings(scheduler=address, **settings))


LOCAL = ExecutorChoice("local", "dask", DaskSettings(workers=2))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskPrograms]:
    """Two workers that are there for all tests of this file which do not harm them."""
    with dask_programs(tmp_path_factory.mktemp("dask")) as programs:
        programs.worker()
        programs.worker()
        programs.ready(2)
        yield programs


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("PPid:")[2].split()[0])


def test_calls_there(cluster: DaskPrograms, tmp_path: Path) -> None:
    """Values travel unchanged, failures with their type and traceback, what a call wrote is
    described, what it printed comes into the log below its place; a call that kills its own
    process is a dead worker, and the next one works."""
    values: list[Any] = [None, -1.5, "é\n\0", [[1, {"a": None}]], 2**63, "x" * 2_000_000]

    async def work(executor: Executor) -> None:
        assert executor.slots == 2
        found = [await made(executor, call("echo", tmp_path, value=one)) for one in values]
        assert [one["value"] for one in found] == values
        with pytest.raises(CallFailed) as caught:
            await made(executor, call("fail", tmp_path, message="reset"))
        assert "ConnectionError" in caught.value.kinds
        assert "executor_workloads.py" in caught.value.traceback
        await made(executor, call("shout", tmp_path, "stage/loud", words="hello"))
        with pytest.raises(WorkerDied, match="killed by SIGSEGV on "):
            await made(executor, call("crash", tmp_path, how="segfault"))
        performed = await executor.run(call("draw", tmp_path))
        assert performed.files["file"][0] == len("content")
        assert performed.workdir == (tmp_path / "w").as_uri()

    using(at(cluster.address), tmp_path, work, products=tmp_path)
    (printed,) = printed_at(tmp_path / "workers.log", "stage/loud")
    assert printed.text.count("hello") == 4


@pytest.mark.parametrize("how", ["regular_expression", "stubborn_child"])
def test_a_time_out_ends_the_call_there(cluster: DaskPrograms, tmp_path: Path, how: str) -> None:
    """A call out of time ends on its worker with all that it started, C code too; its worker
    takes the next call, and what it had printed is in the log."""
    pids = tmp_path / "pids"

    async def work(executor: Executor) -> list[int]:
        late = asyncio.create_task(made(executor, call("busy", tmp_path, how=how, pids=str(pids))))
        found = await read_soon(pids)
        with pytest.raises(TimedOut):
            await within(0.05, "a", lambda: late)
        assert await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}
        await asyncio.to_thread(wait_for, lambda: not any(map(alive, found)))
        return found

    using(at(cluster.address), tmp_path, work)


def test_what_a_worker_has(tmp_path: Path) -> None:
    """Calls share memory and graphics processors of a worker, and wait for them; one that no worker
    could give what it asks for fails by name, with what the largest has."""

    def asking(**resources: Any) -> Call:
        return replace(call("who", tmp_path), resources=Resources(**resources))

    async def work(executor: Executor) -> None:
        both = [made(executor, asking(memory=700 * 10**6, gpus=1)) for _ in range(2)]
        first, second = await asyncio.gather(*both)
        assert first["pid"] == second["pid"]  # one after the other, in the process that was idle
        for resources in ({"memory": 2 * 10**9}, {"gpus": 2}):
            with pytest.raises(CallFailed, match=r"NoWorkers: it asks for .* has more than 2 proc"):
                await made(executor, asking(**resources))

    with dask_programs(tmp_path) as programs:
        programs.worker("--nthreads", "2", "--memory-limit", "1GB", "--resources", "GPU=1")
        programs.ready(1)
        using(at(programs.address, wait=5.0), tmp_path, work)


def test_what_calls_wait_for(tmp_path: Path) -> None:
    """Calls without a worker say what of one they wait for; workers are counted by their host, and
    where the last one has gone it is said that there is none."""
    until, pids = tmp_path / "until", tmp_path / "pids"

    async def words(executor: Any, place: str) -> str:
        there = await executor.occupancy()
        return next((wait.words for wait in there.waits if wait.place == place), "")

    async def work(executor: Any) -> None:
        held = call("murmur", tmp_path, "held", words="a", until=str(until), pids=str(pids))
        asked = [
            replace(held, resources=Resources(memory=900 * 10**6)),
            call("echo", tmp_path, "free"),
            replace(call("echo", tmp_path, "more"), resources=Resources(memory=300 * 10**6)),
            replace(call("echo", tmp_path, "none"), resources=Resources(gpus=1)),
        ]
        running = [asyncio.create_task(made(executor, asked[0]))]
        await read_soon(pids)
        running += [asyncio.create_task(made(executor, one)) for one in asked[1:]]
        assert await running[1] == {"value": None}
        there = await executor.occupancy()
        assert there.machines == (Machine("127.0.0.1", 1, 2, 1),)
        told = "a worker with 1 processor, 300 MB of memory free"
        assert await words(executor, "more") == told
        told = "a worker with 1 processor, 1 GPU, which none has"
        assert await words(executor, "none") == told
        programs.started[-1].kill()
        while there.machines:
            there = await executor.occupancy()
            await asyncio.sleep(0.05)
        assert await words(executor, "more") == "a worker, and there is none"
        for one in running:
            one.cancel()

    with dask_programs(tmp_path) as programs:
        programs.worker("--nthreads", "2", "--memory-limit", "1GB")
        programs.ready(1)
        using(at(programs.address, wait=60.0), tmp_path, work)


def test_what_no_worker_has_is_refused_before_a_run(tmp_path: Path) -> None:
    """`plan`, `run` and `validate --executor` compare what calls ask for with the workers that
    there are, and name them; without workers nothing is refused, and a scheduler that is away is a
    warning of the plan."""
    profile = tmp_path / "radps-dag.toml"
    file = tmp_path / "p.yaml"
    file.write_text(
        "version: 1\nname: p\nparams: {gb: {type: integer}}\nstages:\n  a:\n    run: echo\n"
        "    with: {value: 1}\n    resources: {memory: '${{ params.gb }}GB'}\n",
        encoding="utf-8",
    )

    def planned(gb: int) -> list[Any]:
        return radps_dag.plan(
            file,
            params={"gb": gb},
            profile=profile,
            executor="far",
            workloads=[WORKLOADS],
            workspace=tmp_path / "ws",
        )

    told = r"'a' asks for 1 processor, 3 GB of memory; executor 'far' offers a call 2 processors, "
    told += r"1 GB of memory \(127.0.0.1\); ask for less, or add a worker that has it"
    with dask_programs(tmp_path) as programs:
        text = f'[executors.far]\nkind = "dask"\nscheduler = "{programs.address}"\n'
        profile.write_text(text, encoding="utf-8")
        assert len(planned(3)) == 1
        programs.worker("--nthreads", "2", "--memory-limit", "1GB")
        programs.ready(1)
        assert len(planned(1)) == 1
        with pytest.raises(InvalidPipeline, match=told):
            planned(3)
        with pytest.raises(InvalidPipeline, match=told):
            radps_dag.run(
                file,
                params={"gb": 3},
                profile=profile,
                executor="far",
                workloads=[WORKLOADS],
                workspace=tmp_path / "ws",
                prefect=False,
            )
        words = ("validate", str(file), "-p", "gb=3", "--profile", str(profile))
        done = command(tmp_path, *words, "--workloads", str(WORKLOADS), "--executor", "far")
        assert done.returncode == 2 and "offers a call 2 processors, 1 GB" in done.stdout
    with pytest.warns(UserWarning, match="no Dask scheduler at .* was not compared with"):
        planned(3)


def test_what_a_call_prints_comes_while_it_goes_on(cluster: DaskPrograms, tmp_path: Path) -> None:
    """`show` finds it before the call has ended, and once when it has."""
    using(at(cluster.address), tmp_path, lambda executor: hear(executor, tmp_path))
    assert heard(tmp_path) == ["soon\nthe end\n"]


def test_a_driver_that_is_killed_leaves_nothing(cluster: DaskPrograms, tmp_path: Path) -> None:
    """Of a driver that is killed with -9 no call goes on, though Dask's workers do."""
    pids = tmp_path / "pids"
    script = f"""
        import asyncio, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parents[1] / "support")!r})
        from cluster_support import call, made, using
        from radps_dag.executors.registry import ExecutorChoice
        from radps_dag.executors.settings import DaskSettings

        busy = call("busy", Path({str(tmp_path)!r}), how="stubborn_child", pids={str(pids)!r})
        choice = ExecutorChoice("c", "dask", DaskSettings(scheduler={cluster.address!r}))
        using(choice, Path({str(tmp_path)!r}), lambda executor: made(executor, busy))
    """
    driver = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    try:
        found = asyncio.run(read_soon(pids))
    finally:
        driver.kill()
        driver.wait()
    wait_for(lambda: not any(map(alive, found)))
    assert all(one.poll() is None for one in cluster.started)


@pytest.mark.parametrize("arguments", [("--worker-port", "0"), ("--nanny",)])
def test_a_worker_that_is_killed(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """The call of a worker that is killed is not made again: it fails at once, with the worker's
    name, and all that it started is gone; another worker takes the next call."""
    pids = tmp_path / "pids"

    async def work(executor: Executor) -> None:
        busy = asyncio.create_task(
            made(executor, call("busy", tmp_path, how="child", pids=str(pids)))
        )
        found = await read_soon(pids)
        pids.rename(tmp_path / "pids of the first")
        os.kill(parent_of(found[0]), signal.SIGKILL)
        with pytest.raises(
            WorkerDied, match=r"the Dask worker tcp://.* is gone: it has ended or was killed"
        ):
            await busy
        await asyncio.to_thread(wait_for, lambda: not any(map(alive, found)))
        if arguments != ("--nanny",):
            programs.worker()
        assert await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}
        assert not pids.exists()

    with dask_programs(tmp_path) as programs:
        programs.worker(*arguments)
        using(at(programs.address), tmp_path, work)


def test_workers_of_this_machine_that_are_forgotten(tmp_path: Path) -> None:
    """Workers that are killed, and that Dask forgets before they are back, are replaced; what is
    left at the end is nothing."""
    import dask
    import distributed

    assert distributed  # or its settings would go again with the one that is set here

    async def answered(executor: Executor) -> int:
        while True:
            with contextlib.suppress(WorkerDied):
                return int((await made(executor, call("who", tmp_path)))["pid"])

    async def work(executor: Executor) -> list[int]:
        killed: list[int] = []
        for _ in range(2):
            killed.append(parent_of(await answered(executor)))
            os.kill(killed[-1], signal.SIGKILL)
            await asyncio.to_thread(wait_for, lambda: not alive(killed[-1]))
        pid = await answered(executor)
        return [*killed, pid, parent_of(pid)]

    local = replace(LOCAL, settings=DaskSettings(workers=2, wait=140.0))
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "1ms"}):
        *killed, pid, worker = using(local, tmp_path, work)
    assert worker not in killed
    wait_for(lambda: not alive(pid) and not alive(worker))


def test_a_scheduler_that_goes(tmp_path: Path) -> None:
    """Where the scheduler is killed, the call on its way fails by its name, and further ones."""
    pids = tmp_path / "pids"

    async def work(executor: Executor) -> None:
        busy = asyncio.create_task(
            made(executor, call("busy", tmp_path, how="sleep", pids=str(pids)))
        )
        await read_soon(pids)
        programs.started[0].kill()
        with pytest.raises(WorkerDied, match=r"the scheduler does not answer|lost|gone"):
            await busy
        with pytest.raises(CallFailed, match=r"NoWorkers|out of reach|gone"):
            await made(executor, call("echo", tmp_path))

    with dask_programs(tmp_path) as programs:
        programs.worker()
        programs.ready(1)
        using(at(programs.address, wait=2.0), tmp_path, work)


def test_a_scheduler_that_is_started_again(tmp_path: Path) -> None:
    """The call on its way fails by its name; when scheduler and workers are back, at the same
    address, calls go on there."""
    pids = tmp_path / "pids"

    async def work(executor: Executor) -> None:
        busy = asyncio.create_task(
            made(executor, call("busy", tmp_path, how="child", pids=str(pids)))
        )
        found = await read_soon(pids)
        pids.rename(tmp_path / "pids of the first")
        programs.started[0].kill()
        with pytest.raises(WorkerDied, match=r"the scheduler (does not answer|is gone)"):
            await busy
        await asyncio.to_thread(programs.scheduler, int(programs.address.rpartition(":")[2]))
        programs.worker()
        assert await made(executor, call("echo", tmp_path, value=1)) == {"value": 1}
        assert await made(executor, call("echo", tmp_path, value=2)) == {"value": 2}
        await asyncio.to_thread(wait_for, lambda: not any(map(alive, found)))
        assert not pids.exists()

    with dask_programs(tmp_path) as programs:
        programs.worker()
        programs.ready(1)
        using(at(programs.address, wait=60.0), tmp_path, work)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("__init__.py", '__version__ = "', '__version__ = "9.', "is 9.0.1.0 there and 0.1.0 here"),
        ("workloads/placeholder/__init__.py", '"""', '""" ', "has another text there than here"),
        ("__init__.py", '__version__ = "', 'raise ImportError; a = "', "cannot be imported"),
    ],
)
def test_a_worker_with_other_code(tmp_path: Path, file: str, old: str, new: str, told: str) -> None:
    """A worker whose radps-dag is another, or has another text, or is none, is refused before the
    first call, in a line with its address."""
    other = copy_of_package(tmp_path, file, old, new)
    with dask_programs(tmp_path) as programs:
        programs.worker(**other)
        with pytest.raises(UsageError) as caught:
            using(at(programs.address), tmp_path, lambda executor: executor.close())
    assert str(caught.value).startswith("Dask worker tcp://127.0.0.1:")
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nothing answers, or something that is no scheduler, is a line in time."""
    monkeypatch.setattr(dask_cluster, "CONTACT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 1):
            with pytest.raises(
                UsageError, match=r"no Dask scheduler at tcp://127.0.0.1:"
            ) as caught:
                using(at(f"tcp://127.0.0.1:{port}"), tmp_path, lambda executor: executor.close())
            assert "\n" not in str(caught.value)


def test_no_worker_comes(tmp_path: Path) -> None:
    """A scheduler without workers is told at once, and is an error after the time that the profile
    allows."""
    said: list[str] = []
    with (
        dask_programs(tmp_path) as programs,
        pytest.raises(UsageError, match=r"no worker of tcp://.* for 0.5 s; start one"),
    ):
        choice = at(programs.address, wait=0.5)
        using(choice, tmp_path, lambda executor: executor.close(), say=said.append)
    assert said == [f"a worker of {programs.address}, and there is none"]


def test_keys_of_tls(tmp_path: Path) -> None:
    """With the keys of the scheduler calls go through TLS; with others nobody gets in."""
    from distributed import Security

    def keys(name: str) -> dict[str, Path]:
        made = Security.temporary()
        files = {
            "ca_file": made.tls_ca_file,
            "cert_file": made.tls_scheduler_cert,
            "key_file": made.tls_scheduler_key,
        }
        for file, text in files.items():
            (tmp_path / f"{name}-{file}").write_text(text)
        return {file: tmp_path / f"{name}-{file}" for file in files}

    own, others = keys("own"), keys("others")
    options = [
        word
        for option, file in zip(
            ("--tls-ca-file", "--tls-cert", "--tls-key"), own.values(), strict=True
        )
        for word in (option, str(file))
    ]

    async def work(executor: Executor) -> dict[str, Any]:
        return await made(executor, call("echo", tmp_path, value=1))

    with dask_programs(tmp_path, *options, "--protocol", "tls") as programs:
        programs.worker()
        assert programs.address.startswith("tls://")
        assert using(at(programs.address, **own), tmp_path, work) == {"value": 1}
        with pytest.raises(UsageError, match="no Dask scheduler at tls://"):
            using(at(programs.address, **others), tmp_path, work)


def test_a_cluster_of_this_machine_and_a_bucket(bucket: str, tmp_path: Path) -> None:
    """Workers of a local cluster, whose directories are not the driver's, write to the root for
    products; nothing of it is left behind."""

    async def work(executor: Executor) -> list[int]:
        asked = call("draw", Path("/nowhere/of/the/driver"))
        performed = await executor.run(replace(asked, publish=f"{bucket}/run/w"))
        assert performed.workdir.startswith(f"{bucket}/run/w.")
        assert {*listing(performed.workdir)} == {"file"}
        return [(await made(executor, call("who", tmp_path)))["pid"]]

    left = using(LOCAL, tmp_path, work, publish=f"{bucket}/run")
    assert not Path("/nowhere").exists()
    wait_for(lambda: not any(map(alive, left)))


def test_a_scheduler_of_this_machine_has_no_pages() -> None:
    """Dask's pages, which ask for no password, say what is computed and where; and the port that
    they stand at usually is left to others."""
    cluster = dask_cluster.start_cluster(DaskSettings(workers=1), None)
    try:
        port = cluster.scheduler.http_server.port
        assert port != 8787
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
    finally:
        cluster.close()


def test_a_class_of_clusters(tmp_path: Path) -> None:
    """Any cluster class by its name, with arguments; a name that there is not is a line."""
    arguments = {
        "n_workers": 1,
        "threads_per_worker": 2,
        "processes": False,
        "dashboard_address": "",
    }
    settings = DaskSettings(cluster="distributed.LocalCluster", arguments=arguments)
    choice = ExecutorChoice("own", "dask", settings)

    async def work(executor: Executor) -> tuple[int, dict[str, Any]]:
        return executor.slots, await made(executor, call("echo", tmp_path, value=1))

    assert using(choice, tmp_path, work) == (2, {"value": 1})
    for name in ("distributed.Nothing", "nothing.LocalCluster"):
        none = ExecutorChoice("own", "dask", DaskSettings(cluster=name))
        with pytest.raises(UsageError, match="cannot be imported"):
            using(none, tmp_path, work)
