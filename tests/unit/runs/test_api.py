"""Pipelines checked, planned, run and resumed from Python, in a process that belongs to others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import pytest

import radps_dag
from radps_dag import (
    InvalidPipeline,
    RadpsDagError,
    RunResult,
    UsageError,
    check,
    load,
    load_context,
    plan,
    resume,
    run,
    workload,
)
from radps_dag.engine.provenance import Provenance
from radps_dag.engine.settings import Selection, Settings
from radps_dag.facts import Fact, NodeSucceeded, Noted, RunEnded, RunStarted
from radps_dag.journal.opening import open_store
from radps_dag.journal.run_status import find_run
from radps_dag.journal.workspace import Workspace
from radps_dag.outcome import NodeError
from radps_dag.questions.prompts import Prompts
from radps_dag.reuse.cache import ResultCache
from radps_dag.reuse.query import CachedResult, CacheQuery
from radps_dag.runs.cancel import cancel
from radps_dag.views.runs import list_runs

TEXT = """\
version: 1
name: small
params:
  value: {type: number, default: 2}
outputs:
  twice: ${{ stages.double.value }}
stages:
  double: {run: double, with: {value: "${{ params.value }}"}}
"""
FILE = '''\
"""Workloads of a project."""

from typing import TypedDict

from radps_dag import workload


class Doubled(TypedDict):
    value: float


@workload
def double(value: float) -> Doubled:
    """Double a value.

    Args:
        value: what to double
    """
    return {"value": value * 2}
'''


class Doubled(TypedDict):
    value: float


def doubling(before: Callable[[], object] = lambda: None) -> Callable[..., Any]:
    """A workload as a notebook has it, which does something before it doubles."""

    @workload(name="double")
    def double(value: float) -> Doubled:
        """Double a value.

        Args:
            value: what to double
        """
        before()
        return {"value": value * 2}

    return double


def failing() -> object:
    raise ValueError("not today")


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def left_alone() -> Iterator[None]:
    """Whatever a test does, the process is afterwards what it was."""

    def process() -> list[object]:
        handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        streams = [sys.stdout, sys.stderr]
        # pytest itself says there where it is.
        variables = {name: one for name, one in os.environ.items() if "PYTEST" not in name}
        return [variables, Path.cwd(), logging.raiseExceptions, *handlers, *streams]

    before = process()
    yield
    assert process() == before


def small(**asked: Any) -> RunResult:
    return run("small.yaml", prefect=False, **{"workloads": [doubling()], **asked})


def test_a_run_has_a_result() -> None:
    """The outputs, the status, the facts and the context of a run can be read."""
    result = small(params={"value": 4})
    assert (result.status, result.outputs) == ("succeeded", {"twice": 8})
    assert result.succeeded() is result
    assert result.directory.is_dir()
    assert isinstance(result.facts()[-1], RunEnded)
    assert result.context().keys() == load_context(result.run).keys()


def test_events_are_the_facts_of_the_journal() -> None:
    """`on_event` hears in their order what the journal keeps."""
    heard: list[Fact] = []
    assert small(on_event=heard.append).facts() == heard
    assert [type(one).__name__ for one in heard] == [
        "RunStarted",
        "NodeStarted",
        "NodeSucceeded",
        "RunEnded",
    ]


def test_a_mistake_of_who_listens_is_not_the_run_s() -> None:
    """A run whose listener raises goes on, and Python warns of the listener."""

    def listen(fact: Fact) -> None:
        raise KeyError(type(fact).__name__)

    with pytest.warns(UserWarning, match=r"on_event raised KeyError: 'RunStarted'"):
        assert small(on_event=listen).status == "succeeded"


def test_a_mistake_leaves_nothing(tmp_path: Path) -> None:
    """What is wrong before the run is raised, and there is no workspace then."""
    with pytest.raises(InvalidPipeline, match="unknown param 'vale'"):
        small(params={"vale": 3})
    with pytest.raises(InvalidPipeline, match="no workload 'double'"):
        small(workloads=[])
    with pytest.raises(UsageError, match="compute in threads"):
        small(executor="processes")
    with pytest.raises(UsageError, match="lambda> is not a workload"):
        small(workloads=[lambda: None])
    assert not (tmp_path / ".radps").exists()


def test_check_lists_what_is_wrong(file: Path) -> None:
    """A list of problems of a path or of a pipeline, with these params or the defaults."""
    assert check("small.yaml", workloads=[doubling()]) == []
    assert [one.rule for one in check(load(file))] == ["unknown-workload"]
    found = check(file, workloads=[doubling()], params={"value": "many"})
    assert [one.rule for one in found] == ["param-value"]
    file.write_text(TEXT.replace("params.value", "params.valeu"), encoding="utf-8")
    assert [one.at.line for one in check(file, workloads=[doubling()])] == [8]


def test_a_failed_run_is_a_result_and_is_resumed() -> None:
    """A failure is in the result; resume makes what is missing, with what was asked before."""
    failed = small(workloads=[doubling(failing)], params={"value": 5})
    assert failed.status == "failed" and not failed.outputs
    with pytest.raises(NodeError, match="double: ValueError: not today"):
        failed.succeeded()
    resumed = resume(failed.run, workloads=[doubling()])
    assert (resumed.run, resumed.outputs) == (failed.run, {"twice": 10})
    starts = [one for one in resumed.facts() if isinstance(one, RunStarted)]
    assert [one.generation for one in starts] == [1, 2]


def test_a_plan_says_what_a_run_would_do(tmp_path: Path) -> None:
    """What a file's workloads have made is used again; nothing of functions is."""
    (tmp_path / "own.py").write_text(FILE, encoding="utf-8")
    asked: dict[str, Any] = {"workloads": ["own.py"]}
    small(**asked)
    assert [one.verdict for one in plan("small.yaml", **asked)] == ["reuse"]
    assert [one.verdict for one in plan("small.yaml", workloads=[doubling()])] == ["run"]


def test_a_file_that_is_edited_is_imported_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs are the workloads as they are now; neither a result nor bytecode is stale.

    Two edits within a second, of equal size, are one file to Python's bytecode.
    """
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    own = tmp_path / "own.py"
    for factor in (2, 3):
        own.write_text(FILE.replace("value * 2", f"value * {factor}"), encoding="utf-8")
        os.utime(own, (1_000_000_000, 1_000_000_000))
        assert small(workloads=[own]).outputs == {"twice": 2 * factor}


def test_it_runs_where_a_loop_runs_already() -> None:
    """A cell of a notebook is run by an event loop."""

    async def cell() -> RunResult:
        return small()

    assert asyncio.run(cell()).outputs == {"twice": 4}


def test_a_thread_that_is_not_the_main_one_can_run() -> None:
    """No signal handler is needed, nor is one set while a run goes on."""
    during: list[object] = []
    before = signal.getsignal(signal.SIGINT)
    results: list[RunResult] = []
    known = doubling(lambda: during.append(signal.getsignal(signal.SIGINT)))
    thread = threading.Thread(target=lambda: results.append(small(workloads=[known])))
    thread.start()
    thread.join()
    small(workloads=[known])
    assert [one.status for one in results] == ["succeeded"]
    assert during == [before, before]


@pytest.mark.processes
def test_processes_compute_for_a_thread(tmp_path: Path) -> None:
    """Worker processes do what is in files, also where the main thread does something else."""
    (tmp_path / "own.py").write_text(FILE, encoding="utf-8")
    results: list[RunResult] = []
    asked: dict[str, Any] = {"workloads": ["own.py"], "executor": "processes", "max_parallel": 1}
    thread = threading.Thread(target=lambda: results.append(small(**asked)))
    thread.start()
    thread.join()
    assert [one.outputs for one in results] == [{"twice": 4}]


def test_two_runs_at_once_do_not_see_each_other() -> None:
    """Runs that meet in their workloads hear their own facts, and give their own outputs."""
    barrier = threading.Barrier(2)
    heard: dict[int, list[Fact]] = {1: [], 2: []}
    results: dict[int, RunResult] = {}

    def play(value: int) -> None:
        results[value] = small(
            workloads=[doubling(lambda: barrier.wait(20))],
            params={"value": value},
            on_event=heard[value].append,
        )

    threads = [threading.Thread(target=play, args=(value,)) for value in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {value: one.outputs for value, one in results.items()} == {
        1: {"twice": 2},
        2: {"twice": 4},
    }
    assert results[1].run != results[2].run
    for value, facts in heard.items():
        assert results[value].facts() == facts
        (ended,) = [one for one in facts if isinstance(one, NodeSucceeded)]
        assert ended.outputs == {"value": 2 * value}


def test_two_threads_import_a_file_once(tmp_path: Path) -> None:
    """Nobody runs with the half of a file that another thread imports just now."""
    text = FILE.replace("from typing", "import time\n\ntime.sleep(0.3)\nfrom typing")
    (tmp_path / "own.py").write_text(text, encoding="utf-8")
    results: list[RunResult] = []
    threads = [
        threading.Thread(target=lambda: results.append(small(workloads=["own.py"])))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.outputs for one in results] == [{"twice": 4}, {"twice": 4}]


def test_a_secret_stays_in_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run finds the variable that the first one has read."""
    text = TEXT.replace("params:", "params:\n  token: {type: string, secret: true}")
    file.write_text(text, encoding="utf-8")
    with monkeypatch.context() as here:
        here.setenv("RADPS_DAG_PARAM_TOKEN", "correct horse battery")
        assert small().status == small().status == "succeeded"
        assert os.environ["RADPS_DAG_PARAM_TOKEN"] == "correct horse battery"
    given = small(params={"token": "another one of them"})
    assert "another" not in repr(given.facts()) and given.status == "succeeded"


def test_an_interrupt_ends_the_run_in_order() -> None:
    """A KeyboardInterrupt goes on when the journal has the end of the run, which can be resumed."""
    reached = threading.Event()

    def interrupt() -> None:
        reached.set()
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(3)

    # Who starts the tests in the background may have it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as raised:
            small(workloads=[doubling(interrupt)])
    finally:
        signal.signal(signal.SIGINT, before)
    assert reached.is_set()
    (note,) = raised.value.__notes__
    done = resume(workloads=[doubling()], prefect=False)
    assert repr(done.run) in note and done.outputs == {"twice": 4}
    ends = [one.status for one in done.facts() if isinstance(one, RunEnded)]
    assert ends == ["interrupted", "succeeded"]


def test_a_run_of_ours_is_cancelled_and_the_process_stays(tmp_path: Path) -> None:
    """Who cancels a run that a notebook drives ends the run, and no process."""
    begun, over = threading.Event(), threading.Event()
    results: list[RunResult] = []

    def wait() -> None:
        begun.set()
        over.wait(20)

    thread = threading.Thread(target=lambda: results.append(small(workloads=[doubling(wait)])))
    thread.start()
    assert begun.wait(20)
    store = open_store(Workspace(tmp_path / ".radps"))
    try:
        done = cancel(store, find_run(store, "last"), by="somebody", reason="no need")
    finally:
        over.set()
        thread.join()
        store.close()
    assert (done.stopped, done.already, done.end.by) == (None, False, "somebody")
    (result,) = results
    assert result.status == "cancelled"
    with pytest.raises(RadpsDagError, match="is cancelled"):
        result.succeeded()
    with pytest.raises(RadpsDagError, match="was cancelled by somebody"):
        resume(result.run)


def test_warnings_are_events(file: Path) -> None:
    """What a command would print as a warning of the file, `on_event` hears as a note."""

    @workload
    def measure(text: str) -> Doubled:
        """Measure a text.

        Args:
            text: what to measure
        """
        return {"value": len(text)}

    file.write_text(f"{TEXT}  measure: {{run: measure, with: {{text: params.value}}}}\n")
    (problem,) = check(file.name, workloads=[doubling(), measure])
    assert problem.severity == "warning"
    heard: list[Fact] = []
    small(workloads=[doubling(), measure], on_event=heard.append)
    assert [one.message for one in heard if isinstance(one, Noted)] == [str(problem)]


def test_settings_are_recorded_and_read_again() -> None:
    """What a run records of its settings gives the same ones."""
    settings = Settings(
        file="a.yaml",
        executor="processes",
        seed=3,
        library="sim",
        modules=(Path("/there/own.py"),),
        profile=Path("/there/radps-dag.toml"),
        part=Selection(("a",), ("b",), ("c",)),
        max_parallel=2,
        memory=10**9,
        gpus=1,
        reuse=False,
        prefect=False,
        products="file:///there",
        thresholds={"**": {"": {"warn_below": 0.5}}},
        secrets=("token",),
    )
    started = RunStarted(
        time=0.0,
        place="",
        run="r",
        pipeline="p",
        file=settings.file,
        params={},
        library="sim",
        executor=settings.executor,
        seed=settings.seed,
        settings=settings.recorded(),
    )
    assert Settings.of(started) == settings
    provenance = Provenance(sources={"a.yaml": "version: 1"}, pid=3, command=("run", "a.yaml"))
    assert Provenance.of(replace(started, provenance=provenance.recorded())) == provenance
    assert Provenance.of(started) == Provenance()


def test_names_are_imported_when_they_are_asked_for() -> None:
    """Each public name is there, and `import radps_dag` alone imports nothing of the package."""
    assert all(getattr(radps_dag, name) is not None for name in radps_dag.__all__)
    assert set(radps_dag.__all__) == set(radps_dag._HOMES) <= set(dir(radps_dag))
    with pytest.raises(AttributeError, match="no attribute 'launch'"):
        _ = radps_dag.launch
    program = "import sys, radps_dag; print([n for n in sys.modules if n.startswith('radps_dag.')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_nobody_leaves_while_a_call_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call whose earlier result is looked for is work that goes on: the run does not end as
    paused beside it, however long that takes."""
    path = tmp_path / "p.yaml"
    path.write_text(f"{TEXT}  ask: {{pause: {{message: 'Well?'}}}}\n", encoding="utf-8")
    depth, depths = 0, []
    hold, lookup = Prompts.busy, ResultCache.lookup

    @contextlib.contextmanager
    def busy(prompts: Prompts) -> Iterator[None]:
        nonlocal depth
        depth += 1
        with hold(prompts):
            yield
        depth -= 1

    async def look(cache: ResultCache, asked: CacheQuery) -> CachedResult | None:
        depths.append(depth)
        return await lookup(cache, asked)

    monkeypatch.setattr(Prompts, "busy", busy)
    monkeypatch.setattr(ResultCache, "lookup", look)
    result = run(
        path,
        workspace=tmp_path / "w",
        workloads=[doubling()],
        prefect=False,
        detach_on_pause=True,
    )
    assert result.status == "paused"
    assert result.outputs == {} and depths == [1]


def test_a_run_has_the_name_that_it_is_given(tmp_path: Path) -> None:
    """Lists show it; what is no name is refused before anything is there."""
    with pytest.raises(UsageError, match="'two words' is not a name"):
        run("small.yaml", workloads=[doubling()], prefect=False, name="two words")
    assert not Path(".radps").exists()
    run("small.yaml", workloads=[doubling()], prefect=False, name="night-12")
    with contextlib.closing(open_store(Workspace(Path(".radps")), reading=True)) as store:
        assert [listed.name for listed in list_runs(store)] == ["night-12"]
