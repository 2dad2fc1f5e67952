"""Workloads for runs of the command line: they wait, print, start programs, get stuck, break."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TypedDict

from radps_dag.workloads import workload


class Value(TypedDict):
    """A value.

    Attributes:
        value: the value
    """

    value: int


@workload
def give(value: int = 0) -> Value:
    """Give the value back."""
    return {"value": value}


@workload
def nap(seconds: float = 1.0) -> Value:
    """Sleep."""
    time.sleep(seconds)
    return {"value": 0}


@workload
def nap_unless(file: str, seconds: float = 60.0) -> Value:
    """Sleep, unless a file is there."""
    if not Path(file).exists():
        time.sleep(seconds)
    return {"value": 1}


@workload
def program(seconds: float = 60.0) -> Value:
    """Wait for a program, and for one that the program started."""
    subprocess.run(["sh", "-c", f"sleep {seconds} & sleep {seconds}; wait"], check=True)
    return {"value": 0}


@workload
def deaf(seconds: float = 60.0) -> Value:
    """Start a program that minds no signal but the last."""
    script = f"trap '' INT TERM HUP; sleep {seconds} & wait; sleep {seconds}"
    subprocess.run(["sh", "-c", script], check=True)
    return {"value": 0}


@workload
def stuck() -> Value:
    """Stay in C code for minutes, with Python's lock free, as numerical libraries do."""
    hashlib.pbkdf2_hmac("sha256", b"radio", b"astronomy", 400_000_000)
    return {"value": 0}


@workload
def chatter(text: str = "hello") -> Value:
    """Print in every way there is."""
    print(f"print {text}")
    print(f"stderr {text}", file=sys.stderr)
    os.write(1, f"descriptor {text}\n".encode())
    subprocess.run(["sh", "-c", f"echo program {text}; echo program error {text} >&2"], check=True)
    logging.getLogger("chatter").warning("logged %s", text)
    warnings.warn(f"warned {text}", stacklevel=1)
    return {"value": len(text)}


@workload
def fail(message: str = "broken") -> Value:
    """Raise an error."""
    raise ValueError(message)


@workload
def lose_server(pid: int, number: int = 9) -> Value:
    """Send a process a signal; it is killed by default."""
    os.kill(pid, number)
    return {"value": pid}


@workload
def leave_program(seconds: float = 60.0) -> Value:
    """Start a program and leave it running; its number is the value."""
    nowhere = subprocess.DEVNULL
    left = subprocess.Popen(["sleep", str(seconds)], stdout=nowhere, stderr=nowhere)
    return {"value": left.pid}
