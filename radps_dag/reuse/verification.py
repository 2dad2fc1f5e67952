"""Verification of an earlier result: its files, and those it depends on, are as they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radps_dag.executors.publishing import harm, harm_at
from radps_dag.facts import Files, Made
from radps_dag.reuse.keys import Keys
from radps_dag.workloads.contract.knowledge import Snapshot
from radps_dag.workloads.contract.products import uris_in

__all__ = ["damage_in", "dependencies_of"]


def dependencies_of(
    made: Made,
    outputs: Mapping[str, Any],
    arguments: Mapping[str, Any],
    context: Snapshot | None,
    keys: Keys,
) -> list[Made]:
    """The calls whose files must still be there: the one that made the result, and those that made
    products which it hands through or which its own stand on, where today's call would be given
    them at another address.

    The products that it would be given have been looked at where they were made.
    """
    dependencies = {made.workdir: made} if made.files or made.changed else {}
    others = list(_others(made, outputs))
    given = _given(arguments, context) if others else frozenset()
    for uri in others:
        if uri not in given and (maker := keys.maker(uri)):
            dependencies[maker.workdir] = maker
    return list(dependencies.values())


def damage_in(dependencies: list[tuple[Made, Files]], *, thorough: bool = True) -> str:
    """Say what is wrong with the results of calls, and with data that was left at an address in a
    known state; "" if nothing. Raises Unreachable.
    """
    for made, files in dependencies:
        if wrong := harm(made, thorough=thorough):
            return wrong
        for address, content in files.items():
            if wrong := harm_at(address, content, thorough=thorough):
                return wrong
    return ""


def _others(made: Made, outputs: Mapping[str, Any]) -> Iterator[str]:
    """The addresses of products in a result that the call has not written itself, and of those on
    which the products stand that it has."""
    for uri in uris_in([outputs, [addition.value for addition in made.added]]):
        if not (made.workdir and uri.startswith(f"{made.workdir}/")):
            yield uri


def _given(arguments: Mapping[str, Any], context: Snapshot | None) -> frozenset[str]:
    """The addresses of what a call is given, or can look up."""
    given = frozenset(uris_in(arguments))
    return given if context is None else given | context.uris
