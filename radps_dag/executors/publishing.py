"""Products published to their root: each object whole, and known by where it is."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from radps_dag.executors.call import Call, Performed
from radps_dag.executors.manifest import damage, describe
from radps_dag.facts import Made
from radps_dag.problem import RadpsDagError
from radps_dag.storage.links import refuse_leading_out
from radps_dag.storage.remote import (
    RemoteEntry,
    Unreachable,
    fetch,
    is_listed,
    is_local,
    listing,
    path_of,
    put,
)

__all__ = ["harm", "harm_at", "publish", "state"]

# What is read again to make sure of it, where the place itself does not say what changes with it.
SMALL = 8 * 2**20
# Of data that a call has removed, and of such as nobody can look at from here.
_GONE, _UNKNOWN = (0, "gone"), (0, "unknown")


def publish(call: Call, performed: Performed) -> Performed:
    """Write what the call's directory holds below the call's URL, and remove the directory.

    Raises LeadsOut where a link in it leads elsewhere, before anything is written.

    The name is new each time, so that nothing is ever written over: not by another attempt, and not
    by a run of the same name in another workspace.
    """
    names = sorted(path.name for path in call.workdir.iterdir())
    if not names:
        return performed
    refuse_leading_out(call.workdir, call.workdir, "write a copy into it instead")
    url = f"{call.publish}.{secrets.token_hex(4)}"
    files = {name: describe(call.workdir / name, root=call.workdir) for name in names}
    put(dict(_files(call.workdir)), url)
    there = _by_entry(listing(url))
    for name, (size, _) in files.items():
        if size != sum(entry.size for entry in there.get(name, {}).values()):
            raise Unreachable(f"{url}/{name} is not there as a whole after it was written")
    moved = _Moved(call.workdir, url)
    shutil.rmtree(call.workdir, ignore_errors=True)
    return replace(
        performed,
        outputs={name: moved(value) for name, value in performed.outputs.items()},
        added=tuple(
            replace(addition, value=moved(addition.value), withdrawn=moved(addition.withdrawn))
            for addition in performed.added
        ),
        files=files,
        workdir=url,
        marks={name: mark for name in names if (mark := _mark(there.get(name, {})))},
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


class _Moved:
    """JSON values, with the addresses of what lies in a directory as they are elsewhere."""

    def __init__(self, folder: Path, url: str) -> None:
        self._here = {folder.absolute().as_uri(), folder.resolve().as_uri()}
        self._url = url

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str):
            for here in self._here:
                if value == here or value.startswith(f"{here}/"):
                    return self._url + unquote(value[len(here) :])
            return value
        if isinstance(value, dict):
            return {name: self(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self(item) for item in value]
        return value


def harm(made: Made, *, thorough: bool = True) -> str:
    """Say what is wrong with the files that a call once made; "" if they are as they were.

    Elsewhere one listing tells, where the place says what changes with the content. Where it does
    not, what is small is read again and the rest counts by its size. Raises Unreachable.
    """
    if not made.files:
        return ""
    if is_local(made.workdir):
        return damage(path_of(made.workdir), made.files, thorough=thorough)
    there = _by_entry(listing(made.workdir))
    for name, (size, digest) in made.files.items():
        entries = there.get(name)
        if entries is None:
            return f"{made.workdir}/{name} is gone"
        wrong = sum(entry.size for entry in entries.values()) != size
        if thorough and not wrong:
            mark = made.marks.get(name)
            if mark:
                wrong = mark != _mark(entries)
            elif size <= SMALL:
                wrong = _again(f"{made.workdir}/{name}") != (size, digest)
        if wrong:
            return f"{made.workdir}/{name} is not what was written"
    return ""


def state(address: str, *, durable: bool = False) -> tuple[int, str]:
    """Bytes and digest of whatever lies at an address now. Raises OSError."""
    if is_local(address):
        path = path_of(address)
        return describe(path, durable=durable) if os.path.lexists(path) else _GONE
    try:
        entries = listing(address) if is_listed(address) else None
    except RadpsDagError:
        return _UNKNOWN
    except FileNotFoundError:
        return _GONE
    if entries is None:
        return _UNKNOWN
    return (sum(entry.size for entry in entries.values()), _mark(entries)) if entries else _GONE


def harm_at(address: str, expected: tuple[int, str], *, thorough: bool = True) -> str:
    """Say what is wrong with data that was left at an address in a known state; "" if nothing."""
    if expected == _UNKNOWN:
        return ""
    if is_local(address):
        path = path_of(address)
        if expected == _GONE:
            return f"{path} is there again" if os.path.lexists(path) else ""
        return damage(path.parent, {path.name: expected}, thorough=thorough, follow=True)
    now = state(address)
    same = now == expected if thorough and expected[1] else now[0] == expected[0]
    return "" if same else f"{address} is not what was left there"


def _again(url: str) -> tuple[int, str]:
    with tempfile.TemporaryDirectory(prefix="radps-dag-") as folder:
        copy = Path(folder, "copy")
        fetch(url, copy)
        return describe(copy)


def _by_entry(entries: Mapping[str, RemoteEntry]) -> dict[str, dict[str, RemoteEntry]]:
    """Objects by the first part of their names."""
    grouped: dict[str, dict[str, RemoteEntry]] = {}
    for name, entry in entries.items():
        grouped.setdefault(name.partition("/")[0], {})[name] = entry
    return grouped


def _mark(entries: Mapping[str, RemoteEntry]) -> str:
    """Fingerprint of an entry that changes with its content; "" if the place gives none."""
    if not entries or not all(entry.mark for entry in entries.values()):
        return ""
    text = "\n".join(
        f"{name}\0{entry.size}\0{entry.mark}" for name, entry in sorted(entries.items())
    )
    return sha256(text.encode()).hexdigest()[:32]
