"""The lines of a plan: a whole stands above its parts, and runs if any of them does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from radps_dag.engine.run import NodeContext
from radps_dag.facts import NodeKind, repetition

__all__ = ["PlanLines", "Planned", "Verdict", "reused_groups"]

Verdict = Literal["run", "reuse", "skip"]


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan for a node, an instance or an iteration. That of a group covers all in it, which has
    lines of its own unless the group is a `leaf`: nothing in it is known yet.
    """

    place: str
    path: str
    kind: NodeKind
    verdict: Verdict
    why: str = ""
    leaf: bool = True


def reused_groups(planned: Iterable[Planned]) -> frozenset[str]:
    """The places of groups in which nothing would run."""
    return frozenset(
        line.place
        for line in planned
        if not line.leaf and line.verdict != "run" and repetition(line.kind) != "fan_out"
    )


class PlanLines:
    """The lines of a plan, one for each place, in the order of the graph."""

    def __init__(self) -> None:
        self.lines: list[Planned] = []
        self._begun: dict[str, int] = {}  # place of a whole -> its line

    def add(self, here: NodeContext, kind: NodeKind, verdict: Verdict, why: str) -> None:
        """Add what is said of a place, or replace what was said of a whole."""
        place = here.place.name
        mark = self._begun.get(place)
        if mark is None:
            self.lines.append(Planned(place, here.place.path, kind, verdict, why))
        else:  # a whole of which something is found while its parts are planned
            leaf = mark == len(self.lines) - 1
            self.lines[mark] = replace(self.lines[mark], verdict=verdict, why=why, leaf=leaf)

    def begin(self, here: NodeContext, kind: NodeKind) -> int:
        """Make room for what is said of a whole before its parts are known."""
        self._begun[here.place.name] = len(self.lines)
        self.lines.append(Planned(here.place.name, here.place.path, kind, "reuse", leaf=False))
        return len(self.lines) - 1

    def end(self, mark: int) -> None:
        """Say of a whole what its parts say: it runs if any of them does."""
        if self.lines[mark].verdict == "run":
            return  # that is known of itself
        inside = self.lines[mark + 1 :]
        first = next((line for line in inside if line.verdict == "run"), None)
        if first is not None:
            name = first.place.removeprefix(self.lines[mark].place).lstrip("/")
            why = first.why if first.why.startswith("upstream") else f"{name}: {first.why}"
            self.lines[mark] = replace(self.lines[mark], verdict="run", why=why)
        elif inside and all(line.verdict == "skip" for line in inside):
            self.lines[mark] = replace(self.lines[mark], verdict="skip")
