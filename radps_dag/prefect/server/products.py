"""The address of a product to the product: a file as it is, a directory as a page that lists it.

Nothing that a product holds is run by the browser: each answer is sandboxed, has the type that its
name says, and whatever is neither picture nor text is a download.
"""

from __future__ import annotations

import asyncio
import html
import os
import stat
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response

from radps_dag.facts.places import natural
from radps_dag.prefect.server.links import PRODUCTS_PATH, Table, address
from radps_dag.prefect.server.visitors import Visitors

__all__ = ["Products"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MOST_LISTED = 1000  # entries of a directory; a Zarr store may have millions

_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
# What a browser shows, by the end of the name or, of a Zarr store, all of it. The rest is a
# download; HTML, SVG and PDF among it, in which there may be scripts.
_SHOWN = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".json": _JSON,
    **dict.fromkeys((".zarray", ".zattrs", ".zgroup", ".zmetadata"), _JSON),
    **dict.fromkeys((".txt", ".log", ".csv", ".ecsv", ".tsv", ".md", ".yaml", ".yml"), _TEXT),
}
_DOWNLOADED = dict.fromkeys((".fits", ".fit"), "application/fits")

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
_FILE = {
    **_ALWAYS,
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "cache-control": "private, max-age=60",
}
# With its own origin: from a page without one a browser would send no cookie with a link.
_PAGE = {
    **_ALWAYS,
    "content-security-policy": (
        "sandbox allow-same-origin allow-downloads; default-src 'none'; style-src 'unsafe-inline'; "
        "frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
    ),
    "cache-control": "no-store",
}
_STYLE = (
    ":root{color-scheme:light dark}a{color:#3b82f6;text-decoration:none}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.2rem}h1,p,td{overflow-wrap:anywhere}p,td+td{opacity:.65}"
    "table{border-collapse:collapse;width:100%}td{padding:.2rem .5rem;border-top:1px solid #8886}"
    "td+td{text-align:right;white-space:nowrap}"
)


class _Missing(Exception):
    """The product is missing; the message is for the person who opened the link."""


@dataclass(frozen=True, slots=True)
class _Asked:
    token: str
    folder: Path
    names: tuple[str, ...]


class Products:
    """An ASGI application for what is below the products' path."""

    def __init__(self, visitors: Visitors, table: Table) -> None:
        self._visitors = visitors
        self._table = table

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer with the product."""
        await (await self._answer(scope))(scope, receive, send)

    async def _answer(self, scope: Message) -> Response:
        if not self._visitors.knows(scope):
            return _words(
                401,
                "Log in first: open Prefect's page with the address that "
                "`radps-dag server status --show-auth` prints, then follow the link again.",
            )
        if scope["method"] not in ("GET", "HEAD"):
            return _words(405, "Products can only be looked at.")
        try:
            return await asyncio.to_thread(lambda: _served(self._asked(scope)))
        except _Missing as error:
            return _words(404, str(error))

    def _asked(self, scope: Message) -> _Asked:
        # From the address as it was sent: a name may hold bytes that are no UTF-8.
        raw = scope["raw_path"].split(b"/")
        _, *parts = [os.fsdecode(unquote_to_bytes(part)) for part in raw]
        token, names = "".join(parts[2:3]), parts[3:]
        folder = self._table.folder(token)
        if parts[:2] != PRODUCTS_PATH.strip("/").split("/") or folder is None:
            raise _Missing(
                "No run of this machine has given this address, or the server's password is "
                "another one since: `radps-dag show RUN` names the products of a run."
            )
        if names and not names[-1]:
            names.pop()
        return _Asked(token, folder, tuple(names))


def _served(asked: _Asked) -> Response:
    path, about = _look(asked)
    if stat.S_ISDIR(about.st_mode):
        return HTMLResponse(_listing(asked, path), headers=_PAGE)
    return _file(path, about)


def _listing(asked: _Asked, folder: Path) -> str:
    try:
        with os.scandir(folder) as entries:
            listed = list(islice(entries, MOST_LISTED + 1))
    except OSError as error:
        raise _Missing(f"{folder} cannot be read: {error.strerror}.") from error
    names = sorted((entry.name for entry in listed[:MOST_LISTED]), key=natural)
    rows = "".join(_row(asked, name) for name in names)
    more = f"<p>The first {MOST_LISTED} entries; there are more.</p>"
    title = html.escape(_readable(asked.names[-1] if asked.names else folder.name))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{_trail(asked)}</h1><p>{html.escape(_readable(str(folder)))}</p>"
        f"<table>{rows}</table>{more if len(listed) > MOST_LISTED else ''}"
    )


def _row(asked: _Asked, name: str) -> str:
    inside = replace(asked, names=(*asked.names, name))
    shown = html.escape(_readable(name))
    try:
        _, about = _look(inside)
    except _Missing:
        return f"<tr><td>{shown}</td><td>not to be opened</td></tr>"
    folder = stat.S_ISDIR(about.st_mode)
    link = html.escape(address(inside.token, inside.names))
    size = "" if folder else _size(about.st_size)
    return f'<tr><td><a href="{link}">{shown}{"/" * folder}</a></td><td>{size}</td></tr>'


def _trail(asked: _Asked) -> str:
    """The names from the run's products down to here, each of them a link."""
    parts = []
    for end, name in enumerate(("products", *asked.names)):
        link = html.escape(address(asked.token, asked.names[:end]))
        parts.append(f'<a href="{link}">{html.escape(_readable(name))}</a>')
    return " / ".join(parts)


def _look(asked: _Asked) -> tuple[Path, os.stat_result]:
    """The file or directory itself, below the folder. Raises _Missing."""
    named = asked.folder.joinpath(*asked.names)
    if any(name in ("", ".", "..") or "/" in name or "\0" in name for name in asked.names):
        raise _Missing("This is not an address of a product: a part of it is not a name of a file.")
    try:
        # Both with their symbolic links followed: one may lead anywhere.
        path, folder = named.resolve(strict=True), asked.folder.resolve(strict=True)
        about = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _Missing(f"{named} is not there any more: it was moved or deleted.") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        reason = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
        raise _Missing(f"{named} cannot be read: {reason}.") from error
    if not path.is_relative_to(folder):
        raise _Missing(f"{named} leads out of the products of its run.")
    if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):
        raise _Missing(f"{named} is neither a file nor a directory.")
    if not os.access(path, os.R_OK):
        raise _Missing(f"{named} cannot be read: permission denied.")
    return path, about


def _file(path: Path, about: os.stat_result) -> Response:
    end = (path.suffix or path.name).lower()
    shown = _SHOWN.get(end)
    return FileResponse(
        path,
        headers=_FILE,
        media_type=shown or _DOWNLOADED.get(end, "application/octet-stream"),
        filename=_readable(path.name),
        stat_result=about,
        content_disposition_type="inline" if shown else "attachment",
    )


def _words(status: int, text: str) -> Response:
    headers = {**_FILE, "cache-control": "no-store"}
    return PlainTextResponse(f"{_readable(text)}\n", status, headers)


def _size(count: int) -> str:
    """Bytes as people read them.

    >>> _size(999), _size(1_234), _size(56_700_000_000)
    ('999 B', '1.2 kB', '56.7 GB')
    """
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{count} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def _readable(name: str) -> str:
    """A name that can be written down: bytes that are no text are shown as `?`."""
    return name.encode("utf-8", "replace").decode()
