"""A place in a run, such as `image_cube/clean[spw=2]#3`, to what it is made of."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["is_in", "natural", "node_path", "parts"]

# An id, an instance or an iteration. An instance's key may hold `/`, `#` and `]`.
_PART = re.compile(r"[^/\[#]+|\[.*?\](?=$|[/#])|#\d+", re.DOTALL)
_DIGITS = re.compile(r"(\d+)")


@lru_cache(maxsize=1024)  # facts that follow each other are about the same places
def parts(place: str) -> tuple[str, ...]:
    """Split a place into its parts, outermost first.

    >>> parts("image_cube/clean[spw=2]#3/major_cycle")
    ('image_cube', 'clean', '[spw=2]', '#3', 'major_cycle')
    """
    return tuple(_PART.findall(place))


def node_path(place: str) -> str:
    """The path of the node in the file.

    >>> node_path("image_cube/clean[spw=2]#3/major_cycle")
    'image_cube/clean/major_cycle'
    """
    return "/".join(part for part in parts(place) if part[0] not in "[#")


def is_in(place: str, around: str) -> bool:
    """Whether a place is inside another one: a step, an instance or an iteration of it.

    >>> [is_in(place, "clean[spw=2]") for place in ("clean[spw=2]#3/review", "clean[spw=20]")]
    [True, False]
    """
    if not place.startswith(around) or place == around:
        return False
    return not around or place[len(around)] in "/[#"


def natural(part: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts parts as a person would: `[spw=9]` before `[spw=10]`.

    >>> sorted(["[spw=10]", "[spw=9]"], key=natural)
    ['[spw=9]', '[spw=10]']
    """
    # `\d` also means digits of other scripts, and all of those `int` understands.
    return tuple(
        (0, int(piece), "") if number % 2 else (1, 0, piece)
        for number, piece in enumerate(_DIGITS.split(part))
    )
