"""Workloads that misbehave, for tests of the executors; a worker process imports this file."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, TypedDict

from radps_dag.workloads.contract.workload import Random, Workdir, workload


class Echoed(TypedDict):
    value: Any


class Process(TypedDict):
    pid: int
    group: int


@workload
def echo(value: Any = None) -> Echoed:
    """Give what it gets."""
    return {"value": value}


@workload
def who() -> Process:
    """Say which process it runs in."""
    return {"pid": os.getpid(), "group": os.getpgrp()}


@workload
def draw(random: Random, workdir: Workdir) -> Echoed:
    """Draw a number, and write a file."""
    (workdir / "file").write_text("content")
    return {"value": random.random()}


@workload
def fail(message: str) -> Echoed:
    """Raise."""
    raise ConnectionResetError(message)


@workload
def leave(code: int) -> Echoed:
    """Call sys.exit."""
    sys.exit(code)


@workload
def crash(how: str) -> Echoed:
    """End the process it runs in."""
    match how:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(7)
        case "segfault":
            ctypes.string_at(0)
    time.sleep(1000)
    return {"value": None}


@workload
def fill(megabytes: int) -> Echoed:
    """Hold more memory from one moment to the next."""
    held = [b"x" * 1_000_000 + bytes(number) for number in range(megabytes)]
    time.sleep(1000)
    return {"value": len(held)}


@workload
def shout(words: str) -> Echoed:
    """Write to both streams in every way there is, and read."""
    print(words)
    sys.stderr.write(words)
    os.write(1, words.encode())
    subprocess.run(["echo", words], check=True)
    return {"value": sys.stdin.read()}


@workload
def murmur(words: str, until: str, pids: str) -> Echoed:
    """Print, and go on until there is a file."""
    print(words)
    Path(pids).write_text(str(os.getpid()))
    while not Path(until).exists():
        time.sleep(0.05)
    print("the end")
    return {"value": words}


@workload
def spoil() -> Echoed:
    """Return what is not JSON."""
    return {"value": float("nan")}


@workload
def busy(how: str, pids: str) -> Echoed:
    """Be busy for ever, in a way that is hard to end; write down the processes that are."""
    found = [os.getpid()]
    if how == "ignores_sigterm":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if how in ("child", "stubborn_child", "grandchild"):
        trap = "trap '' TERM; " if how == "stubborn_child" else ""
        script = f"{trap}echo $$; sleep 1000"
        if how == "grandchild":
            script = "sh -c 'echo $$; sleep 1000' & wait"
        child = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        found += [child.pid, int(child.stdout.readline())]
    file = Path(pids)
    file.with_suffix(".new").write_text(" ".join(map(str, found)))
    file.with_suffix(".new").rename(file)
    match how:
        case "regular_expression":
            re.match(r"(a+)+$", "a" * 50 + "b")
        case "hash":
            hashlib.pbkdf2_hmac("sha256", b"a", b"b", 2_000_000_000)
        case "lock":
            threading.Lock().acquire() and threading.Event().wait()
        case "swallows":
            while True:
                try:
                    time.sleep(1000)
                except BaseException:  # that is what it is for
                    continue
    time.sleep(1000)
    return {"value": None}
