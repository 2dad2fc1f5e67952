"""Python files of the repository, looked at as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["Definition", "definitions"]

Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
# Only these hold definitions: looking into expressions, too, takes several times as long.
_HOLDERS = ast.Module | ast.stmt | ast.ExceptHandler | ast.match_case


def definitions(source: str) -> Iterator[Definition]:
    """The module, and each class and function in it, at any depth."""
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Definition):
            yield node
        waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, _HOLDERS)]
