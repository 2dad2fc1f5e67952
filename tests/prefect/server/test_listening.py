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


def test_answers_do_not_wait_for_the_client_to_acknowledge_their_first_part() -> None:
    assert _no_delay(_listen(0))


def test_a_port_that_is_taken_is_not_the_server_s() -> None:
    with _listen(0) as taken:
        taken.listen()
        with _listen(taken.getsockname()[1]) as other:
            assert other.getsockname()[1] != taken.getsockname()[1]
