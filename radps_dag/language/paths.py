"""Params that are paths: made absolute from the file or the command line that names them.

`format: path` is a path; `format: glob`, of the items of a list, a pattern that gives all paths
that it matches, in the order of their names.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from radps_dag.problem import did_you_mean

__all__ = ["absent", "are_paths", "located", "must_exist", "paths_in"]

MOST_PATHS = 100_000


def are_paths(schema: Any) -> bool:
    """Whether a value of the schema is a path, or a list of them."""
    return isinstance(schema, Mapping) and ("format" in schema or "format" in _items(schema))


def located(schema: Any, value: Any, folder: Path) -> Any:
    """The value with its paths absolute, those that are relative seen from `folder`.

    A pattern that matches nothing stays as it is where something must exist, to be told of.
    """
    if not are_paths(schema):
        return value
    if isinstance(value, str) and "format" in schema:
        return _absolute(value, folder)
    if not isinstance(value, list | tuple):
        return value
    items = _items(schema)
    paths: list[Any] = []
    for item in value:
        if not isinstance(item, str) or "format" not in items:
            paths.append(item)
        elif items["format"] == "glob":
            paths += _matches(item, folder, keep=items.get("must_exist", False) is True)
        else:
            paths.append(_absolute(item, folder))
    return paths


def paths_in(schema: Any, value: Any) -> Iterator[str]:
    """The paths in a value that has been located."""
    if are_paths(schema):
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, str) and item:
                yield item


def must_exist(schema: Any) -> bool:
    """Whether there must be something at each path."""
    return are_paths(schema) and True in (
        schema.get("must_exist", False),
        _items(schema).get("must_exist", False),
    )


def absent(schema: Any, value: Any) -> str:
    """Say what must exist and does not; "" if all does. Nothing is looked for elsewhere."""
    items = _items(schema)
    if not must_exist(schema):
        return ""
    if value == "":
        return "the path is empty, and must exist"
    for text in paths_in(schema, value):
        path = Path(text)
        if "://" in text or _exists(path):
            continue
        if items.get("format") == "glob":
            return f"nothing is like {text}; check the pattern"
        if not _exists(path.parent):
            return f"{text} does not exist, nor does the folder {path.parent}"
        hint = did_you_mean(path.name, _names(path.parent)) or "; check the path"
        return f"{text} does not exist{hint}"
    return ""


def _items(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    items = schema.get("items")
    return items if isinstance(items, Mapping) else {}


def _absolute(text: str, folder: Path) -> str:
    if not text or "://" in text or text.startswith("file:"):
        return text
    return str(folder.absolute() / _at_home(text))


def _matches(pattern: str, folder: Path, *, keep: bool) -> list[str]:
    as_it_is = _absolute(pattern, folder)
    if not glob.has_magic(pattern) or "://" in pattern or _exists(Path(as_it_is)):
        return [as_it_is]
    pattern = _at_home(pattern)
    # Not of `Path`, which takes no absolute pattern.
    names = glob.glob(pattern, root_dir=folder.absolute(), recursive=True)  # noqa: PTH207
    names = sorted(names)[:MOST_PATHS]
    return [_absolute(name, folder) for name in names] or ([as_it_is] if keep else [])


def _at_home(text: str) -> str:
    return str(Path(text).expanduser()) if text.startswith("~/") else text


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)[:1000]
    except OSError:
        return []
