"""Small workloads for tests of the engine, with a board on which they meet and are counted."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, TypedDict

from radps_dag.workloads.contract.registry import Library
from radps_dag.workloads.contract.workload import Random, Workdir, Workload, workload

__all__ = ["Board", "library_of"]

# What waits for somebody who never comes fails after this, and the test with it.
PATIENCE = 10.0


@dataclass
class Board:
    """What the workloads of one run share."""

    calls: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    most: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _barriers: dict[str, threading.Barrier] = field(default_factory=dict)
    _events: dict[str, threading.Event] = field(default_factory=dict)

    def called(self, name: str) -> int:
        """Note a call; how many there have been of that name."""
        with self._lock:
            self.calls.append(name)
            self.counts[name] += 1
            return self.counts[name]

    def meet(self, name: str, size: int) -> None:
        """Wait until so many are here: only those who run at the same time ever meet."""
        with self._lock:
            barrier = self._barriers.setdefault(name, threading.Barrier(size))
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            barrier.wait(PATIENCE)
        finally:
            with self._lock:
                self._now -= 1

    def event(self, name: str) -> threading.Event:
        with self._lock:
            return self._events.setdefault(name, threading.Event())


class Given(TypedDict):
    value: Any


class Sum(TypedDict):
    sum: float


class Drawn(TypedDict):
    number: float
    directory: str


class SpecialError(ConnectionError):
    """An error whose base classes `retries.on` may name."""


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


_ERRORS = {
    error.__name__: error
    for error in (
        ConnectionError,
        FileNotFoundError,
        KeyboardInterrupt,
        SpecialError,
        StopIteration,
        SystemExit,
        TimeoutError,
        UnspeakableError,
        ValueError,
    )
}

_BAD = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "bytes": b"abc",
    "set": {1, 2},
    "array": memoryview(b"1234"),
    "object": object(),
    "number_as_key": {1: 2},
    "nested_nan": [{"deep": [1.0, float("nan")]}],
    "half_a_character": "\ud800",
    "huge_integer": 10**5000,
}


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def library_of(board: Board) -> Library:
    """The library, for one run."""

    @workload
    def give(value: Any = None, name: str = "give") -> Given:
        """Give what it gets."""
        board.called(name)
        return {"value": value}

    @workload
    def add(a: float = 0, b: float = 0, name: str = "add") -> Sum:
        """Add two numbers."""
        board.called(name)
        return {"sum": a + b}

    @workload
    def meet(party: str = "party", size: int = 2, value: Any = None) -> Given:
        """Wait for others who run at the same time."""
        board.called("meet")
        board.meet(party, size)
        return {"value": value}

    @workload
    def announce(event: str, value: Any = None) -> Given:
        """Let those go on who wait for an event."""
        board.called(f"announce {event}")
        board.event(event).set()
        return {"value": value}

    @workload
    def await_event(event: str, value: Any = None) -> Given:
        """Wait for an event."""
        board.called(f"await {event}")
        if not board.event(event).wait(PATIENCE):
            raise ValueError(f"{event} never came")
        return {"value": value}

    @workload
    def fail_after(event: str) -> Given:
        """Wait for an event, and fail."""
        if not board.event(event).wait(PATIENCE):
            raise KeyError(f"{event} never came")
        raise ValueError("late")

    @workload
    def fail(
        error: str = "ValueError",
        message: str = "it is broken",
        times: int = 1_000_000,
        name: str = "fail",
        value: Any = None,
    ) -> Given:
        """Raise, so many times."""
        number = board.called(name)
        if number <= times:
            raise _ERRORS[error](message)
        return {"value": value}

    @workload
    def fail_if(bad: bool, value: Any = None, name: str = "fail_if") -> Given:
        """Raise, if asked to."""
        board.called(name)
        if bad:
            raise ValueError(f"{value} is bad")
        return {"value": value}

    @workload
    def spoil(kind: str) -> dict[str, Any]:
        """Return what no pipeline can take."""
        return {"value": _circle() if kind == "circle" else _BAD[kind]}

    @workload
    def mumble(kind: str) -> Given:
        """Return something else than what is declared."""
        wrong: dict[str, Any] = {
            "text": "value",
            "missing": {},
            "more": {"value": 1, "vlaue": 2},
        }
        return wrong[kind]  # type: ignore[no-any-return]

    @workload
    def loose(a: int = 1, b: int = 2) -> dict[str, Any]:
        """Return what is not declared."""
        return {"a": a, "b": [b, (b,)]}

    @workload
    def draw(random: Random, workdir: Workdir) -> Drawn:
        """Draw a number, and say where it may write."""
        board.called("draw")
        return {"number": random.random(), "directory": str(workdir)}

    @workload
    def spill(value: Any) -> Given:
        """Change what it was given."""
        value.append("spilt")
        return {"value": value}

    @workload
    def count(name: str = "count") -> Given:
        """Count its own calls."""
        return {"value": board.called(name)}

    @workload
    def say(words: str = "words") -> Given:
        """Write to both streams."""
        sys.stdout.write(words)
        sys.stderr.write(words)
        return {"value": words}

    found = [value.workload for value in list(locals().values()) if hasattr(value, "workload")]
    assert all(isinstance(one, Workload) for one in found)
    return Library("placeholder", {one.name: one for one in found})
