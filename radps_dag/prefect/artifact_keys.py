"""A place to the key of an artifact, as Prefect takes them."""

from __future__ import annotations

import re

__all__ = ["key_of"]


def key_of(kind: str, place: str) -> str:
    """Key of an artifact, as Prefect takes keys: lower-case letters, digits and dashes.

    >>> key_of("loop", "image_cube/clean[spw=2]")
    'loop-image-cube-clean-spw-2'
    """
    return f"{kind}-" + re.sub(r"[^a-z0-9]+", "-", place.lower()).strip("-")
