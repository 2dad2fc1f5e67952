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
        merged = table
        for other in self._included(table, path, depth):
            merged = merge(other, merged)
        return merged

    def _included(self, table: Table, path: Path, depth: int) -> Iterator[Table]:
        listed = table.get("_include", ())
        for name in _names(listed):
            places = (folder / name for folder in (path.parent, *path.resolve().parents))
            there = next((place for place in places if place.is_file()), None)
            if there is None or depth > _DEEPEST:
                message = f"{name!r}, which is included, is not there"
                at = table.key_at("_include")
                self.warnings.append(Problem(at, "cab", message, severity="warning"))
            else:
                yield self.read(there, depth + 1)


def _names(listed: Any) -> Iterator[str]:
    """Paths of an `_include`: a text, a list, or such by the package that they lie in."""
    if isinstance(listed, str):
        yield listed if Path(listed).suffix else f"{listed}.yml"
    elif isinstance(listed, Mapping):
        for names in listed.values():
            yield from _names(names)
    elif isinstance(listed, list):
        for item in listed:
            yield from _names(item)


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
                merged = merge(other, merged)
            else:
                message = f"'_use: {name}' names nothing in this file or what it includes"
                at = value.key_at("_use")
                self.warnings.append(Problem(at, "cab", message, severity="warning"))
        result = Table(merged.source)
        result.places.update(merged.places)
        for key, item in merged.items():
            if key != "_use":
                result[key] = self.filled(item, depth + 1)
        return result

    def _named(self, name: str) -> Any:
        value: Any = self.top
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Table) else None
        return value


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
