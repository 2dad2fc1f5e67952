"""Sinks of announcements outside of Prefect, as the profile says: a webhook, a file. Each is
served by a thread of its own; none of them can hold a run up, or fail it."""

from __future__ import annotations

import hashlib
import hmac
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from radps_dag.facts import Fact, Listener, RunStarted
from radps_dag.notify.announcements import Announcement, Announcer
from radps_dag.problem import UsageError
from radps_dag.profile import Events

__all__ = ["announcing", "secret_of", "signature"]

WAITING = 10_000  # announcements that wait for a slow receiver
DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds between the attempts for one announcement
PATIENCE = 5.0  # seconds that the end of a run waits for what is still to be sent
SOON = 0.3  # seconds between attempts when the run has ended
TIMEOUT = 5.0  # seconds for one attempt

# Delivers one announcement. Raises OSError to be asked again, Refused to give it up.
Send = Callable[[Announcement], None]


class Refused(Exception):
    """Trying again is of no use."""


@contextmanager
def announcing(
    events: Events | None,
    secret: bytes,
    warn: Callable[[str], None],
    start: RunStarted | None = None,
) -> Iterator[Listener]:
    """A listener that announces what it hears, as a profile says. What is not sent yet when the
    block is left has a few seconds left. `start` is that of a run that was announced before."""
    outlets: list[_Outlet] = []
    if events is not None and events.file is not None:
        outlets.append(_Outlet(f"the file {events.file}", _lines(events.file), warn))
    if events is not None and events.webhook is not None:
        # Without its path, in which some services put a password.
        name = f"the webhook at {urlsplit(events.webhook).hostname}"
        outlets.append(_Outlet(name, _webhook(events.webhook, secret), warn))
    announcer = Announcer(start)

    def hear(fact: Fact) -> None:
        announcement = announcer(fact) if outlets else None
        if announcement is not None:
            for outlet in outlets:
                outlet.put(announcement)

    try:
        yield hear
    finally:
        end = time.monotonic() + PATIENCE
        for outlet in outlets:
            outlet.close(end)


def secret_of(events: Events | None) -> bytes:
    """The key that signs the webhook's requests; empty if the profile names no variable."""
    if events is None or events.secret_env is None:
        return b""
    secret = os.environ.get(events.secret_env, "")
    if not secret:
        raise UsageError(
            f"the profile signs the webhook with what {events.secret_env} holds, which is not set; "
            f"set it, or take secret_env out of the profile"
        )
    return secret.encode()


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The signature of a request, which the receiver computes too: HMAC-SHA256 of the timestamp, a
    dot and the body.
    """
    return (
        "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    )


class _Outlet:
    """A queue and the thread that empties it."""

    def __init__(self, name: str, send: Send, warn: Callable[[str], None]) -> None:
        self._name = name
        self._send = send
        self._warn = warn
        self._warned = False
        self._failing = False
        self._queue: queue.Queue[Announcement | None] = queue.Queue(WAITING)
        self._closing = threading.Event()
        self._end = 0.0
        # A daemon: what hangs must not keep the program.
        self._thread = threading.Thread(target=self._serve, name=f"radps-dag {name}", daemon=True)
        self._thread.start()

    def put(self, announcement: Announcement) -> None:
        try:
            self._queue.put_nowait(announcement)
        except queue.Full:
            self._lost("it takes them too slowly")

    def close(self, end: float) -> None:
        """Send what waits, until `end` of the monotonic clock."""
        self._end = end
        self._closing.set()
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            self._lost("it takes them too slowly")
        self._thread.join(max(0.0, end - time.monotonic()))
        if self._thread.is_alive():
            self._lost("it had not taken them when the run ended")

    def _serve(self) -> None:
        while (announcement := self._queue.get()) is not None:
            try:
                self._deliver(announcement)
            except Exception as error:  # noqa: BLE001  # the run is worth more than its news
                self._failing = True
                self._lost(str(error) or type(error).__name__)
            else:
                self._failing = False

    def _deliver(self, announcement: Announcement) -> None:
        # A receiver that failed for good is asked once for each, until it is back.
        for delay in () if self._failing else DELAYS:
            try:
                return self._send(announcement)
            except OSError:
                if self._closing.wait(delay):
                    if time.monotonic() + SOON > self._end:
                        break
                    time.sleep(SOON)
        return self._send(announcement)

    def _lost(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"{self._name} does not get all events of the run: {reason}")


def _lines(path: Path) -> Send:
    def send(announcement: Announcement) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # In one write at the end, so that several runs can share a file.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, f"{announcement.as_json()}\n".encode())
        finally:
            os.close(descriptor)

    return send


def _webhook(url: str, secret: bytes) -> Send:
    def send(announcement: Announcement) -> None:
        import httpx

        body = announcement.as_json().encode()
        timestamp = str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "user-agent": "radps-dag",
            "x-radps-event": announcement.event,
            "x-radps-delivery": announcement.id,
            "x-radps-timestamp": timestamp,
        }
        if secret:
            headers["x-radps-signature"] = signature(secret, timestamp, body)
        try:
            response = httpx.post(url, content=body, headers=headers, timeout=TIMEOUT)
        except httpx.TransportError as error:
            raise OSError(str(error) or type(error).__name__) from error
        code = response.status_code
        if code >= 500 or code in (408, 425, 429):
            raise OSError(f"it answers with {code}")
        if code >= 300:
            raise Refused(f"it answers with {code}")

    return send
