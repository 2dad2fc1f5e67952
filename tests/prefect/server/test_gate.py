"""What stands in front of Prefect's server."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from radps_dag.prefect.server import gate as gates
from radps_dag.prefect.server import limits
from radps_dag.prefect.server.gate import IDENTITY_PATH, Gate
from radps_dag.prefect.server.limits import is_the_page
from radps_dag.prefect.server.links import PRODUCTS_PATH, REPORTS_PATH
from radps_dag.prefect.server.login import LOGIN_PATH, Login, login_address, new_pass
from radps_dag.prefect.server.page import ADDED
from radps_dag.prefect.server.visitors import Visitors

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
    return Gate(app, identity, before, Visitors(SECRET), refused, refused, Login(SECRET))


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
    """A browser whose page is logged in gets a cookie, which scripts cannot read, for products and
    reports alone; it is not the password. Nobody else gets one."""
    start, _ = asyncio.run(ask(gate_of(Inner()), path, **headers))
    cookies = [value.decode() for name, value in start["headers"] if name == b"set-cookie"]
    assert len(cookies) == 2 * given
    for cookie, under in zip(cookies, (PRODUCTS_PATH, REPORTS_PATH), strict=False):
        assert cookie.endswith(f"; Path={under}; HttpOnly; SameSite=Strict")
        assert "secret" not in cookie and PASSWORD[6:] not in cookie


@pytest.mark.parametrize("path", [PRODUCTS_PATH, REPORTS_PATH])
def test_products_and_reports_are_not_prefects(path: str) -> None:
    """What is below their paths never reaches Prefect's server."""
    inner = Inner()
    start, _ = asyncio.run(ask(gate_of(inner), f"{path}x/y.png"))
    assert (start["status"], inner.scopes) == (418, [])
    start, _ = asyncio.run(ask(gate_of(inner), f"{path}x", host="evil.example"))
    assert start["status"] == 421


KNOWN = {"authorization": PASSWORD}


@pytest.mark.parametrize(
    "path",
    ["/api/flows/filter", "/api", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"],
)
def test_nothing_is_told_to_who_has_not_logged_in(path: str) -> None:
    """Neither the API nor its description; the password opens both."""
    inner = Inner()
    gate = gate_of(inner)
    start, _ = asyncio.run(ask(gate, path))
    assert (start["status"], inner.scopes) == (401, [])
    assert asyncio.run(ask(gate, path, **KNOWN))[0]["status"] == 200
    for open_to_all in ("/", "/runs", "/assets/index.js", "/ui-settings", "/documents"):
        assert asyncio.run(ask(gate, open_to_all))[0]["status"] == 200


def test_only_the_page_is_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever Prefect's application serves, but for its page, is behind the password."""
    for name in ("PREFECT_HOME", "PREFECT_SERVER_UI_STATIC_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    from prefect.server.api.server import create_app

    routes: list[Any] = list(create_app(final=True).routes)
    page = [route for route in routes if route.path == ""]
    assert len(page) == 1 and any(route.path == "/ui-settings" for route in page[0].app.routes)
    for route in routes:
        assert route in page or not is_the_page({"path": route.path, "method": "GET"})


async def put(body: list[bytes], **headers: str) -> tuple[int, bytes]:
    """The status of a request with a body in parts, and what the application got of it."""
    got: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        got.append(message["body"])
        assert not message["more_body"]
        await Inner()(scope, receive, send)

    parts = iter(body)
    left = len(body)
    sent: list[Any] = []

    async def receive() -> Any:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": next(parts), "more_body": left > 0}

    async def send(message: Any) -> None:
        sent.append(message)

    more = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    names = [(b"host", b"127.0.0.1:1"), *more]
    scope = {"type": "http", "path": "/api/x", "method": "POST", "headers": names}
    await gate_of(app)(scope, receive, send)
    return sent[0]["status"], b"".join(got)


def test_bodies_are_bounded() -> None:
    """In size, whatever their headers say, and in depth, not counting what stands in texts; what
    is neither comes through as it was."""
    deep = b"[" * (limits.DEEPEST + 1) + b"]" * (limits.DEEPEST + 1)
    text = json.dumps({"text": "[" * 1000 + '"' + "{" * 1000}).encode()
    flat = json.dumps([[number] for number in range(1000)]).encode()
    large = [b"x" * (limits.LONGEST_BODY // 4)] * 5
    for body, status in [
        ([text], 200),
        ([flat], 200),
        ([b"{", b"}"], 200),
        ([deep], 400),
        ([deep[:150]], 400),
        (large, 413),
    ]:
        code, got = asyncio.run(put(body, **KNOWN))
        assert (code, got) == (status, b"".join(body) if status == 200 else b"")
    length = str(limits.LONGEST_BODY + 1)
    assert asyncio.run(put([b""], content_length=length, **KNOWN))[0] == 413
    assert asyncio.run(put([b""], content_length="nonsense", **KNOWN))[0] == 413


def test_a_body_of_who_has_not_logged_in_is_not_read() -> None:
    """It is neither waited for nor looked at."""

    async def receive() -> Any:
        raise AssertionError("the body was read")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    for path, status in (("/api/x", 401), ("/", 200)):
        scope = {"type": "http", "path": path, "headers": [(b"host", b"127.0.0.1:1")]}
        asyncio.run(gate_of(Inner())(scope, receive, send))
        assert sent[-2]["status"] == status


def test_headers_and_addresses_are_bounded() -> None:
    """Their number and their length, for whoever asks."""
    many = {f"x_{number}": "" for number in range(limits.MOST_HEADERS)}
    assert asyncio.run(ask(gate_of(Inner()), **many))[0]["status"] == 431
    cookies = "a=b;" * (limits.LONGEST_HEADERS // 4)
    assert asyncio.run(ask(gate_of(Inner()), cookie=cookies))[0]["status"] == 431
    scope = {
        "type": "http",
        "path": "/",
        "query_string": b"x" * (limits.LONGEST_QUERY + 1),
        "headers": [(b"host", b"127.0.0.1:1")],
    }
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(gate_of(Inner())(scope, nothing, send))
    assert sent[0]["status"] == 414


def test_a_websocket_begins_with_a_short_message() -> None:
    """It is the one with the password; one that is long ends the talk, and later ones may be."""
    texts = ["x" * (limits.GREETING + 1), "x", "x" * (limits.GREETING + 1)]
    got: list[str] = []

    async def scene(*texts: str) -> None:
        messages = iter(texts)

        async def receive() -> Any:
            return {"type": "websocket.receive", "text": next(messages)}

        received = limits.brief_until_greeted(receive)
        for _ in texts:
            got.append((await received())["type"])

    asyncio.run(scene(texts[0]))
    assert got == ["websocket.disconnect"]
    asyncio.run(scene(*texts[1:]))
    assert got[1:] == ["websocket.receive"] * 2
