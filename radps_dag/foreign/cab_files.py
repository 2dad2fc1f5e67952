"""Files of cabs to cabs: what they include, and what `_use` names, put in its place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from radps_dag.language.source import Table, parse, read_source
from radps_dag.problem import InvalidPipeline, Problem, UsageError

__all__ = ["Cab", "read_cabs"]

Cab = Table
_DEEPEST = 20  # files in files, tables in tables
_INCLUDES = ("_include", "_include_post")
_OPTIONAL = "[optional]"


def read_cabs(path: Path) -> tuple[dict[str, Cab], list[Problem]]:
    """The cabs of a file by name, and warnings of what it refers to and is not there.

    Raises InvalidPipeline for what is not YAML, UsageError for a file without cabs.
    """
    warnings: list[Problem] = []
    top = _Files(warnings).read(path, 0)
    cabs = top.get("cabs")
    if cabs is None and "command" in top:  # an older form: the file is the cab
        cabs = {str(top.get("name", path.stem)): top}
    if not isinstance(cabs, Mapping) or not cabs:
        raise UsageError(f"{path}: there are no cabs in it; they stand under 'cabs'")
    lookup = _Uses(top, warnings)
    return {
        name: lookup.filled(cab, 0) for name, cab in cabs.items() if isinstance(cab, Table)
    }, warnings


class _Files:
    """Reads files with those that they include."""

    def __init__(self, warnings: list[Problem]) -> None:
        self.warnings = warnings

    def read(self, path: Path, depth: int) -> Table:
        """A file's table over those that it includes."""
        problems: list[Problem] = []
        name = os.fspath(path)
        try:
            source = read_source(path, name, problems.append)
        except OSError as error:
            raise UsageError(f"{name}: cannot read the file: {error.strerror or error}") from error
        document = None if source is None else parse(source, problems.append)
        if document is None or problems:
            raise InvalidPipeline(problems)
        if not isinstance(document.data, Table):
            raise UsageError(f"{name}: there are no cabs in it; they stand under 'cabs'")
        table: Table = document.data
        return self._with_included(table, path, depth)

    def _with_included(self, table: Table, path: Path, depth: int) -> Table:
        """A table over what it includes, and under what it includes afterwards; and so for those
        inside of it."""
        merged = Table(table.source)
        for key, value in table.items():
            if key not in _INCLUDES:
                inside = isinstance(value, Table) and depth <= _DEEPEST
                merged[key] = self._with_included(value, path, depth) if inside else value
                merged.places[key] = table.places[key]
        for other in self._included(table, "_include", path, depth):
            merged = merge(_scrubbed(other, table), merged)
        for other in self._included(table, "_include_post", path, depth):
            merged = merge(merged, _scrubbed(other, table))
        return merged

    def _included(self, table: Table, key: str, path: Path, depth: int) -> Iterator[Table]:
        """Read what a table includes; of two files with the same key the later counts."""
        tables = []
        for name, optional in _names(table.get(key, ())):
            places = (folder / name for folder in (path.parent, *path.resolve().parents))
            there = next((place for place in places if place.is_file()), None)
            if there is not None and depth <= _DEEPEST:
                tables.append(self.read(there, depth + 1))
            elif not optional:
                message = f"{name!r}, which is included, is not there"
                self.warnings.append(Problem(table.key_at(key), "cab", message, severity="warning"))
        yield from reversed(tables) if key == "_include" else tables


def _names(listed: Any, folder: str = "") -> Iterator[tuple[str, bool]]:
    """Paths of an `_include`, and whether they may be missing: a text, a list, or such by the
    folder or (in parentheses) the package that they lie in, which is not looked for."""
    if isinstance(listed, str):
        name = listed.strip().removesuffix(_OPTIONAL)
        name = f"{folder}{name.rpartition(')')[2] if name.startswith('(') else name}"
        yield name if Path(name).suffix else f"{name}.yml", listed.strip().endswith(_OPTIONAL)
    elif isinstance(listed, Mapping):
        for place, names in listed.items():
            inside = "" if place.startswith("(") or place == "." else f"{place}/"
            yield from _names(names, folder + inside)
    elif isinstance(listed, list):
        for item in listed:
            yield from _names(item, folder)


class _Uses:
    """Puts what `_use` names where it stands."""

    def __init__(self, top: Table, warnings: list[Problem]) -> None:
        self.top = top
        self.warnings = warnings

    def filled(self, value: Any, depth: int) -> Any:
        """A table with all that it uses, its own keys over them."""
        if not isinstance(value, Table) or depth > _DEEPEST:
            return value
        merged = value
        uses = value.get("_use", ())
        for name in [uses] if isinstance(uses, str) else uses:
            other = self._named(str(name))
            if isinstance(other, Table):
                merged = merge(_scrubbed(other, value), merged)
            else:
                message = f"'_use: {name}' names nothing in this file or what it includes"
                at = value.key_at("_use")
                self.warnings.append(Problem(at, "cab", message, severity="warning"))
        result = Table(merged.source)
        result.places.update(merged.places)
        for key, item in merged.items():
            if key not in ("_use", "_scrub"):
                result[key] = self.filled(item, depth + 1)
        return result

    def _named(self, name: str) -> Any:
        value: Any = self.top
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Table) else None
        return value


def _scrubbed(brought: Table, into: Table) -> Table:
    """Leave out of what a table brings in what its `_scrub` names."""
    names = into.get("_scrub", ())
    for name in [names] if isinstance(names, str) else names:
        brought = _without(brought, str(name).split("."))
    return brought


def _without(table: Table, path: list[str]) -> Table:
    """A table without what stands at a path in it."""
    result = Table(table.source)
    for key, value in table.items():
        if key == path[0]:
            if len(path) == 1 or not isinstance(value, Table):
                continue
            value = _without(value, path[1:])
        result[key] = value
        result.places[key] = table.places[key]
    return result


def merge(below: Table, above: Table) -> Table:
    """Two tables in one; where both have a key, tables are merged, and else that above counts."""
    result = Table(above.source)
    for table in (below, above):
        for key, value in table.items():
            old = result.get(key)
            if isinstance(old, Table) and isinstance(value, Table):
                value = merge(old, value)
            result[key] = value
            result.places[key] = table.places[key]
    return result
