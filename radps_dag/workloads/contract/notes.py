"""Notes of a call that succeeds: what whoever watches the run is to be warned of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["note", "noting"]

_MOST = 20
_NOTES: ContextVar[list[str] | None] = ContextVar("radps_dag_notes", default=None)


def note(message: str) -> None:
    """Add a note of one line; outside of a run it is dropped."""
    notes = _NOTES.get()
    if notes is not None and len(notes) < _MOST:
        notes.append(" ".join(message.split())[:500])


@contextmanager
def noting() -> Iterator[list[str]]:
    """The notes that are added meanwhile."""
    notes: list[str] = []
    before = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(before)
