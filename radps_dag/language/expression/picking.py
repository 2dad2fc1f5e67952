"""Filters that apply another filter or a test to every item of a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from radps_dag.language.expression.bounds import Absent, Budget, Wrong
from radps_dag.language.expression.lists import LIST_FILTERS, items_of, same_list
from radps_dag.language.expression.operation import Operation, string_in
from radps_dag.language.expression.scalars import SCALAR_FILTERS
from radps_dag.language.expression.truths import TESTS
from radps_dag.language.shape import list_of, show

__all__ = ["MAP", "PICKING_FILTERS"]

_LIST = list_of()
_TEST = ("test", "*")


def _member(item: Any, path: str) -> Any:
    """Find `attribute='selection.spw'` in one item."""
    for name in path.split("."):
        if not isinstance(item, Mapping):
            raise Wrong(f"{show(item)} has no member {name!r}: it is not a mapping")
        if name not in item:
            raise Absent(f"an item has no member {name!r}")
        item = item[name]
    return item


def _map(
    budget: Budget, value: Any, filter: Any = None, *arguments: Any, attribute: Any = None
) -> list[Any]:
    items = items_of(budget, value, "map")
    if (filter is None) == (attribute is None):
        raise Wrong("'map' takes either a filter's name or attribute='NAME'")
    if attribute is not None:
        path = string_in(attribute, "'map'")
        return [_member(item, path) for item in items]
    operation = _named(MAP, filter, len(arguments))
    return [operation.call(budget, item, *arguments) for item in items]


def _named(by: Operation, name: Any, given: int) -> Operation:
    """The filter or test that `by` is to apply, which an expression may have computed."""
    if problem := by.misapplied(name, given):
        raise Wrong(problem)
    return by.applies[name]


def _pick(name: str, keep: bool, by_member: bool) -> Callable[..., list[Any]]:
    def by_test(budget: Budget, value: Any, test: Any = None, *arguments: Any) -> list[Any]:
        items = items_of(budget, value, name)
        if test is None:
            return [item for item in items if bool(item) is keep]
        operation = _named(_PICKING[name], test, len(arguments))
        return [item for item in items if operation.call(budget, item, *arguments) is keep]

    def by_attribute(
        budget: Budget, value: Any, attribute: Any, test: Any = None, *arguments: Any
    ) -> list[Any]:
        items = items_of(budget, value, name)
        path = string_in(attribute, f"'{name}'")
        members = [_member(item, path) for item in items]
        if test is None:
            return [
                item for item, member in zip(items, members, strict=True) if bool(member) is keep
            ]
        operation = _named(_PICKING[name], test, len(arguments))
        return [
            item
            for item, member in zip(items, members, strict=True)
            if operation.call(budget, member, *arguments) is keep
        ]

    return by_attribute if by_member else by_test


def _by_test(name: str, keep: bool) -> Operation:
    summary = f"the items for which a test is {str(keep).lower()}"
    call, usage = _pick(name, keep, by_member=False), f"xs | {name}('test', argument)"
    return Operation(name, usage, summary, call, same_list, _TEST, takes=_LIST, applies=TESTS)


def _by_member(name: str, keep: bool) -> Operation:
    summary = f"the items for whose member a test is {str(keep).lower()}"
    call, usage = _pick(name, keep, by_member=True), f"xs | {name}('name', 'test', argument)"
    return Operation(name, usage, summary, call, same_list, ("attribute", *_TEST), 1, _LIST, TESTS)


_PICKING = {
    filter_.name: filter_
    for filter_ in (
        _by_test("select", True),
        _by_test("reject", False),
        _by_member("selectattr", True),
        _by_member("rejectattr", False),
    )
}
MAP = Operation(
    "map",
    "xs | map(attribute='name') or xs | map('filter')",
    "a member of each item, or each item filtered",
    _map,
    _LIST,
    takes=_LIST,
    parameters=("filter", "attribute", "*"),
    # Not what asks for an absent value.
    applies={
        operation.name: operation
        for operation in sorted(
            (*SCALAR_FILTERS, *LIST_FILTERS, *_PICKING.values()),
            key=lambda operation: operation.name,
        )
        if operation.name != "default"
    },
)
PICKING_FILTERS = (MAP, *_PICKING.values())
