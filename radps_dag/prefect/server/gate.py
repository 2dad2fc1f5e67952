"""Gate in front of Prefect's server: who may ask, when it was last asked, where to go."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from radps_dag.prefect.server.limits import (
    Refused,
    bounded,
    brief_until_greeted,
    is_the_page,
    refusal,
)
from radps_dag.prefect.server.links import PRODUCTS_PATH, REPORTS_PATH
from radps_dag.prefect.server.login import LOGIN_PATH, Login
from radps_dag.prefect.server.page import is_document, mended, uncompressed
from radps_dag.prefect.server.visitors import Visitors

__all__ = ["IDENTITY_PATH", "Gate"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

IDENTITY_PATH = "/radps-dag/identity"
RUNS_PATH = b"/runs?hide-subflows=true"

_LOOPBACK_NAMES = {"127.0.0.1", "localhost", "[::1]"}

# The browser itself then refuses what a page might want to send or fetch elsewhere. Prefect's page
# needs inline styles, workers from blobs, and WebAssembly or `eval` for its drawing.
_ONLY_HERE = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self' ws://127.0.0.1:* ws://localhost:*; frame-ancestors 'none'"
)


class Gate:
    """An ASGI application around another one.

    It answers only to loopback names (a page of another site cannot reach the server by letting
    its own name point here), gives only the page to who has not logged in, notes when the server
    was last used, says who it is, leads from the root to the list of runs, and hands what is below
    their paths to `login`, `products` and `reports`.
    """

    def __init__(
        self,
        app: App,
        identity: str,
        before_shutdown: Callable[[], Awaitable[None]],
        visitors: Visitors,
        products: App,
        reports: App,
        login: Login,
    ) -> None:
        self._app = app
        self._login = login
        self._visitors = visitors
        self._products = products
        self._reports = reports
        self._identity = identity
        self._before_shutdown = before_shutdown
        self._open = 0
        self._last_used = time.monotonic()

    def touch(self) -> None:
        """Note that the server is in use right now."""
        self._last_used = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last request ended; 0 while one (or a websocket) is open."""
        return 0.0 if self._open else time.monotonic() - self._last_used

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, refuse it, or hand it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, self._lifespan(receive), send)
        elif not _names_loopback(scope) or refusal(scope):
            await _refuse(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == IDENTITY_PATH:
            # Not a use: a look at the status must not keep the server alive.
            body = json.dumps({"id": self._identity}).encode()
            await _answer(send, 200, b"application/json", body)
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Message, receive: Receive, send: Send) -> None:
        self._open += 1
        try:
            if scope["type"] == "http" and scope["path"].startswith(LOGIN_PATH):
                await self._login(scope, receive, send)
            elif scope["type"] == "http" and scope["path"] == "/" and is_document(scope):
                await _answer(send, 307, b"text/plain", b"", (b"location", RUNS_PATH))
            elif scope["type"] == "http" and scope["path"].startswith(PRODUCTS_PATH):
                await self._products(scope, receive, send)
            elif scope["type"] == "http" and scope["path"].startswith(REPORTS_PATH):
                await self._reports(scope, receive, send)
            elif scope["type"] == "http":
                await self._prefects(scope, receive, send)
            else:
                await self._app(scope, brief_until_greeted(receive), send)
        finally:
            self._open -= 1
            self.touch()

    async def _prefects(self, scope: Message, receive: Receive, send: Send) -> None:
        admitted = self._visitors.knows(scope)
        if not admitted and not is_the_page(scope):
            body = b'{"exception_message":"Unauthorized"}'  # as Prefect says it
            await _answer(send, 401, b"application/json", body)
            return
        try:
            receive = await bounded(receive, empty=not admitted)
        except Refused as error:
            await _answer(send, error.status, b"text/plain", f"{error}\n".encode())
            return
        confined = _confined(send, self._visitors.cookie(scope))
        await self._app(uncompressed(scope), receive, mended(scope, confined))

    def _lifespan(self, receive: Receive) -> Receive:
        async def received() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._before_shutdown()
            return message

        return received


def _names_loopback(scope: Message) -> bool:
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode(
        "latin1"
    )
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name.lower() in _LOOPBACK_NAMES


def _confined(send: Send, more: Iterable[tuple[bytes, bytes]]) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            headers += [(b"content-security-policy", _ONLY_HERE.encode()), *more]
            message = {**message, "headers": headers}
        await send(message)

    return sent


async def _refuse(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
    else:
        why = refusal(scope) or Refused(421, "this server answers to 127.0.0.1 only")
        await _answer(send, why.status, b"text/plain", f"{why}\n".encode())


async def _answer(
    send: Send, status: int, kind: bytes, body: bytes, *more: tuple[bytes, bytes]
) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"no-referrer"),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
