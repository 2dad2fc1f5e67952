"""A run that is told to end, or that loses what it stands on: in order, soon, and nothing left."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from journal_support import facts_of_only_run
from run_support import PROGRAM, WORKLOADS, Api, Record, run, until, write

from radps_dag.prefect import server
from radps_dag.prefect.server import ServerAddress

# What the program has from the signal to its end.
LIMIT = 10.0
MARK = "RADPS_TEST_RUN"

NAPS = """
stages:
  each:
    for_each: {i: [1, 2]}
    steps:
      nap: {run: nap, with: {seconds: 60}}
  program: {run: program}
"""
DEAF = "stages: {a: {run: deaf}, b: {steps: {c: {run: program}}}}"
STUCK = "stages: {a: {run: stuck}, b: {steps: {c: {run: stuck}}}}"
WAITING = "stages: {g: {steps: {a: {run: fail, retries: {max: 3, delay: 10m}}}}}"

Fact = Mapping[str, Any]


def began(*places: str) -> Callable[[list[Fact]], bool]:
    """Whether all of them have begun."""
    return lambda facts: (
        {fact["place"] for fact in facts if fact["fact"] == "node_started"} >= {*places}
    )


def retrying(facts: list[Fact]) -> bool:
    return any(fact["fact"] == "retrying" for fact in facts)


def facts_in(directory: Path) -> list[Fact]:
    """What the one run there has recorded so far."""
    return facts_of_only_run(directory / ".radps")


@dataclass
class Going:
    """A run under way in a session and process group of its own."""

    process: subprocess.Popen[str]
    directory: Path

    def minds_signals(self) -> bool:
        """Whether the run has begun: one that is ended before was never there."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (signal.SIGTERM - 1) & 1)

    @property
    def facts(self) -> list[Fact]:
        return facts_in(self.directory)

    def wait_for(self, true: Callable[[list[Fact]], bool]) -> None:
        assert until(lambda: true(self.facts) or self.process.poll() is not None, 90)
        assert self.process.poll() is None, self.process.communicate()
        time.sleep(0.2)  # what has been told to begin also begins

    def signal(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal to the whole group; how the program ended, and what it said."""
        os.killpg(self.process.pid, number)
        try:
            _, err = self.process.communicate(timeout=LIMIT)
        finally:
            self.process.kill()
        return self.process.returncode, err

    @property
    def left(self) -> list[str]:
        """The processes that carry this run's mark, whatever group or parent they have."""
        mark = f"{MARK}={self.directory}".encode()
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (place / "environ").read_bytes().split(b"\0"):
                    found.append((place / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found


Begin = Callable[..., Going]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    going: list[Going] = []

    def begin(text: str, *options: str, **variables: str) -> Going:
        directory = tmp_path / str(len(going))
        directory.mkdir()
        command = ["run", str(write(directory / "p.yaml", text)), "--workloads", str(WORKLOADS)]
        process = subprocess.Popen(
            [*PROGRAM, *command, "--quiet", *options],
            cwd=directory,
            env={**os.environ, MARK: str(directory), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        going.append(Going(process, directory))
        return going[-1]

    yield begin
    for one in going:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def check(going: Going, number: signal.Signals) -> str:
    """End the run by a signal, as every run has to end by one."""
    code, err = going.signal(number)
    assert code == 128 + number
    assert f"radps-dag: interrupted by {number.name}" in err
    assert "Traceback" not in err
    assert until(lambda: not going.left, 2), going.left
    facts = going.facts
    assert facts[0]["fact"] == "run_started"
    assert (facts[-1]["fact"], facts[-1]["status"]) == ("run_ended", "interrupted")
    assert [fact["fact"] for fact in facts].count("run_ended") == 1
    return err


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_signals_end_all_work(executor: str, begin: Begin) -> None:
    """Naps, programs, programs that ignore signals, C code: all end, with each of the signals."""
    runs = [
        (begin(text, "--no-prefect", "--executor", executor, "--max-parallel", "4"), places, number)
        for text, places, number in [
            (NAPS, ("each[i=1]/nap", "each[i=2]/nap", "program"), signal.SIGINT),
            (DEAF, ("a", "b/c"), signal.SIGTERM),
            (STUCK, ("a", "b/c"), signal.SIGHUP),
        ]
    ]
    for going, places, number in runs:
        going.wait_for(began(*places))
        check(going, number)


def test_a_signal_to_the_driver_alone(begin: Begin) -> None:
    """A batch system's SIGTERM reaches one process; the programs it has started end with it."""
    going = begin(DEAF, "--no-prefect")
    going.wait_for(began("a", "b/c"))
    assert until(lambda: len(going.left) > 3)
    going.process.terminate()
    assert going.process.wait(LIMIT) == 143
    assert until(lambda: not going.left, 2), going.left


def test_a_program_that_works_on_is_let(tmp_path: Path) -> None:
    """A run that ends by itself ends nothing that its workloads left running on purpose."""
    file = write(tmp_path / "p.yaml", "stages: {a: {run: leave_program, with: {seconds: 20}}}")
    ran = run(file, "--no-prefect", "--workloads", str(WORKLOADS), cwd=tmp_path)
    assert ran.code == 0, ran.err
    pid = ran.one("node_succeeded", "a")["outputs"]["value"]
    os.kill(pid, signal.SIGKILL)


def unfinished(prefect: ServerAddress) -> list[str]:
    """The flow runs of which Prefect does not know that they have ended."""
    going = {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"]}}
    query = {"flow_runs": {"state": going, "name": {"like_": "interrupted"}}}
    return [flow["name"] for flow in Api(prefect).filtered("flow_runs", query)]


def recorded(prefect: ServerAddress, name: str) -> Record:
    """What Prefect knows of the one run of a pipeline."""
    whole = {"parent_task_run_id": {"is_null_": True}}
    query = {"flow_runs": {"name": {"like_": f"-{name}"}, **whole}}
    (flow,) = Api(prefect).filtered("flow_runs", query)
    api = Api(prefect)
    until(lambda: all(task["state_type"] == "CRASHED" for task in api.record(flow["id"]).all_tasks))
    return api.record(flow["id"])


@pytest.mark.parametrize(
    ("name", "text", "ready", "number", "options"),
    [
        ("threads", NAPS, began("each[i=1]/nap", "program"), signal.SIGINT, ()),
        ("processes", NAPS, began("each[i=1]/nap"), signal.SIGTERM, ("--executor=processes",)),
        ("delay", WAITING, retrying, signal.SIGTERM, ()),
    ],
)
def test_prefect_knows(
    name: str,
    text: str,
    ready: Callable[[list[Fact]], bool],
    number: signal.Signals,
    options: tuple[str, ...],
    begin: Begin,
    prefect_server: ServerAddress,
) -> None:
    """Every flow run and task run that had begun is Interrupted, also in the delay of a retry, and
    says how to go on: it does not look as if it were over for good."""
    going = begin(f"version: 1\nname: interrupted_{name}\n{text}", *options)
    going.wait_for(ready)
    check(going, number)
    record = recorded(prefect_server, f"interrupted_{name}")
    assert len(list(record.walk())) > 1
    states = [one.flow["state"] for one in record.walk()]
    states += [task["state"] for task in record.all_tasks]
    run = str(record.flow["name"])
    assert {(state["type"], state["name"]) for state in states} == {("CRASHED", "Interrupted")}
    advice = f"interrupted; go on with it: radps-dag resume {run}"
    assert {state["message"] for state in states} == {advice}


def test_start_up(begin: Begin, prefect_server: ServerAddress) -> None:
    """A signal while Prefect is imported or asked ends the run as well, and is recorded."""
    for number, delay in enumerate((0.1, 0.4, 0.8, 1.2)):
        going = begin(f"version: 1\nname: interrupted_{number}\n{NAPS}")
        assert until(going.minds_signals)
        time.sleep(delay)
        check(going, signal.SIGTERM if number % 2 else signal.SIGINT)
    assert unfinished(prefect_server) == []


def test_ctrl_c_before_anything(tmp_path: Path) -> None:
    """Ctrl-C while the program itself is still imported ends it without a traceback."""
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    done = subprocess.run(
        [*PROGRAM, "runs"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


class Terminal:
    """A run in a terminal of its own, as its first and only user."""

    def __init__(self, directory: Path, text: str) -> None:
        self.shown = b""
        self._directory = directory
        file = write(directory / "p.yaml", text)
        options = ("--workloads", str(WORKLOADS), "--no-prefect")
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            os.chdir(directory)
            os.environ["TERM"] = "xterm-256color"
            os.execv(PROGRAM[0], [*PROGRAM, "run", str(file), *options])

    def read(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self._descriptor], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self._descriptor, 65536)
                except OSError:  # everybody has closed it
                    return

    def wait_for(self, *places: str) -> None:
        """Until these have begun, and a moment more."""
        end = time.monotonic() + 30
        while time.monotonic() < end and not began(*places)(facts_in(self._directory)):
            self.read(0.1)
        self.read(0.3)

    def press(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    def hang_up(self) -> int:
        """Close the terminal; the exit code of the run."""
        os.close(self._descriptor)
        return self._code(lambda: time.sleep(0.1))

    def end(self) -> int:
        """The exit code, when all is shown."""
        code = self._code(lambda: self.read(0.2))
        self.read(0.2)
        os.close(self._descriptor)
        return code

    def _code(self, meanwhile: Callable[[], None]) -> int:
        end = time.monotonic() + LIMIT
        ended = status = 0
        while not ended and time.monotonic() < end:
            meanwhile()
            ended, status = os.waitpid(self._pid, os.WNOHANG)
        assert ended, "it did not end"
        return os.waitstatus_to_exitcode(status)

    @property
    def cursor_shown(self) -> bool:
        return self.shown.rfind(b"\x1b[?25h") > self.shown.rfind(b"\x1b[?25l")


def test_ctrl_c_in_a_terminal(tmp_path: Path) -> None:
    """The tree gives way to a summary that says so; the cursor is back."""
    terminal = Terminal(tmp_path, "stages: {a: {run: program}}")
    terminal.wait_for("a")
    terminal.press(b"\x03")
    assert terminal.end() == 130
    assert b"was interrupted" in terminal.shown
    assert b"Traceback" not in terminal.shown
    assert terminal.cursor_shown


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    """Whatever the first one waits for, the second does not; the cursor is back all the same."""
    # A program that ignores signals is waited for, so that there is time for the second.
    terminal = Terminal(tmp_path, "stages: {a: {run: deaf, with: {seconds: 4}}}")
    terminal.wait_for("a")
    terminal.press(b"\x03")
    time.sleep(0.5)
    terminal.press(b"\x03")
    assert terminal.end() == 130
    assert b"was interrupted" not in terminal.shown
    assert terminal.cursor_shown


def test_a_terminal_that_goes_away(tmp_path: Path) -> None:
    """Closed by its user, or with its connection: the run ends in order and shows no more."""
    terminal = Terminal(tmp_path, "stages: {a: {run: program}}")
    terminal.wait_for("a")
    assert terminal.hang_up() == 128 + signal.SIGHUP
    end = facts_in(tmp_path)[-1]
    assert (end["fact"], end["status"]) == ("run_ended", "interrupted")


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_second_signal_leaves_nothing(executor: str, begin: Begin) -> None:
    """Programs that mind no signal, and workers, do not outlive a driver that ends at once."""
    going = begin(DEAF, "--no-prefect", "--executor", executor)
    going.wait_for(began("a", "b/c"))
    for _ in range(2):
        going.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    # Python's own end, where the first was enough and the second came to that, is by the signal.
    assert going.process.wait(LIMIT) in (130, -signal.SIGINT)
    assert going.process.stderr is not None
    assert "Traceback" not in going.process.stderr.read()
    assert until(lambda: not going.left, 2), going.left


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerAddress]:
    home = tmp_path / "home"
    address = server.ensure_server(home)
    address.release()
    yield address
    with suppress(ProcessLookupError):
        os.kill(address.pid, signal.SIGCONT)
    server.stop(home, force=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_server_vanishes(
    number: signal.Signals, own_server: ServerAddress, tmp_path: Path
) -> None:
    """A run goes on without Prefect's server, killed or frozen, says so once and ends by itself."""
    file = write(
        tmp_path / "p.yaml",
        f"""
        stages:
          kill: {{run: lose_server, with: {{pid: {own_server.pid}, number: {number:d}}}}}
          after:
            needs: [kill]
            for_each: {{i: [1, 2]}}
            steps:
              give: {{run: give, with: {{value: "${{{{ each.i }}}}"}}}}
            outputs: {{value: "${{{{ steps.give.value }}}}"}}
        outputs: {{values: "${{{{ stages.after.value }}}}"}}
        """,
    )
    home = {"RADPS_DAG_HOME": str(tmp_path / "home")}
    ran = run(file, "--workloads", str(WORKLOADS), cwd=tmp_path, env=home)
    assert ran.code == 0, ran.err
    assert ran.outputs == {"values": [1, 2]}
    warnings = [fact["message"] for fact in ran.of("noted") if fact["level"] == "warning"]
    assert len(warnings) == 1
    assert f"{own_server.api_url} does not answer any more" in warnings[0]
    assert ran.err == ""


def test_a_server_that_is_not_there(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """One line says what is wrong with PREFECT_API_URL, and what to do, before anything runs."""
    file = write(tmp_path / "p.yaml", "stages: {a: {run: give}}")
    page = prefect_server.ui_url
    for url, told in [
        ("http://127.0.0.1:9/api", "no Prefect server answers (Connection refused)"),
        (f"{page}/api", "asks for a password; set PREFECT_API_AUTH_STRING"),
        (page, "is not Prefect's API; give PREFECT_API_URL its /api address"),
    ]:
        options = ("--workloads", str(WORKLOADS))
        ran = run(file, *options, cwd=tmp_path, env={"PREFECT_API_URL": url})
        assert (ran.code, ran.facts) == (1, ())
        assert ran.err.startswith(f"radps-dag: {url}: ")
        assert told in ran.err
        assert ran.err.count("\n") == 1


def test_a_workspace_that_cannot_be_written(tmp_path: Path) -> None:
    """A workspace that is a file is not a directory (exit code 2); in a place that takes none, one
    line says so (1)."""
    file = write(tmp_path / "p.yaml", "stages: {a: {run: give}}")
    (tmp_path / "file").touch()
    options = ("--no-prefect", "--workloads", str(WORKLOADS), "--workspace")
    ran = run(file, *options, "file", cwd=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("Invalid value for '--workspace': Directory 'file' is a file.\n")
    ran = run(file, *options, "/proc/nowhere", cwd=tmp_path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("radps-dag: /proc/nowhere")
    assert "choose another place with --workspace" in ran.err
    assert ran.err.count("\n") == 1


def test_a_full_disk(tmp_path: Path) -> None:
    """A run whose facts cannot be recorded ends, and says what to do; it does not compute on."""
    file = write(
        tmp_path / "p.yaml",
        """
        stages:
          a: {for_each: {i: "${{ range(500) }}"}, max_parallel: 1, run: give}
          b: {needs: [a], run: nap, with: {seconds: 60}}
        """,
    )
    # SQLite's own limit stands for a disk that is full.
    full = """if True:
        import sqlite3, sys
        real = sqlite3.connect
        def connect(*arguments, **options):
            connection = real(*arguments, **options)
            connection.execute("PRAGMA max_page_count = 24")
            return connection
        sqlite3.connect = connect
        from radps_dag.cli.main import main
        main(sys.argv[1:])
    """
    done = subprocess.run(
        [PROGRAM[0], "-c", full, "run", str(file), "--no-prefect", "--workloads", str(WORKLOADS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert "disk is full; make room, or choose another place" in last
    assert "Traceback" not in done.stderr
