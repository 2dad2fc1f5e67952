"""A channel from calls on other machines back to the driver, to ask whether they are wanted.

ZeroMQ with Curve: the driver has a key of its own for each run, calls get theirs with the call, and
whoever has neither gets nothing.
"""

from __future__ import annotations

import contextlib
import json
import platform
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["SILENCE", "Ticket", "WayBack", "still_wanted"]

ASK = 0.5  # seconds between two questions of a call
SILENCE = 30.0  # seconds without an answer after which the driver counts as gone
REACH = 3.0  # seconds in which an address must take a connection

_GO, _END = b"go", b"end"


@dataclass(frozen=True, slots=True)
class Ticket:
    """The address and key that a call needs to ask, as JSON."""

    content: bytes


class WayBack:
    """The driver's end: a thread that answers calls until it is closed."""

    def __init__(self, addresses: Sequence[str]) -> None:
        import zmq
        from zmq.auth.thread import ThreadAuthenticator

        self._context = zmq.Context()
        self._wanted: dict[str, Callable[[str, str], None]] = {}
        self._closed = threading.Event()
        server, server_secret = zmq.curve_keypair()
        client, client_secret = zmq.curve_keypair()
        self._authenticator = ThreadAuthenticator(self._context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback("*", _Only(client))
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.curve_server = True
        self._socket.curve_publickey, self._socket.curve_secretkey = server, server_secret
        self._socket.linger = 0
        host = addresses[0] if len(addresses) == 1 else "*"
        self._ticket = {
            "addresses": list(addresses),
            "port": self._socket.bind_to_random_port(f"tcp://{host}"),
            "server": server.decode(),
            "public": client.decode(),
            "secret": client_secret.decode(),
        }
        self._thread = threading.Thread(target=self._serve, name="radps-dag calls", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def wanting(self, said: Callable[[str, str], None]) -> Iterator[Ticket]:
        """A ticket for a call that is wanted meanwhile; its host, and what it says, come to `said`
        each time it asks: from another thread."""
        call = secrets.token_hex(8)
        self._wanted[call] = said
        try:
            yield Ticket(json.dumps({**self._ticket, "call": call}).encode())
        finally:
            self._wanted.pop(call, None)

    def close(self) -> None:
        """Answer nobody any more."""
        self._closed.set()
        self._thread.join()
        self._authenticator.stop()
        self._socket.close()
        self._context.term()

    def _serve(self) -> None:
        while not self._closed.is_set():
            if self._socket.poll(100):
                who, call, host, *told = self._socket.recv_multipart()
                said = self._wanted.get(call.decode(errors="replace"))
                if said is not None:
                    text = b"".join(told).decode("utf-8", "surrogateescape")
                    said(host.decode(errors="replace"), text)
                self._socket.send_multipart([who, _END if said is None else _GO])


class _Only:
    """Lets in who has the one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def callback(self, domain: str, key: bytes) -> bool:
        return secrets.compare_digest(key, self._key)  # both as Z85 has them


@contextlib.contextmanager
def still_wanted(
    ticket: Mapping[str, Any],
) -> Iterator[tuple[Callable[[], bool], Callable[[str], None]]]:
    """Ask now and then whether a call is given up, and say what it prints. Raises ConnectionError
    without a way back."""
    import zmq

    address = _reachable(tuple(ticket["addresses"]), ticket["port"])
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
    with context.socket(zmq.DEALER) as channel:
        channel.linger = 0
        channel.curve_serverkey = ticket["server"].encode()
        channel.curve_publickey = ticket["public"].encode()
        channel.curve_secretkey = ticket["secret"].encode()
        channel.connect(f"tcp://{address}:{ticket['port']}")
        heard, asked = time.monotonic(), 0.0
        head = [ticket["call"].encode(), platform.node().encode()]

        def given_up() -> bool:
            nonlocal heard, asked
            now = time.monotonic()
            if now - asked > ASK:
                asked = now
                with contextlib.suppress(zmq.Again):
                    channel.send_multipart(head, zmq.DONTWAIT)
            while channel.poll(0):
                heard = now
                if channel.recv() == _END:
                    return True
            return now - heard > SILENCE

        def say(text: str) -> None:
            if text:
                content = text.encode("utf-8", "surrogateescape")
                with contextlib.suppress(zmq.Again):
                    channel.send_multipart([*head, content], zmq.DONTWAIT)

        yield given_up, say


def _reachable(addresses: Sequence[str], port: int) -> str:
    for address in addresses:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((address, port), timeout=REACH),
        ):
            return address
    tried = ", ".join(addresses)
    raise ConnectionError(
        f"no way back from {socket.gethostname()} to the driver at {tried}, port {port}; name an "
        "address that machines of the cluster reach: address = ..."
    )
