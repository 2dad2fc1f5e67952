"""Docstrings of the package: they open with a verb or a noun."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from repository import ROOT
from source_support import definitions

_CLAUSE = re.compile(
    r"(What|Whatever|Where|Wherever|When|Whenever|Who|Whom|Whose|Whoever|Which|How|Why|That|Of|With)"
    r"\b",
    re.IGNORECASE,
)


def openings(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of docstrings that open with a clause instead of a verb or noun."""
    for node in definitions(source):
        text = ast.get_docstring(node)
        if text is None:
            continue
        returns = getattr(node, "returns", None)
        predicate = returns is not None and ast.unparse(returns).startswith(("bool", "TypeGuard"))
        if _CLAUSE.match(text) or (text.startswith("Whether") and not predicate):
            yield node.body[0].lineno, text.splitlines()[0]


def test_a_docstring_opens_with_a_verb_or_a_noun() -> None:
    """No docstring opens with a relative clause; `Whether ...` is for predicates."""
    bad = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted((ROOT / "radps_dag").rglob("*.py"))
        for line, text in openings(path.read_text(encoding="utf-8"))
    ]
    assert bad == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""What a run needs."""', [(1, "What a run needs.")]),
        ('def f() -> str:\n    """Where a run is."""', [(2, "Where a run is.")]),
        ('class Run:\n    """Whether it runs."""', [(2, "Whether it runs.")]),
        ('def f() -> bool:\n    """Whether it runs."""', []),
        ('def f() -> str:\n    """Whatsit of a run."""', []),
        ('def f() -> str:\n    """The directory of a run."""', []),
    ],
)
def test_clauses_are_found(source: str, expected: list[tuple[int, str]]) -> None:
    """Each kind of definition is looked at, and whole words count."""
    assert list(openings(source)) == expected
