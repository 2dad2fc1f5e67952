"""Clock of a node, which stops while all that goes on in it waits for people."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Clock"]


class Clock:
    """The clock of a node, an instance, an iteration or the run, which stands still while a
    question in it is open and no call in it is at work."""

    __slots__ = ("_asking", "_at_work", "_begun", "_outer", "_since", "_waited")

    def __init__(self, outer: Clock | None = None) -> None:
        self._outer = outer
        self._begun = time.monotonic()
        self._waited = 0.0
        self._since: float | None = None  # when it was that nothing but questions was left
        self._at_work = self._asking = 0

    @property
    def took(self) -> float:
        """Seconds that it was at work."""
        now = time.monotonic()
        waits = 0.0 if self._since is None else now - self._since
        return now - self._begun - self._waited - waits

    def begin(self) -> None:
        """Count from now on: what was before it was waiting for a turn."""
        self._begun, self._waited = time.monotonic(), 0.0

    @contextmanager
    def working(self) -> Iterator[None]:
        """While something is computed in it."""
        self._count(1, 0)
        try:
            yield
        finally:
            self._count(-1, 0)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """While a question in it is open."""
        self._count(0, 1)
        try:
            yield
        finally:
            self._count(0, -1)

    def _count(self, at_work: int, asking: int) -> None:
        now = time.monotonic()
        clock: Clock | None = self
        while clock is not None:
            if clock._since is not None:
                clock._waited += now - clock._since
            clock._at_work += at_work
            clock._asking += asking
            clock._since = now if clock._asking and not clock._at_work else None
            clock = clock._outer
