"""Products to look at, to what a page can show: a small picture in place, a large one by a link."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from radps_dag.prefect.server.links import Link
from radps_dag.progress.pictures import Picture, is_picture
from radps_dag.questions.evidence import addresses

__all__ = ["SeenPicture", "openings", "seen", "shown", "sources"]

LARGEST = 300_000  # bytes shown in place; Prefect keeps what it shows in its database
MOST_OPENINGS = 20  # links of one question
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """A picture that has been looked at: `image` where it is one that a browser shows, in `size`
    bytes. `link` opens it, "" where nothing does."""

    picture: Picture
    link: str
    image: bool
    size: int = 0


def seen(picture: Picture, link: Link) -> SeenPicture | None:
    """A picture, looked at; None if it is gone, or a picture but by its name."""
    path = _path(picture.uri)
    if path is None:
        return SeenPicture(picture, "", image=False)
    try:
        if not path.is_file():
            return SeenPicture(picture, link(picture.uri), image=False) if path.is_dir() else None
        size = path.stat().st_size
        with path.open("rb") as file:
            image = file.read(len(_PNG)) == _PNG
    except (OSError, ValueError):
        return None
    if not image and is_picture(picture.uri):
        return None
    return SeenPicture(picture, link(picture.uri), image, size)


def sources(pictures: Sequence[SeenPicture]) -> list[str]:
    """The address of each picture for a page, "" for those that it cannot show.

    What has a link is in place as far as a page of reasonable size has room: the newest, which come
    last. The others are fetched when somebody looks.
    """
    room, targets = LARGEST, []
    for picture in reversed(pictures):
        fits = picture.size <= (room if picture.link else LARGEST)
        source = (
            _in_place(picture.picture.uri)
            if picture.image and fits and not picture.picture.again
            else ""
        )
        room -= picture.size if source else 0
        targets.append(source or (picture.link if picture.image else ""))
    return targets[::-1]


def shown(evidence: tuple[Any, ...], link: Link) -> Iterator[str]:
    """The sources of the pictures among what a question shows."""
    for uri in filter(is_picture, addresses(evidence)):
        picture = seen(Picture("", uri), link)
        if picture is None or not picture.image:
            continue
        if source := picture.link if picture.size > LARGEST else _in_place(uri):
            yield source


def openings(evidence: tuple[Any, ...], link: Link) -> list[tuple[str, str, str]]:
    """The products among what a question shows that a link opens: addresses, names and links."""
    links = [(uri, uri.rstrip("/").rpartition("/")[2], link(uri)) for uri in addresses(evidence)]
    return [(uri, unquote(name), opens) for uri, name, opens in links if opens][:MOST_OPENINGS]


def _path(uri: str) -> Path | None:
    """The path of what is on this machine."""
    url = urlsplit(uri)
    if url.scheme not in ("", "file"):
        return None
    return Path(unquote(url.path) if url.scheme else uri)


def _in_place(uri: str) -> str:
    """A small picture as a `data:` address; "" if it cannot be read, or has changed into none."""
    path = _path(uri)
    try:
        data = b"" if path is None else path.read_bytes()
    except (OSError, ValueError):
        return ""
    if not data.startswith(_PNG) or len(data) > LARGEST:
        return ""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
