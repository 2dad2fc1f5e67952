"""Notes of a call that succeeds: what whoever watches the run is to be warned of."""

from __future__ import annotations

from contextvars import ContextVar

from radps_dag.workloads.contract.meanwhile import Meanwhile

__all__ = ["note", "noting"]

_MOST = 20
_NOTES: ContextVar[list[str] | None] = ContextVar("radps_dag_notes", default=None)


def note(message: str) -> None:
    """Add a note of one line; outside of a run it is dropped."""
    notes = _NOTES.get()
    if notes is not None and len(notes) < _MOST:
        notes.append(" ".join(message.split())[:500])


def noting() -> Meanwhile[list[str]]:
    """The notes that are added meanwhile."""
    return Meanwhile(_NOTES, [])
