"""Limits of a request to the local server: without a login it may ask for the page alone, and
none may send what costs the server much before it is known to be nonsense."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["Refused", "bounded", "brief_until_greeted", "is_the_page", "refusal"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

LONGEST_BODY = 8_000_000  # bytes; Prefect's largest are batches of log lines, of 2 MB
DEEPEST = 100  # lists and objects in each other, in a body
LONGEST_HEADERS = 32_000  # bytes, all of them
MOST_HEADERS = 100
LONGEST_QUERY = 8_000  # bytes
PATIENCE = 30.0  # seconds for all of a body
GREETING = 4_000  # bytes of the first message over a websocket, in which the password is

# What Prefect's own application serves at its root beside the page: its description.
_DESCRIPTIONS = re.compile(r"/(api|docs|redoc|openapi\.json)(/.*)?")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


class Refused(Exception):
    """A request that is not answered, but for its status and a line."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def is_the_page(scope: Message) -> bool:
    """Whether the request is for a file of Prefect's page, which asks for the password itself."""
    reads = scope.get("method", "GET") in ("GET", "HEAD")
    return reads and not _DESCRIPTIONS.fullmatch(scope["path"])


def refusal(scope: Message) -> Refused | None:
    """Refuse a request before it is looked at, whoever has sent it; None if it may pass."""
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(n) + len(v) for n, v in headers) > LONGEST_HEADERS:
        return Refused(431, "too many headers")
    if len(scope.get("query_string", b"")) > LONGEST_QUERY:
        return Refused(414, "the address is too long")
    if any(n == b"content-length" and not _fits(v) for n, v in headers):
        return Refused(413, f"a body of more than {LONGEST_BODY} bytes")
    return None


def _fits(length: bytes) -> bool:
    return len(length) < 12 and length.isdigit() and int(length) <= LONGEST_BODY


async def bounded(receive: Receive, empty: bool = False) -> Receive:
    """A `receive` that gives the body, all of which is here and has been looked at; with `empty`
    none was waited for, and there is none. Raises Refused for one that is too large or deep."""
    body = b"" if empty else await _body(receive)
    if body.count(b"[") + body.count(b"{") > DEEPEST and _depth(body) > DEEPEST:
        raise Refused(400, f"lists and objects in each other, more than {DEEPEST} deep")
    told = False

    async def received() -> Message:
        nonlocal told
        if told:
            # Of a body that was not waited for nothing is handed on: the application had its own.
            while (message := await receive())["type"] == "http.request":
                pass
            return message
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received


async def _body(receive: Receive) -> bytes:
    import asyncio  # those who only want to know where the server is have no need of it

    parts: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(PATIENCE):
            while more:
                message = await receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > LONGEST_BODY:
                    raise Refused(413, f"a body of more than {LONGEST_BODY} bytes")
                more = message.get("more_body", False)
    except TimeoutError:
        raise Refused(408, f"no whole body within {PATIENCE:g} s") from None
    return b"".join(parts)


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def brief_until_greeted(receive: Receive) -> Receive:
    """A `receive` over a websocket whose first message, the password, is short or ends it."""
    greeted = False

    async def received() -> Message:
        nonlocal greeted
        message = await receive()
        if message["type"] == "websocket.receive" and not greeted:
            greeted = True
            if len(message.get("text") or message.get("bytes") or "") > GREETING:
                return {"type": "websocket.disconnect", "code": 1009}
        return message

    return received
