"""What a run waits for from Prefect has an end; what that relies on in Prefect is still there."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from prefect._internal.concurrency.services import QueueService
from prefect.client.orchestration import get_client
from prefect.events.clients import PrefectEventsClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from radps_dag.prefect import bounds as prefect_bounds
from radps_dag.prefect import contact as contacts
from radps_dag.prefect.contact import TROUBLE, Contact, make_sure
from radps_dag.problem import RadpsDagError

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All patience short; and no bounds of these tests for those that follow."""
    monkeypatch.setattr(contacts, "PATIENCE", 0.2)
    monkeypatch.setattr(contacts, "_TICK", 0.02)
    yield
    Contact()


@asynccontextmanager
async def serving(silent: str = "") -> AsyncIterator[str]:
    """The address of a server that answers everything but paths that end in `silent`."""
    on_fact: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        on_fact.append(writer)
        path = (await reader.readline()).split()[1].decode()
        if silent and path.endswith(silent):
            return
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
    try:
        with temporary_settings({PREFECT_API_URL: url}):
            yield url
    finally:
        for writer in on_fact:
            writer.close()
        server.close()


async def ask(path: str) -> int:
    """Ask as Prefect asks: with its own client."""
    async with get_client() as client:
        return (await client.request("GET", path)).status_code


def test_a_server_that_is_silent_is_given_up_once() -> None:
    """Whoever waits for it ends with one of httpx's errors, and one warning tells of it; whoever
    asks later does not wait at all."""
    told: list[str] = []

    async def scene() -> None:
        contact = Contact(told.append, silence=0.1)
        async with serving(silent="h"):  # also where it is asked for its health
            answers = await asyncio.gather(ask("/h"), ask("/h"), return_exceptions=True)
        assert all(isinstance(one, TROUBLE) for one in answers), answers
        assert contact.lost
        async with serving():
            with pytest.raises(TROUBLE):
                await ask("/fine")

    asyncio.run(scene())
    assert len(told) == 1
    assert "does not answer any more" in told[0]


def test_a_server_that_is_slow_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it answers at all, it is there; but no single request is waited for without end."""
    told: list[str] = []

    async def scene() -> None:
        contact = Contact(told.append, silence=0.05)
        async with serving(silent="/slow"):
            slow = asyncio.create_task(ask("/slow"))
            await asyncio.sleep(0.4)  # it has been doubted by now, again and again
            assert not contact.lost and not slow.done()
            monkeypatch.setattr(contacts, "LONGEST", 0.0)
            with pytest.raises(TROUBLE):
                await slow

    asyncio.run(scene())
    assert len(told) == 1


def test_a_run_that_is_to_end_waits_no_longer() -> None:
    """Once there is a hurry, all waiting is over when it is, also that which had begun before."""

    async def scene() -> None:
        contact = Contact(silence=60.0)
        async with serving(silent="/slow"):
            slow = asyncio.create_task(ask("/slow"))
            await asyncio.sleep(0.1)
            contact.hurry(0.0)
            with pytest.raises(TROUBLE):
                await slow
        assert contact.lost and contact.farewell()

    asyncio.run(scene())


def test_a_cancelled_wait_is_cancelled() -> None:
    """Whoever is told to end while a request is under way ends, and is not said to have lost it."""

    async def scene() -> None:
        contact = Contact(silence=60.0)
        async with serving(silent="/slow"):
            slow = asyncio.create_task(ask("/slow"))
            await asyncio.sleep(0.1)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
        assert not contact.lost

    asyncio.run(scene())


class Sender(QueueService[asyncio.Event]):
    """Sends in the background, like those of events and log lines: an item when it may."""

    async def _handle(self, item: asyncio.Event) -> None:
        await item.wait()


@pytest.mark.parametrize("stuck", [False, True])
def test_senders_are_not_waited_for_without_end(stuck: bool) -> None:
    """All of Prefect's senders are ended; whether they had sent everything, is told."""
    item = asyncio.Event()
    if not stuck:
        item.set()
    sender = Sender.instance(stuck)
    sender.send(item)
    assert prefect_bounds.drained(0.3 if stuck else 30.0) is not stuck
    assert sender._stopped
    assert sender._loop is not None
    sender._loop.call_soon_threadsafe(item.set)


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"])
def test_the_loopback_interface_needs_no_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment, also one that cannot be used, is not asked for a server on this
    machine; and the environment stays as it is for the workloads."""
    monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    before = dict(os.environ)

    async def scene() -> None:
        Contact()
        async with serving():
            assert await ask("/x") == 200
            assert PrefectEventsClient()._connect.proxy is None

    asyncio.run(scene())
    assert dict(os.environ) == before


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server elsewhere, behind a proxy that cannot be used: one line says what to do."""
    monkeypatch.setenv("ALL_PROXY", proxy)
    url = {PREFECT_API_URL: "http://prefect.invalid/api"}
    with temporary_settings(url), pytest.raises(RadpsDagError) as caught:
        make_sure()
    line = str(caught.value)
    assert line.startswith("http://prefect.invalid/api: the proxy that the environment names")
    assert "NO_PROXY" in line and "\n" not in line


def test_a_proxy_is_used_for_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the loopback interface is reached around it."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    Contact()
    with temporary_settings({PREFECT_API_URL: "http://prefect.invalid/api"}):
        client = get_client()
        assert client._client._mounts
    with temporary_settings({PREFECT_API_URL: "http://localhost:4200/api"}):
        assert not get_client()._client._mounts
    with suppress(RuntimeError):
        assert PrefectEventsClient("http://prefect.invalid/api")._connect.proxy is True


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:4200/api", True),
        ("http://[::1]:4200/api", True),
        ("ws://localhost:1/api/events/in", True),
        ("http://localhost.example/api", False),
        ("http://10.0.0.1/api", False),
        ("", False),
    ],
)
def test_loopback(url: str, loopback: bool) -> None:
    """Names and addresses of this machine alone."""
    assert prefect_bounds.is_loopback(url) is loopback


def test_what_bounds_rely_on_is_there() -> None:
    """All that is replaced in Prefect is what is called: a new version that has moved it shows."""
    from prefect._internal import websockets
    from prefect.client.base import PrefectHttpxAsyncClient
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    Contact()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        client: Any = get_client()._client
    assert type(client) is PrefectHttpxAsyncClient
    assert client.send.__wrapped__ is prefect_bounds._send
    assert websockets.connect.__wrapped__ is prefect_bounds._connect
    assert "connect" in websockets.websocket_connect.__wrapped__.__name__
    base = prefect_bounds._QueueServiceBase
    for sender in (EventsWorker, APILogWorker):
        assert sender._instances is base._instances
        assert sender.drain_all.__func__ is base.drain_all.__func__


def test_prefects_own_words_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither what its senders still have to do, nor what they cannot."""
    prefect_bounds.only_to_the_page()
    for name in ("EventsWorker", "APILogWorker", "prefect", "prefect._internal", "prefect.events"):
        logging.getLogger(name).warning("Still processing items: 3 items remaining...")
    assert capsys.readouterr() == ("", "")
