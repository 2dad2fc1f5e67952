"""Place of a node: its path in the file, and its place in the run."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

__all__ = ["ROOT", "Place", "directory"]


class Place(NamedTuple):
    """`path` is `image_cube/clean`; `name` says which run of it: `image_cube/clean[spw=2]#3`."""

    path: str = ""
    name: str = ""

    def step(self, id: str) -> Place:
        """Place of a node inside."""
        if not self.name:
            return Place(id, id)
        return Place(f"{self.path}/{id}", f"{self.name}/{id}")

    def instance(self, label: str) -> Place:
        """Place of an instance of a fan-out."""
        return Place(self.path, f"{self.name}[{label}]")

    def iteration(self, number: int) -> Place:
        """Place of an iteration of a loop, counted from 1."""
        return Place(self.path, f"{self.name}#{number}")


ROOT = Place()

_PLAIN = re.compile(r"[^A-Za-z0-9._+-]")
_SIMPLE = re.compile(r"([a-z0-9_]+)(\[([a-z0-9_]+=)?[A-Za-z0-9_]+\])?(#\d+)?", re.ASCII)
_READABLE = str.maketrans({"[": ".", "]": None, "#": ".", "=": "-"})


def directory(root: Path, place: Place, attempt: int, generation: int = 1) -> Path:
    """The directory of one attempt: readable, safe in a shell, and no two attempts share one.

    Not even with one of a process that drove the run before, and that may be writing still.

    >>> directory(Path("w"), Place("", "image_cube/clean[spw=2]#3"), 1).as_posix()
    'w/image_cube/clean.spw-2.3'
    >>> directory(Path("w"), Place("", "import"), 2, generation=3).as_posix()
    'w/import.resumed-2.attempt-2'
    """
    around, _, own = place.name.rpartition("/")
    name = _safe(own)
    if generation > 1:
        name += f".resumed-{generation - 1}"
    if attempt > 1:
        name += f".attempt-{attempt}"
    return _folder(root, around) / name


@lru_cache(maxsize=256)  # calls that follow each other are in the same groups
def _folder(root: Path, around: str) -> Path:
    """The directory of those of a group."""
    return root.joinpath(*map(_safe, around.split("/"))) if around else root


def _safe(part: str) -> str:
    if len(part) <= 80 and _SIMPLE.fullmatch(part):  # as most are
        return part.translate(_READABLE)
    plain = part.translate(_READABLE)
    safe = _PLAIN.sub("_", plain)[:80]
    # Two keys that look alike after this must not meet in one directory.
    unchanged = safe == plain and not re.search(r"[^a-z0-9_]", _bare(part))
    return safe if unchanged else f"{safe}.{sha256(part.encode()).hexdigest()[:8]}"


def _bare(part: str) -> str:
    """A part without the marks of a simple instance and iteration: `clean[spw=2]#3` is clean."""
    match = _SIMPLE.fullmatch(part)
    return match.group(1) if match else part
