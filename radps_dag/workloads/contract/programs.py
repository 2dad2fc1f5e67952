"""Programs that a call has run to their end, and what each of them used."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from radps_dag.workloads.contract.meanwhile import Meanwhile

__all__ = ["EndedProgram", "ended_programs", "note_program"]


@dataclass(frozen=True, slots=True)
class EndedProgram:
    """A program with all it has waited for: its exit code, or minus the signal that ended it;
    seconds of processors; bytes, by the names of /proc, as far as they are known."""

    exit: int
    cpu: float
    peak_rss: int | None
    io: Mapping[str, int]


_PROGRAMS: ContextVar[list[EndedProgram] | None] = ContextVar("radps_dag_programs", default=None)


def note_program(program: EndedProgram) -> None:
    """Note that a program has ended; outside of a call nobody minds."""
    programs = _PROGRAMS.get()
    if programs is not None:
        programs.append(program)


def ended_programs(programs: list[EndedProgram]) -> Meanwhile[list[EndedProgram]]:
    """Add the programs that end meanwhile to the list."""
    return Meanwhile(_PROGRAMS, programs)
