"""Names in the package: an identifier says what it holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import jinja2
import jinja2.nodes
import pytest
from repository import ROOT

_EMPTY = {"desk", "foreseen", "found", "known", "one", "whole"}
_EXEMPT = {
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
        if (path := str(file.relative_to(ROOT / "radps_dag"))) not in _EXEMPT
        for line, name in empty_names(file.read_text(encoding="utf-8"))
    ]
    assert bad == []


def empty_names_of_template(source: str) -> Iterator[tuple[int, str]]:
    """Yield the same of a template of Jinja: what it sets, loops over, and takes as a parameter."""
    for name in jinja2.Environment().parse(source).find_all(jinja2.nodes.Name):
        if name.ctx in ("store", "param") and name.name in _EMPTY:
            yield name.lineno, name.name


def test_a_name_of_a_template_says_what_it_holds() -> None:
    """The templates of a report keep the same rule."""
    folder = ROOT / "radps_dag/report/templates"
    templates = sorted([*folder.glob("*.html"), *folder.glob("*.svg")])
    assert len(templates) > 10
    bad = [
        f"{file.name}:{line}: {name}"
        for file in templates
        for line, name in empty_names_of_template(file.read_text(encoding="utf-8"))
    ]
    assert bad == []


def test_empty_names_of_a_template_are_found() -> None:
    """Parameters of macros, variables of loops, what is set; not members."""
    source = "{% macro grade(one) %}{{ one.found }}{% endmacro %}\n{% for whole in x %}{% endfor %}"
    assert sorted(empty_names_of_template(source)) == [(1, "one"), (2, "whole")]


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
