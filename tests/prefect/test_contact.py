"""A server is asked who it is before a run, and missed in a line when it goes. Without a server."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from prefect.client.base import PrefectHttpxSyncClient
from prefect.settings import temporary_settings

from radps_dag.prefect import contact as contacts
from radps_dag.prefect.contact import TROUBLE, Contact, make_sure
from radps_dag.problem import RadpsDagError

URL = "http://127.0.0.1:9/api"


def answering(monkeypatch: pytest.MonkeyPatch, status: int, answer: Any) -> None:
    """Have Prefect's clients get this answer, whatever they ask."""

    def send(client: object, request: httpx.Request, **named: Any) -> httpx.Response:
        response = httpx.Response(status, json=answer, request=request)
        response.raise_for_status()
        return response

    monkeypatch.setattr(PrefectHttpxSyncClient, "send", send)


@pytest.mark.parametrize(
    ("status", "answer", "password", "line"),
    [
        (401, {}, "", "asks for a password; set PREFECT_API_AUTH_STRING"),
        (403, {}, "a:b", "does not accept the password; correct PREFECT_API_AUTH_STRING"),
        (404, {}, "", "what answers here is not Prefect's API"),
        (200, {"hello": 1}, "", "what answers here is not Prefect's API"),
    ],
)
def test_who_answers(
    status: int, answer: Any, password: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that cannot be used is named in a line, with what to set; its address has no
    password in it."""
    answering(monkeypatch, status, answer)
    updates: Any = {"api.url": URL.replace("127", "user:pw@127"), "api.auth_string": password}
    with temporary_settings(updates=updates), pytest.raises(RadpsDagError) as caught:
        make_sure()
    assert str(caught.value).startswith(f"{URL}: ")
    assert line in str(caught.value) and "\n" not in str(caught.value)


def test_a_server_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's API says which version it is."""
    answering(monkeypatch, 200, "0.8.4")
    with temporary_settings(updates={"api.url": URL}):  # type: ignore[dict-item]
        make_sure()


def test_it_is_missed_once() -> None:
    """However many requests find that it is gone, one warning tells of it, without a password."""
    warnings: list[str] = []
    contact = Contact(warnings.append)
    with temporary_settings(updates={"api.url": URL.replace("127", "user:pw@127")}):  # type: ignore[dict-item]
        for _ in range(2):
            contact.lose(httpx.ConnectError("[Errno 111] Connection refused"))
    (line,) = warnings
    assert line.startswith(f"Prefect's server at {URL} does not answer any more")
    assert "(Connection refused)" in line
    assert contact.farewell()  # nobody waits for one that is gone


def test_nothing_more_is_asked_of_it() -> None:
    """A request to a server that was lost fails without being sent."""
    contact = Contact()
    contact.lost = True

    async def send() -> httpx.Response:
        raise AssertionError("it was sent")

    with pytest.raises(TROUBLE):
        asyncio.run(contact._answered(httpx.Request("GET", URL), send))


def test_a_hurry_is_never_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several, the one that ends first counts; the senders get the least there is for them."""
    monkeypatch.setattr(contacts, "LEAST", 0.25)
    given: list[float] = []

    def drained(seconds: float) -> bool:
        given.append(seconds)
        return True

    monkeypatch.setattr(contacts.prefect_bounds, "drained", drained)
    contact = Contact()
    contact.hurry(0.0)
    contact.hurry(60.0)
    assert contact.farewell()
    assert given == [0.25]
