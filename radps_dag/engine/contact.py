"""The contact with Prefect's server: made sure of before a run, and lost during one."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_URL,
    get_current_settings,
    temporary_settings,
)

from radps_dag.problem import RadpsDagError

__all__ = ["TROUBLE", "Contact", "make_sure"]

# What is not an answer of Prefect's server to what it was asked.
TROUBLE = (httpx.HTTPError, httpx.InvalidURL)
PATIENCE = 5.0  # seconds
_OTHERWISE = "or unset PREFECT_API_URL for a server of our own"


def make_sure() -> None:
    """Ask the server who it is. Raises RadpsDagError, in a line, where a run would get nowhere."""
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
    except ValueError as error:
        raise RadpsDagError(f"{_address()}: {_NOT_PREFECT}") from error
    if not isinstance(told, str):
        raise RadpsDagError(f"{_address()}: {_NOT_PREFECT}")


_NOT_PREFECT = (
    f"what answers here is not Prefect's API; give PREFECT_API_URL its /api address, {_OTHERWISE}"
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
    """What went wrong, where that says more than that a connection did."""
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {PATIENCE:g} s"
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__


class Contact:
    """Whether the server is still there. Once lost, the run goes on without it."""

    def __init__(self, warn: Callable[[str], None] = lambda message: None) -> None:
        self._warn = warn
        self.lost = False

    def lose(self, error: Exception) -> None:
        """The server has not answered, however often Prefect asked."""
        if self.lost:
            return
        self.lost = True
        # Every other call that waits, and Prefect's farewell at the end of the program, would each
        # ask as often again.
        get_current_settings().client.__dict__["max_retries"] = 0
        self._warn(
            f"Prefect's server at {_address()} does not answer any more ({_words(error)}); "
            "the run goes on, and its page shows it no further; the journal has everything"
        )
