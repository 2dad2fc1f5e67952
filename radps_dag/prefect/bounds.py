"""Bounds on what Prefect's client waits for: the one place that reaches into its internals.

A client of Prefect's asks a server that does not answer again and again, a minute each time, and at
the end of the program its senders wait for ever until they have sent what they hold. What this
relies on, and `tests/prefect/test_bounds.py` says when it has moved:

- each request goes through `PrefectHttpxAsyncClient.send`; the client is one of httpx, which takes
  `trust_env`, and is made with `base_url`;
- events go over a websocket that `prefect._internal.websockets.connect` opens; it takes `proxy`;
- what is sent in the background (events, log lines) is sent by services that share one table,
  and `drain_all` ends all of them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

import httpx
from prefect._internal import websockets
from prefect._internal.concurrency.services import _QueueServiceBase
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.logging.handlers import PrefectConsoleHandler

__all__ = ["around_proxies", "drained", "is_loopback", "only_to_the_page", "supervise"]

_send = PrefectHttpxAsyncClient.send
_clients = {client: client.__init__ for client in (PrefectHttpxAsyncClient, PrefectHttpxSyncClient)}
_connect = vars(websockets)["connect"]

Supervisor = Callable[[httpx.Request, Callable[[], Awaitable[httpx.Response]]], Awaitable[Any]]
# Each of several runs in a process has its own.
_supervisor: ContextVar[Supervisor] = ContextVar("supervisor")


def supervise(supervisor: Supervisor) -> None:
    """Have each request of Prefect's clients sent by the supervisor of its context or, of threads
    that have none, by the last one.

    It is given the request and what sends it, in the event loop of whoever asks.
    """
    _supervisor.set(supervisor)

    @wraps(_send)
    async def send(
        self: PrefectHttpxAsyncClient, request: httpx.Request, *arguments: Any, **named: Any
    ) -> Any:
        chosen = _supervisor.get(supervisor)
        return await chosen(request, lambda: _send(self, request, *arguments, **named))

    PrefectHttpxAsyncClient.send = send  # type: ignore[method-assign]


def around_proxies() -> None:
    """Have Prefect's clients reach this machine's loopback interface as it is.

    No proxy can reach it. `NO_PROXY` would do for some proxies only, and the workloads of the run
    would inherit it.
    """
    for client, make in _clients.items():
        client.__init__ = _direct(make, "base_url", "trust_env", False)  # type: ignore[method-assign]
    vars(websockets)["connect"] = _direct(_connect, "uri", "proxy", None)


def _direct(make: Callable[..., Any], where: str, name: str, value: object) -> Callable[..., Any]:
    """The same, given one argument more where the address is one of this machine."""

    @wraps(make)
    def made(*arguments: Any, **named: Any) -> Any:
        address = named.get(where) or (arguments[0] if where == "uri" else "")
        if is_loopback(str(address)):
            named.setdefault(name, value)
        return make(*arguments, **named)

    return made


def is_loopback(url: str) -> bool:
    """Whether the address is one of this machine's loopback interface."""
    try:
        host = httpx.URL(url).host
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except (httpx.InvalidURL, ValueError):
        return False


def drained(seconds: float) -> bool:
    """End what sends in the background, and give it so long to send what it holds.

    Whether all of it was sent. What was not would be waited for at the end of the program.
    """
    sent: list[bool] = []

    def drain() -> None:
        with contextlib.suppress(Exception):  # its event loop is over: nobody sends any more
            _, unsent = _QueueServiceBase.drain_all(timeout=seconds, at_exit=True)  # type: ignore[misc]
            sent.append(not unsent)

    # In a thread of its own: it takes locks that somebody may hold who waits for the server.
    thread = threading.Thread(target=drain, name="radps-dag farewell", daemon=True)
    thread.start()
    thread.join(seconds + 0.2)
    return all(sent) and not thread.is_alive()


def only_to_the_page() -> None:
    """Keep Prefect's own words off the terminal, and spare its page a line for each good task."""
    for name in ("", "prefect", "prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        for handler in tuple(logger.handlers):
            if isinstance(handler, PrefectConsoleHandler):
                logger.removeHandler(handler)
    logging.getLogger("prefect.task_runs").setLevel(logging.WARNING)
    # What nobody handles, Python itself would print.
    logging.getLogger("prefect").addHandler(logging.NullHandler())
    logging.getLogger("prefect._internal").handlers[:] = [logging.NullHandler()]
    for sender in ("EventsWorker", "APILogWorker"):
        # At the end of each run they would tell how much they still have to send.
        logging.getLogger(sender).addHandler(logging.NullHandler())
