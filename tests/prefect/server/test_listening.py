"""The socket of the local server."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from radps_dag.prefect.server.main import _listen


def _no_delay(listening: socket.socket) -> bool:
    """Whether a connection that the event loop accepts here sends small parts at once."""

    async def connect() -> bool:
        accepted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            option = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            accepted.set_result(bool(option))
            writer.close()

        async with await asyncio.start_server(serve, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            no_delay = await accepted
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return no_delay

    return asyncio.run(connect())


def test_small_parts_are_sent_at_once() -> None:
    """No answer waits for the client to acknowledge its first part."""
    assert _no_delay(_listen(0))


def test_a_taken_port() -> None:
    """Where another listens at the port of last time, the server has another port."""
    with _listen(0) as taken:
        taken.listen()
        with _listen(taken.getsockname()[1]) as other:
            assert other.getsockname()[1] != taken.getsockname()[1]
