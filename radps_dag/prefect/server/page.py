"""Prefect's page, mended at the end of the document: a style where it hides what it is to show, and
a script that leads a browser that is not logged in to where it can log in.

Prefect's page itself says "Page not found" there, and advertises."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

__all__ = ["ADDED", "is_document", "mended", "uncompressed"]

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

# What stands above a form gives way to the fields, down to nothing on a low screen: the question
# with its evidence. This way the fields come below it, and all of it is scrolled.
_STYLE = b"<style>.p-modal__body > .markdown-renderer { flex-shrink: 0 }</style>"

# It runs before the page's own scripts, which are modules. What is kept is what Prefect's page
# sends, and is tried: the server may have another password since.
_SCRIPT = b"""<script>{
  const kept = localStorage.getItem("prefect-password");
  const login = () => {
    document.documentElement.hidden = true;
    const to = /^(\\/[\\w-]+)*\\/?$/.test(location.pathname) ? location.pathname : "";
    location.replace("/radps-dag/login" + to);
  };
  localStorage.setItem("prefect-show-promotional-content", "false");
  if (!kept) login();
  else fetch("/api/admin/version", {headers: {Authorization: "Basic " + kept}}).then(
    answer => answer.status === 401 && login()
  );
}</script>"""

ADDED = _STYLE + _SCRIPT


def uncompressed(scope: Message) -> Message:
    """The request, without leave to compress what comes back where that is a document."""
    if not is_document(scope):
        return scope
    return {
        **scope,
        "headers": [header for header in scope["headers"] if header[0] != b"accept-encoding"],
    }


def is_document(scope: Message) -> bool:
    """Whether a browser asks for what it is going to show as a page."""
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def mended(scope: Message, send: Send) -> Send:
    """A `send` that adds the style and the script to a whole document."""
    if scope.get("method") != "GET":
        return send
    document = False

    async def sent(message: Message) -> None:
        nonlocal document
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message.get("headers", ())}
            document = (
                message["status"] == 200
                and headers.get(b"content-type", b"").startswith(b"text/html")
                and b"content-encoding" not in headers
            )
            if document and b"content-length" in headers:
                longer = str(int(headers[b"content-length"]) + len(ADDED)).encode()
                kept = [
                    header
                    for header in message["headers"]
                    if header[0].lower() != b"content-length"
                ]
                message = {**message, "headers": [*kept, (b"content-length", longer)]}
        elif document and message["type"] == "http.response.body" and not message.get("more_body"):
            message = {**message, "body": message.get("body", b"") + ADDED}
        await send(message)

    return sent


def only_one() -> None:
    """Serve Prefect's page alone that can resume what is paused, and not its newer one, which leads
    back to it through a survey. Before the server's application is made; in this process alone."""
    import prefect

    prefect.__ui_v2_static_path__ = Path(os.devnull, "none")
