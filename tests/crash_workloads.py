"""Workloads that say from outside of the journal when they run, and that may end their process."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import TypedDict
from urllib.parse import unquote, urlsplit

from radps_dag.workloads import Product, Random, Workdir, workload


class Value(TypedDict):
    """A number.

    Attributes:
        value: the number
    """

    value: float


class Stored(TypedDict):
    """A number in a file.

    Attributes:
        value: the number
        product: the file
    """

    value: float
    product: Product


def note(what: str, name: str) -> int:
    """Add a line to the log of executions, in one write; how many lines there are."""
    path = os.environ["CRASH_LOG"]
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{what} {name}\n".encode())
    os.close(descriptor)
    count = len(Path(path).read_text().splitlines())
    # `17 driver`: with the line 17, the driver ends (or the worker, where there is one).
    at, _, whom = os.environ.get("CRASH_LINE", "").partition(" ")
    if at and count == int(at):
        pid = os.getppid() if whom == "parent" else os.getpid()
        os.kill(pid, signal.SIGKILL)
    return count


def begun(name: str) -> int:
    """How often a call has begun."""
    lines = Path(os.environ["CRASH_LOG"]).read_text().splitlines()
    return lines.count(f"begin {name}")


def path_of(product: Product) -> Path:
    return Path(unquote(urlsplit(product["uri"]).path))


@workload
def store(
    name: str,
    value: float = 0.0,
    sources: list[Product] | None = None,
    broken: bool = False,
    seconds: float = 0.0,
    *,
    workdir: Workdir,
) -> Stored:
    """Write a number and what it comes from into a file, in two parts."""
    note("begin", name)
    time.sleep(seconds)
    if broken:
        raise ValueError(f"{name} is broken")
    found = [json.loads(path_of(source).read_text()) for source in sources or []]
    text = json.dumps({"name": name, "value": value, "sources": found})
    path = workdir / "data.json"
    with path.open("x") as file:
        file.write(text[:10])
        file.flush()
        note("half", name)
        file.write(text[10:])
    (workdir / "more").mkdir()
    (workdir / "more" / "log.txt").write_text(name * 20)
    note("end", name)
    return {"value": value, "product": {"uri": path.as_uri(), "kind": "data"}}


@workload
def draw(name: str, *, random: Random) -> Value:
    """Draw a number."""
    note("begin", name)
    number = random.random()
    note("end", name)
    return {"value": number}


@workload
def flaky(name: str, times: int = 1, value: float = 0.0) -> Value:
    """Fail so many times, and then no more."""
    note("begin", name)
    if begun(name) <= times:
        raise ConnectionError(f"{name} is flaky")
    note("end", name)
    return {"value": value}


@workload
def wait(name: str, value: float = 0.0) -> Value:
    """Wait until the file `go` lies beside the log."""
    note("begin", name)
    go = Path(os.environ["CRASH_LOG"]).with_name("go")
    while not go.exists():
        time.sleep(0.01)
    note("end", name)
    return {"value": value}


@workload(mutates=True)
def change(name: str) -> Value:
    """Change something in place, in two parts."""
    note("begin", name)
    note("half", name)
    note("end", name)
    return {"value": 1.0}
