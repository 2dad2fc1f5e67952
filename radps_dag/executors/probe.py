"""A worker's surroundings: whether calls there can write where their products are to be."""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["look_around", "marked"]


@contextmanager
def marked(products: Path | None) -> Iterator[dict[str, str]]:
    """The question to a worker: whether it sees a file that is in the directory meanwhile."""
    if products is None:
        yield {"products": "", "mark": ""}
        return
    mark = f".radps-dag-{secrets.token_hex(4)}"
    (products / mark).touch()
    try:
        yield {"products": str(products.absolute()), "mark": mark}
    finally:
        with suppress(OSError):
            (products / mark).unlink()


def look_around(asked: Mapping[str, str]) -> dict[str, Any]:
    """Answer of a worker: where it is, and what is wrong with the directory of products there."""
    return {"host": platform.node(), "pid": os.getpid(), "wrong": _wrong(asked)}


def _wrong(asked: Mapping[str, str]) -> str:
    if not asked["products"]:
        return ""
    folder = Path(asked["products"])
    if not (folder / asked["mark"]).exists():
        return f"the directory for products {folder} is not the same there"
    own = folder / f"{asked['mark']}-{os.getpid()}"
    try:
        own.touch()
        own.unlink()
    except OSError as error:
        return f"the directory for products {folder} cannot be written there: {error.strerror}"
    return ""
