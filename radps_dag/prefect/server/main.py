"""The process of the local Prefect server: one per place, until it is idle or told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import secrets
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag import __version__
from radps_dag.prefect.server.files import ServerFiles
from radps_dag.prefect.server.gate import Gate
from radps_dag.prefect.server.settings import fingerprint, server_variables
from radps_dag.problem import RadpsDagError
from radps_dag.storage import locks
from radps_dag.storage.locks import ALREADY_SERVED, birth_of

if TYPE_CHECKING:
    import uvicorn

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Take the place, then leave the launcher behind and serve."""
    parser = argparse.ArgumentParser(prog="python -m radps_dag.prefect.server.main")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--idle-timeout", type=float, required=True, help="seconds")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    place = ServerFiles(options.directory)
    # Patience for those who only look whether the lock is held.
    lock = locks.take(place.lock, patience=0.5)
    if lock is None:
        return ALREADY_SERVED
    _write_to_log(place)
    # The launcher's exit tells whoever started it that the lock is taken; the child keeps the
    # lock, and belongs to nobody who could leave it behind as a zombie.
    if os.fork():
        os._exit(0)
    return _serve(place, options.idle_timeout)


def _write_to_log(place: ServerFiles) -> None:
    if place.log.exists():
        place.log.replace(place.log.with_suffix(".log.1"))
    descriptor = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


class _Said:
    """The state of the server, as far as it has come, recorded for other processes."""

    def __init__(self, place: ServerFiles, idle_timeout: float) -> None:
        self.place = place
        self.state: dict[str, Any] = {
            "status": "starting",
            "phase": "loading Prefect",
            "id": secrets.token_hex(16),
            "pid": os.getpid(),
            "birth": birth_of(os.getpid()),
            "started": time.time(),
            "fingerprint": fingerprint(),
            "version": __version__,
            "idle_timeout": idle_timeout,
        }

    def add(self, **more: Any) -> None:
        self.state.update(more)
        self.place.write_state(self.state)


def _serve(place: ServerFiles, idle_timeout: float) -> int:
    previous_port = place.read_state().get("port", 0)
    listening = _listen(previous_port)
    port = listening.getsockname()[1]
    _enter(place, port)
    said = _Said(place, idle_timeout)
    said.add(port=port)  # known now, so that a run can import Prefect while we do
    try:
        server, gate = _build(said)
        asyncio.run(_run(server, gate, said, listening))
    # The last line is what the user is told.
    except RadpsDagError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        traceback.print_exc()
        print(f"{error.filename or place.directory}: {error.strerror}", file=sys.stderr)
        return 1
    said.add(status="stopped")
    # Prefect's threads may wait for a client that is gone; everything is written by now.
    sys.stderr.flush()
    os._exit(0)


def _listen(port: int) -> socket.socket:
    """A socket on the loopback interface; the same port as last time if it is still free."""
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol. With it, the
    # second part of an answer waits for the client to acknowledge the first: 40 ms a request.
    listening = socket.socket(proto=socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except (OSError, OverflowError, TypeError):
        listening.bind(("127.0.0.1", 0))
    return listening


def _enter(place: ServerFiles, port: int) -> None:
    """Leave the user's directory and settings, which Prefect would read."""
    os.chdir(place.prefect)
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update(server_variables(place, port, place.auth_string()))


def _build(said: _Said) -> tuple[uvicorn.Server, Gate]:
    # A fifth of the time to import Prefect's server goes to looking for garbage there is none of.
    gc.disable()
    import uvicorn

    from radps_dag.prefect import seam_check, seams

    seam_check.check(seams.SERVER, "or run with --no-prefect")
    from prefect import __version__ as prefect_version
    from prefect.server.api.server import create_app

    from radps_dag.prefect.server import database, page, recording
    from radps_dag.prefect.server.links import Table
    from radps_dag.prefect.server.login import Login
    from radps_dag.prefect.server.products import Products
    from radps_dag.prefect.server.reports import Reports
    from radps_dag.prefect.server.visitors import Visitors

    if not said.place.database.exists():
        said.add(phase="creating the database of the local Prefect server (once)")
        database.create(said.place.database)
    database.refuse_newer(said.place.database)
    recording.tune()
    said.add(phase="starting the local Prefect server", prefect=prefect_version)
    auth_string = said.place.auth_string()
    visitors = Visitors(auth_string)
    table = Table(said.place.products, auth_string)
    table.forget()
    products = Products(visitors, table)
    runs = Table(said.place.reports, auth_string, "reports")
    runs.forget()
    reports = Reports(visitors, runs, said.place.made)
    reports.forget()
    page.only_one()
    app = create_app(final=True)
    login = Login(auth_string)
    gate = Gate(app, said.state["id"], recording.drain, visitors, products, reports, login)
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # thousands of small values per request, none in cycles
    gc.enable()

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn would end the process by the signal, before the state is tidied up.
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                said.add(status="ready", phase="")

    config = uvicorn.Config(
        gate,
        lifespan="on",
        log_config=None,
        access_log=False,
        # Longer than a run is silent between two calls, so that connections are used again.
        timeout_keep_alive=60,
        timeout_graceful_shutdown=3,
        # Compressing events costs more than sending them to the same machine.
        ws_per_message_deflate=False,
    )
    return Server(config), gate


async def _run(server: uvicorn.Server, gate: Gate, said: _Said, listening: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    watch = asyncio.create_task(_watch(server, gate, said))
    await server.serve(sockets=[listening])
    watch.cancel()


async def _watch(server: uvicorn.Server, gate: Gate, said: _Said) -> None:
    """End the server when nobody has used it for long enough."""
    idle_timeout = said.state["idle_timeout"]
    while not server.should_exit:
        await asyncio.sleep(min(5.0, max(idle_timeout / 4, 0.05)))
        free = locks.take(said.place.clients)
        if free is None:
            gate.touch()
        elif gate.idle_seconds >= idle_timeout:
            # Kept to the end: a run that comes now waits, and starts the next server.
            server.should_exit = True
            return
        else:
            free.release()


if __name__ == "__main__":
    sys.exit(main())
