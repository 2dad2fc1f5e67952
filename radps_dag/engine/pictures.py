"""Small pictures on this machine, as what a page can show without asking anybody for them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from radps_dag.facts import Made

__all__ = ["is_picture", "left_by", "shown", "source_of"]

LARGEST = 300_000  # bytes; Prefect keeps what it shows in its database
_PNG = b"\x89PNG\r\n\x1a\n"


def is_picture(name: str) -> bool:
    return name.lower().endswith(".png")


def left_by(made: Made) -> Iterator[tuple[str, str]]:
    """The pictures that a call left: their names, and sources for a page."""
    for name, (size, _) in made.files.items():
        if (
            is_picture(name)
            and size <= LARGEST
            and (source := source_of(f"{made.workdir}/{quote(name)}"))
        ):
            yield name, source


def shown(evidence: tuple[Any, ...]) -> Iterator[str]:
    """The sources of the products among what a question shows that are pictures."""
    for one in evidence:
        uri = one.get("uri") if isinstance(one, dict) else None
        if isinstance(uri, str) and is_picture(uri) and (source := source_of(uri)):
            yield source


def source_of(uri: str) -> str:
    """A picture as a `data:` address; "" if it is elsewhere, too large, or none but by its name."""
    url = urlsplit(uri)
    if url.scheme not in ("", "file"):
        return ""
    path = Path(unquote(url.path) if url.scheme else uri)
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return ""
        data = path.read_bytes()
    except (OSError, ValueError):
        return ""
    if not data.startswith(_PNG) or len(data) > LARGEST:
        return ""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
