"""Workloads that say from outside of the journal when they run, and that may end their process."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import unquote, urlsplit

from radps_dag.workloads import Context, Product, Random, Workdir, workload


class Value(TypedDict):
    """A number.

    Attributes:
        value: the number
    """

    value: float


class Told(TypedDict):
    """What was added to the context, and a file.

    Attributes:
        value: what was added
        product: the file
    """

    value: Any
    product: Product


class Seen(TypedDict):
    """What a call has seen of the context.

    Attributes:
        product: the file that says it
    """

    product: Product


class Stored(TypedDict):
    """A number in a file.

    Attributes:
        value: the number
        product: the file
    """

    value: float
    product: Product


def note(what: str, name: str) -> int:
    """Add a line to the log of executions, in one write; which line it is."""
    path = os.environ["CRASH_LOG"]
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{what} {name}\n".encode())
    # Somebody else may have added one since: each number is given once.
    end = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.close(descriptor)
    count = Path(path).read_bytes()[:end].count(b"\n")
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


@workload
def tell(
    name: str,
    key: str,
    value: Any = None,
    sources: list[Product] | None = None,
    times: int = 0,
    broken: bool = False,
    *,
    context: Context,
    workdir: Workdir,
) -> Told:
    """Add a value to the context and make a product; or add it and fail, so many times or
    always."""
    note("begin", name)
    context.add(key, value)
    if broken or begun(name) <= times:
        raise ConnectionError(f"{name} is broken")
    path = workdir / "told.json"
    found = [json.loads(path_of(source).read_text()) for source in sources or []]
    path.write_text(json.dumps({"name": name, "value": value, "sources": found}))
    note("half", name)
    note("end", name)
    product: Product = {"uri": path.as_uri(), "kind": "told", "selection": {"name": name}}
    return {"value": value, "product": product}


@workload
def withdraw(name: str, product: Product, *, context: Context) -> Value:
    """Withdraw a product."""
    note("begin", name)
    context.withdraw(product, reason=f"{name} says so")
    note("end", name)
    return {"value": 1.0}


@workload
def look(name: str, of: Any = None, *, context: Context, workdir: Workdir) -> Seen:
    """Write down all that the context says."""
    note("begin", name)
    keys = {key: [[one.value, one.place] for one in context.versions(key)] for key in context}
    products = [
        [record.place, json.loads(path_of(record.product).read_text()), record.withdrawn]
        for record in context.records(include_withdrawn=True)
    ]
    path = workdir / "seen.json"
    path.write_text(json.dumps({"keys": keys, "products": products}))
    note("end", name)
    return {"product": {"uri": path.as_uri(), "kind": "seen"}}
