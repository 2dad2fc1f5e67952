"""Calls that change data in place, each execution with a name; who depends on which of them.

Data that was changed in place lies where it was and is not the same. So the key of a call holds the
revisions of all that it waits for, by data or by `needs`: it differs when one of those ran again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from radps_dag.context.visibility import Link, Visibility
from radps_dag.facts.places import parts
from radps_dag.language.model import Children, Task, children
from radps_dag.workloads.contract.registry import Library

__all__ = ["TO_COME", "Revisions", "changes_in_place", "new_revision"]

TO_COME = ""  # of a call that a plan expects to run


def new_revision() -> str:
    """A name that no other execution has, in whatever copy of the workspace."""
    return secrets.token_hex(8)


def changes_in_place(nodes: Children, library: Library) -> bool:
    """Whether one of the nodes calls a workload that changes data in place, or something in it."""
    return any(
        (
            (isinstance(node, Task) and node.run in library.workloads)
            and library.workloads[node.run].mutates
        )
        or changes_in_place(children(node), library)
        for node in nodes
    )


_Noted = dict[str, str]  # place -> revision


@dataclass(slots=True, eq=False)
class Revisions:
    """The revisions of one run, found by who waits for the calls that gave them."""

    sight: Visibility
    _nodes: dict[str, dict[str, _Noted]] = field(default_factory=dict)  # by level, then by node
    _rounds: dict[str, dict[int, _Noted]] = field(default_factory=dict)  # by loop, then by number
    all: _Noted = field(default_factory=dict)

    def note(self, place: str, revision: str) -> None:
        """Take note of a call that changes data in place, and of each node that it is in."""
        self.all[place] = revision
        level = ""
        for part in parts(place):
            if part[0] == "#":
                rounds = self._rounds.setdefault(level, {})
                rounds.setdefault(int(part[1:]), {})[place] = revision
            if part[0] in "[#":
                level += part
                continue
            self._nodes.setdefault(level, {}).setdefault(part, {})[place] = revision
            level = f"{level}/{part}" if level else part

    def seen(self, link: Link | None, place: str) -> Mapping[str, str]:
        """The revisions that a call depends on, by place: of nodes that it waits for at its level
        and at those around it, and of earlier iterations of the loops that it is in."""
        if link is None or not self._nodes:
            return {}
        revisions: _Noted = {}
        for scope in link.chain():
            if nodes := self._nodes.get(scope.level):
                for id in nodes.keys() & self.sight.before(scope):
                    revisions |= nodes[id]
        if self._rounds:
            revisions |= self._earlier(place)
        return revisions

    def _earlier(self, place: str) -> _Noted:
        revisions: _Noted = {}
        around = ""
        for part in parts(place):
            if part[0] == "#":
                for number, noted in self._rounds.get(around, {}).items():
                    if number < int(part[1:]):
                        revisions |= noted
            around += part if part[0] in "[#" or not around else f"/{part}"
        return revisions
