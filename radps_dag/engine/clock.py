"""Clock of a node, which stops while all that goes on in it waits for people."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

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

    def working(self) -> AbstractContextManager[None]:
        """While something is computed in it."""
        return _Counted(self, 1, 0)

    def asking(self) -> AbstractContextManager[None]:
        """While a question in it is open."""
        return _Counted(self, 0, 1)

    def count(self, at_work: int, asking: int) -> None:
        """Count what begins in it, or ends."""
        now = time.monotonic()
        clock: Clock | None = self
        while clock is not None:
            if clock._since is not None:
                clock._waited += now - clock._since
            clock._at_work += at_work
            clock._asking += asking
            clock._since = now if clock._asking and not clock._at_work else None
            clock = clock._outer


class _Counted:
    """A count in a clock, and those around it, meanwhile. Each call has one, and a generator would
    cost it three times as much."""

    __slots__ = ("_asking", "_at_work", "_clock")

    def __init__(self, clock: Clock, at_work: int, asking: int) -> None:
        self._clock, self._at_work, self._asking = clock, at_work, asking

    def __enter__(self) -> None:
        self._clock.count(self._at_work, self._asking)

    def __exit__(self, *_: object) -> None:
        self._clock.count(-self._at_work, -self._asking)
