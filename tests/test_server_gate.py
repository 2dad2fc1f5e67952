"""What stands in front of Prefect's server."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from typing import Any

import pytest

from radps_dag.engine.server import gate as gates
from radps_dag.engine.server.gate import IDENTITY_PATH, Gate
from radps_dag.engine.server.links import PRODUCTS_PATH
from radps_dag.engine.server.login import LOGIN_PATH, Login, login_address, new_pass
from radps_dag.engine.server.page import ADDED
from radps_dag.engine.server.visitors import Visitors

SECRET = "radps:secret"


class Inner:
    """An application that says hello and notes what it was asked."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.shut_down = False
        self.may_end = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "lifespan":
            assert (await receive())["type"] == "lifespan.shutdown"
            self.shut_down = True
        elif scope["type"] == "websocket":
            await self.may_end.wait()
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"hello"})


async def nothing() -> None:
    pass


def gate_of(app: Any, identity: str = "id", before: Any = nothing) -> Gate:
    """A gate of a server with the password `radps:secret`; products are served by `refused`."""
    return Gate(app, identity, before, Visitors(SECRET), refused, Login(SECRET))


async def refused(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"products"})


async def ask(
    gate: Gate,
    path: str = "/",
    host: str = "127.0.0.1:4200",
    kind: str = "http",
    **headers: str,
) -> Any:
    """The messages the gate sends back."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": f"{kind}.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    more = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "path": path, "headers": [(b"host", host.encode()), *more]}
    await gate(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:4200", 200),
        ("localhost:9", 200),
        ("LOCALHOST", 200),
        ("[::1]:4200", 200),
        ("evil.example:4200", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
def test_only_loopback_names_are_answered(host: str, status: int) -> None:
    """A page of another site that points its own name at this machine gets nothing."""
    assert asyncio.run(ask(gate_of(Inner()), host=host))[0]["status"] == status


def test_a_websocket_of_another_name_is_closed() -> None:
    """The same rule for websockets, before they are accepted."""
    sent = asyncio.run(ask(gate_of(Inner()), host="evil.example", kind="websocket"))
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_pages_may_talk_to_this_machine_only() -> None:
    """The browser is told not to send anything elsewhere."""
    start, _ = asyncio.run(ask(gate_of(Inner())))
    policy = dict(start["headers"])[b"content-security-policy"].decode()
    assert "default-src 'self'" in policy
    assert "https:" not in policy
    assert "*;" not in policy.replace(":*;", ";")


def test_use_is_noted_and_looking_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request ends the idleness; a question for the identity does not."""
    now = [1000.0]
    monkeypatch.setattr(gates.time, "monotonic", lambda: now[0])
    gate = gate_of(Inner(), "who")
    now[0] += 50
    start, body = asyncio.run(ask(gate, IDENTITY_PATH))
    assert (start["status"], json.loads(body["body"])) == (200, {"id": "who"})
    assert gate.idle_seconds == 50
    asyncio.run(ask(gate))
    assert gate.idle_seconds == 0


def test_an_open_websocket_is_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is silent; idleness begins when it is closed."""
    now = [1000.0]
    monkeypatch.setattr(gates.time, "monotonic", lambda: now[0])

    async def scene() -> None:
        inner = Inner()
        gate = gate_of(inner)
        talk = asyncio.create_task(ask(gate, kind="websocket"))
        await asyncio.sleep(0)
        assert inner.scopes
        now[0] += 10_000
        assert gate.idle_seconds == 0
        inner.may_end.set()
        await talk
        now[0] += 5
        assert gate.idle_seconds == 5

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("kind", "encoding", "method", "styled"),
    [
        (b"text/html; charset=utf-8", b"", "GET", True),
        (b"application/json", b"", "GET", False),
        (b"text/html", b"gzip", "GET", False),
        (b"text/html", b"", "HEAD", False),
    ],
)
def test_the_page_has_our_style_and_script(
    kind: bytes, encoding: bytes, method: str, styled: bool
) -> None:
    """A whole document has both at its end, and says how long it is; nothing else changes."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        headers = [(b"Content-Type", kind), (b"Content-Length", b"6")]
        headers += [(b"content-encoding", encoding)] * bool(encoding)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<p>", "more_body": True})
        await send({"type": "http.response.body", "body": b"</p"})

    found: list[Any] = []

    async def send(message: Any) -> None:
        found.append(message)

    scope = {
        "type": "http",
        "path": "/",
        "method": method,
        "headers": [(b"host", b"127.0.0.1:4200")],
    }
    asyncio.run(gate_of(app)(scope, nothing, send))
    start, *rest = found
    body = b"".join(one["body"] for one in rest)
    assert body == b"<p></p" + ADDED * styled
    headers = {name.lower(): value for name, value in start["headers"]}
    assert int(headers[b"content-length"]) == len(body)


def test_login_page_keeps_the_password_to_the_browser() -> None:
    """The page is the same for everybody, wherever it leads; what lets in comes in the fragment."""
    start, body = asyncio.run(ask(gate_of(Inner()), LOGIN_PATH))
    _, other = asyncio.run(ask(gate_of(Inner()), f"{LOGIN_PATH}/runs/flow-run/42cfd862-a7fd"))
    assert body == other
    assert b"location.hash" in body["body"]
    assert b'"prefect-password"' in body["body"]
    headers = dict(start["headers"])
    assert headers[b"referrer-policy"] == b"no-referrer"
    assert headers[b"cache-control"] == b"no-store"


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "x", "/a//b", "/a:b", "/.."])
def test_a_login_leads_to_this_server_alone(path: str) -> None:
    """An address that might lead to another one is refused."""
    start, body = asyncio.run(ask(gate_of(Inner()), LOGIN_PATH + path))
    assert start["status"] == 404
    assert b"script" not in body["body"]


def let_in(given: str) -> tuple[int, bytes]:
    """What the gate answers to who gives this to be let in."""

    async def scene() -> Any:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": given.encode(), "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": LOGIN_PATH}
        await gate_of(Inner())({**scope, "headers": [(b"host", b"127.0.0.1:1")]}, receive, send)
        return sent

    start, body = asyncio.run(scene())
    return start["status"], body["body"]


def test_who_has_a_pass_gets_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass lets in for a week, and nobody can make one or make it last; so does the password."""
    opened = (200, b64encode(SECRET.encode()))
    given = new_pass(SECRET)
    assert "secret" not in given
    assert login_address("http://x", given, "/runs") == f"http://x/radps-dag/login/runs#{given}"
    assert let_in(given) == let_in(SECRET) == opened
    until, _, signature = given.partition("-")
    later = f"{int(until, 16) + 1:x}-{signature}"
    for wrong in (
        "",
        "-",
        until,
        f"{until}-",
        later,
        new_pass("radps:other"),
        "é" * 2000,
        given[:-1],
    ):
        assert let_in(wrong) == (403, b""), wrong
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 6.9 * 86400)
    assert let_in(given) == opened
    monkeypatch.setattr(time, "time", lambda: now + 7.1 * 86400)
    assert let_in(given) == (403, b"")


def test_the_root_leads_to_the_runs() -> None:
    """A browser that opens the server's address comes to the list of runs; a program is let be."""
    start, _ = asyncio.run(ask(gate_of(Inner()), accept="text/html,*/*"))
    assert (start["status"], dict(start["headers"])[b"location"]) == (
        307,
        b"/runs?hide-subflows=true",
    )
    assert asyncio.run(ask(gate_of(Inner()), accept="application/json"))[0]["status"] == 200


def test_events_are_written_before_the_services_end() -> None:
    """What is to happen before the shutdown does happen before it."""
    seen: list[bool] = []

    async def scene() -> None:
        inner = Inner()

        async def before() -> None:
            seen.append(inner.shut_down)

        async def receive() -> Any:
            return {"type": "lifespan.shutdown"}

        await gate_of(inner, before=before)({"type": "lifespan"}, receive, receive)
        assert inner.shut_down

    asyncio.run(scene())
    assert seen == [False]


PASSWORD = "Basic " + b64encode(b"radps:secret").decode()


@pytest.mark.parametrize(
    ("path", "headers", "given"),
    [
        ("/api/x", {"authorization": PASSWORD, "sec_fetch_site": "same-origin"}, True),
        ("/api/x", {"authorization": PASSWORD, "sec_fetch_site": "cross-site"}, False),
        ("/api/x", {"authorization": PASSWORD}, False),
        ("/api/x", {"authorization": "Basic cmFkcHM6", "sec_fetch_site": "same-origin"}, False),
        ("/", {"sec_fetch_site": "same-origin"}, False),
    ],
)
def test_a_page_that_gave_the_password_gets_a_cookie(
    path: str, headers: dict[str, str], given: bool
) -> None:
    """A browser whose page is logged in gets a cookie, which scripts cannot read, for the products
    alone; it is not the password. Nobody else gets one."""
    start, _ = asyncio.run(ask(gate_of(Inner()), path, **headers))
    cookies = [value.decode() for name, value in start["headers"] if name == b"set-cookie"]
    assert len(cookies) == given
    for cookie in cookies:
        assert cookie.endswith(f"; Path={PRODUCTS_PATH}; HttpOnly; SameSite=Strict")
        assert "secret" not in cookie and PASSWORD[6:] not in cookie


def test_products_are_not_prefects() -> None:
    """What is below the products' path never reaches Prefect's server."""
    inner = Inner()
    start, _ = asyncio.run(ask(gate_of(inner), f"{PRODUCTS_PATH}x/y.png"))
    assert (start["status"], inner.scopes) == (418, [])
    start, _ = asyncio.run(ask(gate_of(inner), f"{PRODUCTS_PATH}x", host="evil.example"))
    assert start["status"] == 421
