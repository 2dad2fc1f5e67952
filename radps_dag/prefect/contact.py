"""The contact with Prefect's server: made sure of before a run, and lost during one."""

from __future__ import annotations

import asyncio
import math
import re
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_URL,
    temporary_settings,
)

from radps_dag.prefect import bounds as prefect_bounds
from radps_dag.problem import RadpsDagError

__all__ = ["TROUBLE", "Contact", "make_sure"]

# What is not an answer of Prefect's server to what it was asked.
TROUBLE = (httpx.HTTPError, httpx.InvalidURL)
PATIENCE = 5.0  # seconds
# Seconds that a request waits before the server is asked whether it is there at all: one of our
# own is on this machine, another one may begin anew in the middle of a long run.
SILENCE_OURS, SILENCE = 10.0, 20.0
LONGEST = 60.0  # seconds for a request that a server does not answer which answers others
LAST = 25.0  # seconds from the end of a run's last call until all of Prefect's waiting is over
HURRY = 5.0  # the same, from the moment in which the run was told to end
LEAST = 1.0  # seconds that the senders get, whatever was waited for before
_TICK = 0.5
_OTHERWISE = "or unset PREFECT_API_URL for a server of our own"


def make_sure() -> None:
    """Ask the server who it is. Raises RadpsDagError, in a line, where a run would get nowhere."""
    prefect_bounds.around_proxies()
    once = temporary_settings(updates={"client.max_retries": 0})
    timeout = {"timeout": httpx.Timeout(PATIENCE)}
    try:
        with once, get_client(sync_client=True, httpx_settings=timeout) as client:
            told: object = client.api_version()
    except httpx.HTTPStatusError as error:
        raise RadpsDagError(f"{_address()}: {_refusal(error.response)}") from error
    except (*TROUBLE, OSError) as error:
        message = f"no Prefect server answers ({_words(error)}); see that it runs, {_OTHERWISE}"
        raise RadpsDagError(f"{_address()}: {message}") from error
    except ImportError as error:  # httpx, of a proxy of the kind SOCKS
        raise RadpsDagError(f"{_address()}: {_proxy(error)}") from error
    except ValueError as error:
        of_proxy = "proxy" in str(error).lower()
        message = _proxy(error) if of_proxy else _NOT_PREFECT
        raise RadpsDagError(f"{_address()}: {message}") from error
    if not isinstance(told, str):
        raise RadpsDagError(f"{_address()}: {_NOT_PREFECT}")


_NOT_PREFECT = (
    f"what answers here is not Prefect's API; give PREFECT_API_URL its /api address, {_OTHERWISE}"
)


def _proxy(error: Exception) -> str:
    told = re.split(r"[.;] ?(?:Make|$)", str(error))[0]
    return (
        f"the proxy that the environment names cannot be used ({told}); "
        f"correct ALL_PROXY, HTTP_PROXY and HTTPS_PROXY, add the server to NO_PROXY, {_OTHERWISE}"
    )


def _refusal(response: httpx.Response) -> str:
    if response.status_code not in (401, 403):
        return _NOT_PREFECT
    if PREFECT_API_AUTH_STRING.value() or PREFECT_API_KEY.value():
        return (
            "the Prefect server does not accept the password; "
            "correct PREFECT_API_AUTH_STRING (user:password), or PREFECT_API_KEY for its cloud"
        )
    return (
        "the Prefect server asks for a password; "
        "set PREFECT_API_AUTH_STRING (user:password), or PREFECT_API_KEY for its cloud"
    )


def _address() -> str:
    url = httpx.URL(str(PREFECT_API_URL.value()))
    return str(url.copy_with(username=None, password=None))


def _words(error: Exception) -> str:
    """Describe an error, unless it says no more than that a connection failed."""
    if isinstance(error, httpx.TimeoutException):
        return str(error) or f"no answer within {PATIENCE:g} s"
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__


class Contact:
    """Watch over the connection to the server. Once it is lost, the run goes on without it.

    All requests of Prefect's clients pass here, from whatever thread, and none of them waits for
    longer than it should.
    """

    def __init__(
        self, warn: Callable[[str], None] = lambda message: None, silence: float = SILENCE
    ) -> None:
        """`silence` is how long, in seconds, a request waits before it is doubted that the server
        is there."""
        self._warn = warn
        self._silence = silence
        self._until = math.inf
        self._lock = threading.Lock()
        self.lost = False
        prefect_bounds.around_proxies()
        prefect_bounds.supervise(self._answered)

    def hurry(self, seconds: float) -> None:
        """Have all waiting be over after so long."""
        self._until = min(self._until, time.monotonic() + seconds)

    def lose(self, error: Exception) -> None:
        """The server has not answered, however often Prefect asked."""
        with self._lock:
            if self.lost:
                return
            self.lost = True  # every other request that waits sees it soon
        self._warn(
            f"Prefect's server at {_address()} does not answer any more ({_words(error)}); "
            "its page shows the run no further; the journal has everything"
        )

    def farewell(self) -> bool:
        """Let Prefect send what it still holds; whether it did, or it is known why it did not."""
        patience = min(max(self._until - time.monotonic(), LEAST), LAST)
        return self.lost or prefect_bounds.drained(patience)

    async def _answered(
        self, request: httpx.Request, send: Callable[[], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        """The answer to a request. Raises one of httpx's errors where none is to be expected."""
        begun = doubted = time.monotonic()
        sending: asyncio.Future[httpx.Response] | None = None
        try:
            while not self.lost:
                sending = sending or asyncio.ensure_future(send())
                await asyncio.wait({sending}, timeout=_TICK)
                if sending.done():
                    return sending.result()
                now = time.monotonic()
                if now > min(self._until, begun + LONGEST):
                    self.lose(httpx.ReadTimeout(f"no answer within {now - begun:.0f} s"))
                elif now > doubted + self._silence:
                    await self._make_sure()
                    doubted = time.monotonic()
            raise httpx.ConnectError("given up, as it did not answer before", request=request)
        finally:
            if sending is not None and not sending.done():
                sending.add_done_callback(_forget)
                sending.cancel()

    async def _make_sure(self) -> None:
        """Ask the server whether it is there; any answer will do, also one that refuses."""
        url = str(PREFECT_API_URL.value())
        direct = prefect_bounds.is_loopback(url)
        try:
            async with httpx.AsyncClient(timeout=PATIENCE, trust_env=not direct) as client:
                await client.get(f"{url}/health")
        except TROUBLE as error:
            self.lose(error)


def _forget(sending: asyncio.Future[Any]) -> None:
    """Take note of how it ended: nobody waits for it any more."""
    if not sending.cancelled():
        sending.exception()
