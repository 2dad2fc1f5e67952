"""Processes that a test watches: whether one runs, and the file in which they write themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["alive", "read", "read_soon", "wait_for"]

PATIENCE = 150.0


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has asked for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def wait_for(what: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until something holds."""
    until = time.monotonic() + patience
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def read(file: Path) -> list[int]:
    """The numbers in a file."""
    return [int(pid) for pid in file.read_text().split()]


async def read_soon(file: Path) -> list[int]:
    """The numbers in a file that is going to be there."""
    await asyncio.to_thread(wait_for, file.exists)
    return read(file)
