"""Names in the package: an identifier says what it holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from repository import ROOT

_EMPTY = {"desk", "foreseen", "found", "known", "one", "whole"}
# Packages, and modules, that are still to be gone through.
_EXEMPT = {"report"} | {
    "context/export.py",  # `one` and `other` are keys of its JSON
    "workloads/outcomes/imaging.py",  # `found` is an output of a workload
}


def empty_names(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and name of each parameter and variable that says nothing of its value."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.arg(arg=str(name))
                | ast.Name(id=name, ctx=ast.Store())
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
                | ast.ExceptHandler(name=str(name))
            ) if name in _EMPTY:
                yield node.lineno, name


def test_a_name_says_what_it_holds() -> None:
    """No parameter and no variable is called `one`, `found`, `known`, `whole`, ..."""
    bad = [
        f"{path}:{line}: {name}"
        for file in sorted((ROOT / "radps_dag").rglob("*.py"))
        if (path := str(file.relative_to(ROOT / "radps_dag"))).partition("/")[0] not in _EXEMPT
        and path not in _EXEMPT
        for line, name in empty_names(file.read_text(encoding="utf-8"))
    ]
    assert bad == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("found = 1", [(1, "found")]),
        ("def f(one):\n    return one", [(1, "one")]),
        ("[known for known in ()]", [(1, "known")]),
        ("match 1:\n    case whole: pass", [(2, "whole")]),
        ("print(words.found, known_names)", []),
    ],
)
def test_empty_names_are_found(source: str, expected: list[tuple[int, str]]) -> None:
    """Parameters, variables of every kind; not what is only read, nor a part of a word."""
    assert list(empty_names(source)) == expected
