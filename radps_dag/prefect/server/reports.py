"""The address of a run's report to its pages, which are made when somebody asks for them.

The journal in the run's workspace says what there is; a process of its own makes the pages of it,
in the server's private directory, anew when the run has gone on since. Where that cannot be done, a
journal elsewhere for one, the report that `run --report` has written is shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sqlite3
import stat
import sys
from base64 import b64encode
from collections import defaultdict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from radps_dag.prefect.server.links import REPORTS_PATH, Table
from radps_dag.prefect.server.visitors import Visitors

__all__ = ["Reports"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PATIENCE = 300.0  # seconds in which a report is made; one of 100,000 calls takes a minute

_SHOWN = {
    ".html": "text/html; charset=utf-8",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
}
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "private, no-cache",
}
_WORDS = {**_ALWAYS, "content-security-policy": "sandbox; default-src 'none'"}


class _Missing(Exception):
    """There is no such page; the message is for the person who opened the link."""


def _policy() -> str:
    """The policy of pages: their own script runs and no other one, nothing comes from elsewhere."""
    script = files("radps_dag.report").joinpath("templates/script.js").read_text(encoding="utf-8")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src 'self' data:; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
    )


@dataclass(slots=True)
class Reports:
    """An ASGI application for what is below the reports' path. `made` is a private directory."""

    visitors: Visitors
    table: Table
    made: Path
    _policy: str = field(default_factory=_policy)
    _turns: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer with a page."""
        await (await self._answer(scope))(scope, receive, send)

    async def _answer(self, scope: Message) -> Response:
        if not self.visitors.knows(scope):
            return _words(
                401,
                "Log in first: open Prefect's page with the address that "
                "`radps-dag server status --show-auth` prints, then follow the link again.",
            )
        if scope["method"] not in ("GET", "HEAD"):
            return _words(405, "Reports can only be looked at.")
        raw = scope["raw_path"].removeprefix(REPORTS_PATH.encode()).split(b"/")
        token, *names = [os.fsdecode(unquote_to_bytes(part)) for part in raw]
        try:
            run = self.table.folder(token)
            if run is None:
                raise _Missing(
                    "No run of this machine has given this address, or the server's password is "
                    "another one since: `radps-dag report RUN` writes the report of a run."
                )
            if names in ([], [""]):
                return RedirectResponse(f"{REPORTS_PATH}{token}/index.html", 307, _WORDS)
            if names == ["index.html"]:
                await self._make(token, run)
            return await asyncio.to_thread(self._page, token, run, names)
        except _Missing as error:
            return _words(404, str(error))

    def _page(self, token: str, run: Path, names: list[str]) -> Response:
        made = self.made / token
        folder = made if (made / "index.html").is_file() else run / "report"
        path = _inside(folder, names)
        kind = _SHOWN.get(path.suffix.lower())
        html = path.suffix.lower() == ".html"
        return FileResponse(
            path,
            headers={
                **_ALWAYS,
                "content-security-policy": self._policy
                if html
                else "sandbox; default-src 'none'; style-src 'unsafe-inline'",
            },
            media_type=kind or "application/octet-stream",
            filename=None if html else path.name,
            content_disposition_type="inline" if kind else "attachment",
        )

    async def _make(self, token: str, run: Path) -> None:
        """Make the pages, unless they are there and say all that the journal does."""
        async with self._turns[token]:
            last = await asyncio.to_thread(_last_of, run)
            seen = self.made / f"{token}.seen"
            if last is None or (seen.is_file() and seen.read_text() == last):
                return
            self.made.mkdir(mode=0o700, exist_ok=True)
            anew = self.made / f".{token}"
            shutil.rmtree(anew, ignore_errors=True)
            workspace = run.parent.parent
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "radps_dag", "report", run.name),
                *("--workspace", str(workspace), "--store", _journal_url(workspace)),
                *("-o", str(anew)),
                cwd=self.made,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                with contextlib.suppress(TimeoutError):  # then what was made before is shown
                    await asyncio.wait_for(process.wait(), PATIENCE)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            if process.returncode == 0:
                shutil.rmtree(self.made / token, ignore_errors=True)
                anew.rename(self.made / token)
                seen.write_text(last)

    def forget(self) -> None:
        """Remove pages of runs that no page speaks of any more."""
        with contextlib.suppress(OSError):
            for path in list(self.made.iterdir()):
                token = path.name.removeprefix(".").removesuffix(".seen")
                if self.table.folder(token) is None:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _journal_url(workspace: Path) -> str:
    return f"sqlite:///{quote(str(workspace / 'journal.db'), safe='/')}"


def _last_of(run: Path) -> str | None:
    """The state of the run in the journal of its workspace; None where that does not say."""
    file = run.parent.parent / "journal.db"
    query = "SELECT last, generation FROM radps_runs WHERE run = ?"
    try:
        place = f"file:{quote(str(file))}?mode=ro"
        with contextlib.closing(sqlite3.connect(place, uri=True, timeout=5.0)) as opened:
            row = opened.execute(query, (run.name,)).fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else json.dumps(row)


def _inside(folder: Path, names: list[str]) -> Path:
    """The file with these names below the folder; no link is followed. Raises _Missing."""
    gone = _Missing(
        "There is no such page: `radps-dag report RUN` writes the report of a run, where its "
        "journal can be read."
    )
    path = folder
    for name in names:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise gone
        try:
            if stat.S_ISLNK(path.lstat().st_mode):
                raise gone
        except OSError as error:
            raise gone from error
        path = path / name
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or not os.access(path, os.R_OK):
            raise gone
    except OSError as error:
        raise gone from error
    return path


def _words(status: int, text: str) -> Response:
    return PlainTextResponse(f"{text}\n", status, _WORDS)
