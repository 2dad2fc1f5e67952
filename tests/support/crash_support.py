"""A parent with everything imported, whose children run the command line and are killed.

A cycle of `run`, kill -9 and `resume` costs what the run costs, and no start of Python: the parent
is a process of its own without threads, and forks a child for each command.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from repository import SUPPORT

__all__ = ["WORKLOADS", "Ended", "Parent", "Site", "content_of", "fault_library"]

WORKLOADS = SUPPORT / "crash_workloads.py"
PATIENCE = 120.0  # one that hangs is to fail, and not to hang the suite


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
    """Forks children that run commands. `preload` is a library that is loaded before all others."""

    def __init__(self, folder: Path, preload: Path | None = None) -> None:
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
        self._number += 1
        output = self._folder / f"output-{self._number}"
        asked = {"arguments": arguments, "cwd": str(cwd), "output": str(output)}
        pid = int(self._ask({**asked, "variables": variables})["pid"])
        self._outputs[pid] = output
        return pid

    def end(self, pid: int) -> Ended:
        """Wait for a command."""
        code = int(self._ask({"wait": pid, "patience": PATIENCE})["code"])
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
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@dataclass
class Site:
    """A directory with a pipeline, its workspace, and a log of what its workloads did."""

    parent: Parent
    folder: Path
    options: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    url: str | None = None  # of the database, where the journal is not in the workspace
    prefect: bool = False

    @classmethod
    def make(cls, parent: Parent, folder: Path, text: str, **files: str) -> Site:
        folder.mkdir(parents=True)
        (folder / "pipeline.yaml").write_text(text)
        for name, other in files.items():
            (folder / f"{name}.yaml").write_text(other)
        return cls(parent, folder)

    @property
    def workspace(self) -> Path:
        return self.folder / ".radps"

    @property
    def journal(self) -> Path:
        return self.workspace / "journal.db"

    @property
    def log(self) -> Path:
        return self.folder / "executions"

    def begin_run(self, *options: str, **variables: str) -> int:
        arguments = ("run", "pipeline.yaml", "--workloads", str(WORKLOADS), "-q")
        untracked = () if self.prefect else ("--no-prefect",)
        return self._begin((*arguments, *untracked, *self.options, *options), variables)

    def begin_resume(self, *options: str, **variables: str) -> int:
        return self._begin(("resume", "-q", *self.options, *options), variables)

    def run(self, *options: str, **variables: str) -> Ended:
        return self.parent.end(self.begin_run(*options, **variables))

    def resume(self, *options: str, **variables: str) -> Ended:
        return self.parent.end(self.begin_resume(*options, **variables))

    def _begin(self, arguments: Sequence[str], variables: Mapping[str, str]) -> int:
        given = {"CRASH_LOG": str(self.log), **self.variables, **variables}
        where = () if self.url is None else ("--store", self.url)
        return self.parent.begin((*arguments, *where), self.folder, **given)

    def executions(self, what: str = "begin") -> Counter[str]:
        """How often each call has begun (or ended), as the workloads themselves say."""
        if not self.log.exists():
            return Counter()
        lines = [line.split(" ", 1) for line in self.log.read_text().splitlines()]
        return Counter(line[1] for line in lines if line[0] == what)

    def facts(self, run: str | None = None) -> list[Any]:
        """What the journal says of the last run, or of a certain one."""
        if not self._begun:
            return []
        with self._store() as store:
            heads = store.heads(lambda error: None)
            if run is None and not heads:
                return []
            return list(store.facts(run or heads[0].run))

    def runs(self) -> list[str]:
        with self._store() as store:
            return [head.run for head in store.heads(lambda error: None)]

    @property
    def _begun(self) -> bool:
        """Whether there is a journal: a process may have been killed before it could make one."""
        if self.url is not None:
            return True
        if not self.journal.exists():
            return False
        with contextlib.closing(sqlite3.connect(self.journal)) as connection:
            found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'radps_runs'")
            return found.fetchone() is not None

    @contextlib.contextmanager
    def _store(self) -> Iterator[Any]:
        from radps_dag.journal.opening import open_store
        from radps_dag.journal.workspace import Workspace

        store = open_store(Workspace(self.workspace.resolve()), self.url, reading=True, empty=True)
        try:
            yield store
        finally:
            store.close()

    def outputs(self) -> Any:
        """The outputs of the last run, products replaced by what is in them."""
        end = self.facts()[-1]
        assert type(end).__name__ == "RunEnded", end
        assert end.status == "succeeded", end
        return content_of(end.outputs)


def fault_library(folder: Path) -> Path:
    """The library that makes single calls of the system go wrong, `faults.c`, made in a folder. The
    test is skipped where that cannot be."""
    import pytest  # the parent has no need of it

    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is here, which makes the calls fail")
    library = folder / "faults.so"
    source = SUPPORT / "faults.c"
    command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"the C compiler makes no library here: {made.stderr}")
    return library


def content_of(value: Any) -> Any:
    """A value, its products replaced by what is in their files."""
    if isinstance(value, Mapping):
        if "uri" in value:
            path = Path(unquote(urlsplit(value["uri"]).path))
            return {"kind": value["kind"], "content": json.loads(path.read_text())}
        return {name: content_of(member) for name, member in value.items()}
    if isinstance(value, list):
        return [content_of(item) for item in value]
    return value


# What follows runs in the parent.


def _serve() -> None:
    _import_everything()
    children: set[int] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = {"code": _wait(asked["wait"], asked["patience"])}
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
    import threading

    for name in (
        *("sqlalchemy.dialects.sqlite", "networkx", "jsonschema", "rich.console", "getpass"),
        *("radps_dag.cli.run", "radps_dag.cli.resume", "radps_dag.runs.session"),
        *("radps_dag.engine.selection", "radps_dag.runs.record", "radps_dag.reuse.cache"),
        *("radps_dag.journal.reading", "radps_dag.progress.plain", "radps_dag.builder"),
        *("radps_dag.executors.threads", "radps_dag.executors.processes"),
        *("sqlalchemy.dialects.postgresql", "psycopg"),
        *("radps_dag.workloads.placeholder", "radps_dag.checks", "radps_dag.runs.provenance"),
    ):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    assert threading.active_count() == 1


def _wait(pid: int, patience: float) -> int:
    end = time.monotonic() + patience
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return 1000  # it hung
        time.sleep(0.002)


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
        os.environ.update(asked["variables"])
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
        import threading

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
