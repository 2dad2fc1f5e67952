"""A workload to the digest of its code: what it calls, as far as that stands in the same package.

A result may be used again only while the code that made it is the same. What counts is the text of
the function and of everything that it names in its own package or file, at any depth. What it uses
of other packages is theirs; the workload's `version` is there to say that such a thing matters.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from radps_dag.workloads.contract.description import Workload

if TYPE_CHECKING:
    from radps_dag.workloads.contract.registry import Library

__all__ = ["code_digest", "fingerprint"]

# What makes a workload of a function decides nothing about its result.
_MACHINERY = frozenset(
    f"radps_dag.workloads.contract.{name}"
    for name in (
        "changing",
        "context",
        "description",
        "docstring",
        "fingerprint",
        "knowledge",
        "registry",
        "signature",
        "workload",
    )
)


@dataclass(frozen=True, slots=True)
class _Definition:
    """A name that a module defines: its text, the names in it, and what it imports itself."""

    text: str
    names: frozenset[str]
    imported: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Module:
    """A file's definitions by name, and where the names come from that it imports."""

    definitions: Mapping[str, tuple[_Definition, ...]]
    imported: Mapping[str, tuple[str, str]]  # name -> module, name in there ("" for all of it)


def fingerprint(workload: Workload) -> str:
    """The digest of a workload's code and version, as 16 hexadecimal digits; of a tool, that of its
    file and of what the program says about its version."""
    if workload.tool is not None:
        from radps_dag.workloads.tools.versions import identity_of

        words = (workload.name, workload.tool.text, identity_of(workload.tool))
        return sha256("\0".join(words).encode()).hexdigest()[:16]
    function = inspect.unwrap(workload.function)
    root = function.__module__.partition(".")[0]
    texts = sorted(_reached(function.__module__, function.__qualname__, root))
    if not texts:
        # Not found as text, such as a function inside a function: its compiled form.
        code = function.__code__
        texts = [repr((code.co_code, code.co_consts, code.co_names))]
        if "<locals>" in function.__qualname__:
            texts = [_text_of(function) or texts[0]]
    digest = sha256("\0".join((workload.name, workload.version, *texts)).encode())
    return digest.hexdigest()[:16]


def code_digest(library: Library) -> str:
    """The digest of all texts of the packages and files that the workloads are from, and of
    radps-dag: two machines where it is the same compute the same."""
    roots = {"radps_dag"}
    roots |= {
        inspect.unwrap(workload.function).__module__.partition(".")[0]
        for workload in library.workloads.values()
    }
    digest = sha256()
    for root in sorted(roots):
        for name, path in _texts_of(root):
            digest.update(f"{name}\0".encode() + sha256(path.read_bytes()).digest())
    for path in library.modules:
        digest.update(f"{path.name}\0".encode() + sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _texts_of(root: str) -> Iterator[tuple[str, Path]]:
    """The Python files of a package by their names in it; of a module that is a file, that one."""
    module = sys.modules.get(root)
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            yield path.relative_to(folder).as_posix(), path
    file = getattr(module, "__file__", None)
    # A project's own files are in `modules`, whatever they are called in this process.
    if not folders and file and not root.startswith("_radps_dag_project_"):
        yield root, Path(file)


def _text_of(function: object) -> str:
    try:
        return inspect.getsource(function)  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""


def _reached(module: str, name: str, root: str) -> Iterator[str]:
    """The texts of a definition and of all in this package that it leads to."""
    waiting = [(module, name)]
    seen = set(waiting)
    while waiting:
        where, what = waiting.pop()
        text_module = _module(where)
        if text_module is None:
            continue
        for definition in text_module.definitions.get(what, ()):
            yield f"{what}={definition.text}"
            for used in definition.names:
                source = definition.imported.get(used, text_module.imported.get(used))
                if used in text_module.definitions and used not in definition.imported:
                    following = [(where, used)]
                else:
                    following = _elsewhere(source, root)
                waiting += [name for name in following if name not in seen]
                seen.update(following)
        following = [
            name for name in _elsewhere(text_module.imported.get(what), root) if name not in seen
        ]
        waiting += following
        seen.update(following)


def _elsewhere(source: tuple[str, str] | None, root: str) -> list[tuple[str, str]]:
    """Find the definition of an imported name, if it is of the same package."""
    module, of = source or ("", "")
    if module.partition(".")[0] != root or module in _MACHINERY:
        return []
    if root == "radps_dag" and not module.startswith("radps_dag.workloads."):
        return []
    inside = _module(f"{module}.{of}") if of else _module(module)
    if inside is not None:  # a whole module: anything of it may be used
        where = f"{module}.{of}" if of else module
        return [(where, name) for name in inside.definitions]
    return [(module, of)]


@cache
def _module(name: str) -> _Module | None:
    """Read the definitions of a Python module; None if it has no text."""
    path = _file_of(name)
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError):
        return None
    lines = text.splitlines(keepends=True)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    definitions: dict[str, tuple[_Definition, ...]] = {}
    imported: dict[str, tuple[str, str]] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imported |= _imports(statement, package)
            continue
        inside: dict[str, tuple[str, str]] = {}
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                inside |= _imports(node, package)
        definition = _Definition(_lines(statement, lines), _names(statement), inside)
        for identifier in _defined(statement):
            definitions[identifier] = (*definitions.get(identifier, ()), definition)
    return _Module(definitions, imported)


def _file_of(name: str) -> Path | None:
    above = _file_of(parent) if (parent := name.rpartition(".")[0]) else None
    if above is not None and above.name != "__init__.py":
        return None  # to look for a module below one that is no package would import that
    loaded = sys.modules.get(name)
    path = getattr(loaded, "__file__", None)
    if path is None and loaded is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return None
        path = None if spec is None else spec.origin
    return Path(path) if path is not None and path.endswith(".py") else None


def _imports(statement: ast.Import | ast.ImportFrom, package: str) -> dict[str, tuple[str, str]]:
    if isinstance(statement, ast.Import):
        return {
            alias.asname or alias.name.partition(".")[0]: (alias.name, "")
            for alias in statement.names
        }
    module = statement.module or ""
    if statement.level:
        parts = package.split(".")
        above = ".".join(parts[: len(parts) - statement.level + 1])
        module = f"{above}.{module}" if module else above
    return {alias.asname or alias.name: (module, alias.name) for alias in statement.names}


def _defined(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module binds; of an `if` or `try`, those inside it."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def _lines(statement: ast.stmt, lines: list[str]) -> str:
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    return "".join(lines[first - 1 : statement.end_lineno])


def _names(statement: ast.stmt) -> frozenset[str]:
    return frozenset(node.id for node in ast.walk(statement) if isinstance(node, ast.Name))
