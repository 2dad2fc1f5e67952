"""A parent with everything imported, whose children run the command line.

A command costs what it does, and no start of Python (0.7 s of a processor): the parent is a process
of its own without threads, and forks a child for each command. `command` is for those of which
nothing but the command matters; what a test has to say to a process, or how it starts, takes a
process of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Ended", "Parent", "command"]

PATIENCE = 600.0  # one that hangs is to fail, and not to hang the suite


@dataclass(frozen=True)
class Ended:
    """A command that has ended: its exit code, or the negative number of its signal."""

    code: int
    out: str
    err: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def line(self) -> str:
        """The one line that says what was wrong. Fails where there are more, or a traceback."""
        assert "Traceback" not in self.err, self.err
        said = [line for line in self.err.splitlines() if line.startswith("radps-dag: ")]
        assert len(said) == 1, self.err
        return said[0]


class Parent:
    """Forks children that run commands. `preload` is a library that is loaded before all others;
    where `exact`, a command has the variables that it is given and no others."""

    def __init__(self, folder: Path, preload: Path | None = None, exact: bool = False) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PREFECT_", "RADPS_DAG_"))
        }
        self.home = folder / "home"  # of the Prefect server that its children start
        environment["RADPS_DAG_HOME"] = str(self.home)
        if preload is not None:
            environment["LD_PRELOAD"] = str(preload)
        self._folder = folder
        self._number = 0
        self._exact = exact
        self._asking = threading.Lock()
        self._outputs: dict[int, Path] = {}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def begin(self, arguments: Sequence[str], cwd: Path, **variables: str) -> int:
        """Start a command; the number of its process, which leads a group of its own."""
        with self._asking:
            self._number += 1
            output = self._folder / f"output-{self._number}"
        asked = {"arguments": arguments, "cwd": str(cwd), "output": str(output)}
        asked["exact"] = self._exact
        pid = int(self._ask({**asked, "variables": variables})["pid"])
        self._outputs[pid] = output
        return pid

    def end(self, pid: int) -> Ended:
        """Wait for a command."""
        code = None
        patience = time.monotonic() + PATIENCE
        # Not one long question: another thread may have a command to start meanwhile.
        while code is None:
            code = self._ask({"wait": pid, "kill": time.monotonic() > patience})["code"]
            time.sleep(0.005)
        output = self._outputs.pop(pid)
        texts = [Path(f"{output}.{name}") for name in ("out", "err")]
        out, err = (path.read_text(errors="replace") for path in texts)
        for path in texts:
            path.unlink()
        return Ended(code, out, err)

    def run(self, *arguments: str, cwd: Path, **variables: str) -> Ended:
        return self.end(self.begin(arguments, cwd, **variables))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._asking:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@functools.cache
def _parent() -> Parent:
    folder = Path(tempfile.mkdtemp(prefix="radps-dag-commands-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Parent(folder, exact=True)


def command(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`radps-dag` with these arguments, in a folder and in the environment of this moment."""
    variables = {**os.environ, **(env or {})}
    ended = _parent().run(*arguments, cwd=folder, **variables)
    return subprocess.CompletedProcess(arguments, ended.code, ended.out, ended.err)


# What follows runs in the parent.


def _serve() -> None:
    _import_everything()
    children: set[int] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = {"code": _wait(asked["wait"], asked["kill"])}
            if answer["code"] is not None:
                children.discard(asked["wait"])
        else:
            pid = os.fork()
            if pid == 0:
                _child(asked)
            children.add(pid)
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _import_everything() -> None:
    import gc
    import importlib

    for name in (
        *("sqlalchemy.dialects.sqlite", "networkx", "jsonschema", "rich.console", "getpass"),
        *("radps_dag.cli.run", "radps_dag.cli.resume", "radps_dag.runs.session"),
        *("radps_dag.engine.selection", "radps_dag.runs.record", "radps_dag.reuse.cache"),
        *("radps_dag.journal.run_status", "radps_dag.progress.plain", "radps_dag.builder"),
        *("radps_dag.executors.threads", "radps_dag.executors.processes"),
        *("sqlalchemy.dialects.postgresql", "psycopg"),
        *("radps_dag.workloads.placeholder", "radps_dag.checks", "radps_dag.runs.provenance"),
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    assert threading.active_count() == 1


def _wait(pid: int, kill: bool) -> int | None:
    """Exit code of a child; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    if found:
        return os.waitstatus_to_exitcode(status)
    if kill:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return 1000  # it hung
    return None


def _child(asked: Mapping[str, Any]) -> None:
    """Run a command in this process, and end it."""
    code = 70
    try:
        os.setsid()
        os.chdir(asked["cwd"])
        for descriptor, name in ((1, "out"), (2, "err")):
            mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(f"{asked['output']}.{name}", mode), descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if asked["exact"]:
            os.environ.clear()
        os.environ.update(asked["variables"])
        sys.path[0] = asked["cwd"]  # as after `python -m`
        _arrange_end(os.environ.get("CRASH_AT", ""))
        from radps_dag.cli.main import main

        # As from a shell: a program that Prefect keeps from ending is what is looked for.
        sys.argv[1:] = asked["arguments"]
        main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _arrange_end(when: str) -> None:
    """Have this process killed: `seconds 0.2`, or `before 3` or `after 3` a commit of facts."""
    if not when:
        return
    what, _, number = when.partition(" ")
    if what == "seconds":
        threading.Thread(target=_kill_after, args=(float(number),), daemon=True).start()
        return
    from radps_dag.journal.store import Store

    append = Store.append
    left = [int(number)]

    def counted(*arguments: Any, **named: Any) -> int:
        left[0] -= 1
        if left[0] == 0 and what == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        first = append(*arguments, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return first

    Store.append = counted  # type: ignore[method-assign]


def _kill_after(seconds: float) -> None:
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    _serve()
