"""Prefect's page, mended where it hides what it is to show: a style at the end of the document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["STYLE", "mended", "uncompressed"]

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

# What stands above a form gives way to the fields, down to nothing on a low screen: the question
# with its evidence. This way the fields come below it, and all of it is scrolled.
STYLE = b"<style>.p-modal__body > .markdown-renderer { flex-shrink: 0 }</style>"


def uncompressed(scope: Message) -> Message:
    """The request, without leave to compress what comes back where that is a document."""
    headers = list(scope["headers"])
    if not any(name == b"accept" and b"text/html" in value for name, value in headers):
        return scope
    return {**scope, "headers": [one for one in headers if one[0] != b"accept-encoding"]}


def mended(scope: Message, send: Send) -> Send:
    """A `send` that adds the style to a whole document."""
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
                longer = str(int(headers[b"content-length"]) + len(STYLE)).encode()
                kept = [one for one in message["headers"] if one[0].lower() != b"content-length"]
                message = {**message, "headers": [*kept, (b"content-length", longer)]}
        elif document and message["type"] == "http.response.body" and not message.get("more_body"):
            message = {**message, "body": message.get("body", b"") + STYLE}
        await send(message)

    return sent
