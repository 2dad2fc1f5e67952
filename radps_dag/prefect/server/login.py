"""The way in to the page: an address that logs a browser in and leads where it says.

What lets a browser in stands behind the `#`, which a browser sends to nobody: no log of requests
has it, and no page that is opened next. The page at the address asks for the password with it, and
keeps that where Prefect's own login form would, out of reach of other servers of this machine.

It is a pass: a time until which it holds, signed. So an address in an old log opens nothing, and
the password itself is never printed. (`radps-dag server status --show-auth` gives the password.)
"""

from __future__ import annotations

import hmac
import re
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from typing import Any

from radps_dag.prefect.server.links import secret_of

__all__ = ["LOGIN_PATH", "Login", "login_address", "new_pass"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LOGIN_PATH = "/radps-dag/login"
VALID = 7 * 24  # hours; a question may wait over a weekend
_LONGEST = 1000  # bytes of what somebody gives to be let in
# Where the page may lead to: a path of this server. `//` would be another one.
_TARGET = re.compile(r"(/[A-Za-z0-9_-]+)*/?")

_PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>radps-dag</title>
<meta name="viewport" content="width=device-width"><style>
:root { color-scheme: light dark } body { font: 15px/1.5 system-ui, sans-serif; margin: 4rem auto;
max-width: 40rem; padding: 0 1rem } input { width: 60%; font: inherit; padding: .3rem }
button { font: inherit; padding: .3rem .8rem }</style>
<div id="form" hidden><h1>Log in</h1>
<p id="why">This browser is not logged in.</p>
<p>Open the address that <code>radps-dag show RUN</code> prints, or give the password, which
<code>radps-dag server status --show-auth</code> prints behind the <code>#</code>:</p>
<form><input type="password" placeholder="radps:..." aria-label="password" autofocus>
<button>Log in</button></form></div>
<script>
const to = location.pathname.slice("/radps-dag/login".length) || "/";
const ask = why => {
  if (why) document.getElementById("why").textContent = why;
  document.getElementById("form").hidden = false;
};
const enter = (given, refused) => fetch("/radps-dag/login", {method: "POST", body: given})
  .then(async answer => {
    if (answer.ok) localStorage.setItem("prefect-password", await answer.text());
    if (answer.ok || (refused && localStorage.getItem("prefect-password"))) location.replace(to);
    else ask("That was not accepted: the address is too old, or the password is another one.");
  }).catch(() => ask("The server does not answer any more."));
document.querySelector("form").addEventListener("submit", event => {
  event.preventDefault();
  enter(document.querySelector("input").value.trim(), false);
});
const begin = () => {
  const given = decodeURIComponent(location.hash.slice(1));
  if (given) enter(given, true); else ask();
};
addEventListener("hashchange", begin);  // the address given to this very page
begin();
</script>
"""

_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
            b"connect-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'"
        ),
    ),
]


def login_address(page: str, said: str, path: str = "") -> str:
    """The address that logs a browser in and leads to a path of the page. `said` lets it in."""
    return f"{page}{LOGIN_PATH}{path}#{said}"


def new_pass(auth_string: str) -> str:
    """Make the pass that lets a browser in for some days."""
    until = f"{int(time.time() / 3600) + VALID:x}"
    return f"{until}-{_signature(auth_string, until)}"


def _signature(auth_string: str, until: str) -> str:
    digest = hmac.new(secret_of(auth_string, "login"), until.encode(), sha256).digest()
    return urlsafe_b64encode(digest[:12]).decode()


class Login:
    """An ASGI application: the page that logs in, and whom it lets in."""

    def __init__(self, auth_string: str) -> None:
        self._auth_string = auth_string

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer with the page, or with what a password is worth."""
        if scope.get("method") == "POST":
            given = (await _body(receive)).decode("utf-8", "replace")
            admitted = self._knows(given)
            said = b64encode(self._auth_string.encode()) if admitted else b""
            await _answer(send, 200 if admitted else 403, b"text/plain", said)
        elif _TARGET.fullmatch(scope["path"].removeprefix(LOGIN_PATH)):
            await _answer(send, 200, b"text/html; charset=utf-8", _PAGE)
        else:
            await _answer(send, 404, b"text/plain", b"this address leads nowhere\n")

    def _knows(self, given: str) -> bool:
        """Whether somebody gives the password, or a pass that still holds."""
        if hmac.compare_digest(given.encode(), self._auth_string.encode()):
            return True
        until, _, signature = given.partition("-")
        expected = _signature(self._auth_string, until)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return False
        return int(until, 16) >= time.time() / 3600  # signed, so it is a number


async def _body(receive: Receive) -> bytes:
    body = b""
    while len(body) <= _LONGEST:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body[:_LONGEST]


async def _answer(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
