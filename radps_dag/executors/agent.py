"""A machine of a cluster: a request of the driver to an answer, both bytes of JSON.

`answer` is all that Dask or Parsl ever calls there. It runs in their worker, imports no workload
and starts worker processes of its own (`processes`), in which calls are killed with all that they
have started. Those of one run are kept, and end a while after its last call.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import platform
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from radps_dag.executors import live_output
from radps_dag.executors.processes import Processes
from radps_dag.executors.wire import from_failure
from radps_dag.outcome import CallFailed, WorkerDied
from radps_dag.sealed import Secrets

__all__ = ["PROCESS", "answer"]

# This process: a request for another that was here before is not answered twice.
PROCESS = secrets.token_hex(8)
LOOK = 0.2  # seconds between two looks whether a call is still wanted
IDLE = 60.0  # seconds without a call after which the processes of a run end
LAST = 5.0  # seconds in which processes end

_agents: dict[str, _Agent] = {}
_lock = threading.Lock()


def answer(
    request: bytes, given_up: Callable[[], bool], say: Callable[[str], None] | None = None
) -> bytes:
    """Answer a request here. Never raises; a call that is given up ends within seconds. What it
    prints is said as it comes, where it can be, and is in the answer too."""
    asked = json.loads(request)
    response: dict[str, Any] = {"host": platform.node(), "process": PROCESS, "printed": ""}
    try:
        response.update(_answered(asked, given_up, say))
    except Exception as error:  # noqa: BLE001  # of this machine: a full disk, no more processes
        response["broken"] = f"{type(error).__name__}: {error}"
    return json.dumps(response, allow_nan=False).encode()


def _answered(
    asked: dict[str, Any], given_up: Callable[[], bool], say: Callable[[str], None] | None
) -> dict[str, Any]:
    if asked["process"] not in ("", PROCESS):
        # The engine gave a call once more, whose worker had gone: how far it came is not known.
        return {"died": "the worker was started anew"}
    key = sha256(json.dumps(asked["introduction"], sort_keys=True).encode()).hexdigest()
    if "close" in asked:
        with _lock:
            agent = _agents.pop(key, None)
        return {} if agent is None else {"printed": agent.close()}
    with _lock:
        agent = _agents.get(key)
        if "offsets" in asked:
            return {"new": {} if agent is None else agent.new_output(asked["offsets"])}
        if agent is None:
            agent = _agents[key] = _Agent(key, asked["introduction"])
        agent.begin()
    try:
        return agent.ask(asked["message"], asked["limit"], given_up, say)
    finally:
        agent.done()


class _Agent:
    """Worker processes for the calls of one run, on an event loop in a thread of their own."""

    def __init__(self, key: str, introduction: dict[str, Any]) -> None:
        self._key = key
        self._folder = Path(tempfile.mkdtemp(prefix="radps-dag-"))
        self._log = self._folder / "workers.log"
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="radps-dag agent", daemon=True).start()
        self._secrets = Secrets(introduction["secrets"])
        self._processes = Processes.elsewhere(introduction, self._log)
        self._calls = 0
        self._used = time.monotonic()

    def begin(self) -> None:
        self._calls += 1

    def done(self) -> None:
        with _lock:
            self._calls -= 1
            self._used = time.monotonic()
        self._loop.call_soon_threadsafe(self._loop.call_later, IDLE, self._end_idle)

    def ask(
        self,
        message: dict[str, Any],
        limit: float | None,
        given_up: Callable[[], bool],
        say: Callable[[str], None] | None,
    ) -> dict[str, Any]:
        until = None if limit is None else time.monotonic() + limit
        scratch = self._apart(message) if message.get("publish") else None
        place = message.get("place", "")
        ended = threading.Event()
        working = asyncio.run_coroutine_threadsafe(self._asked(place, message, ended), self._loop)
        offset, looked = 0, time.monotonic()
        try:
            while True:
                try:
                    return {"answer": working.result(LOOK), "printed": self._printed()}
                except TimeoutError:
                    late = until is not None and time.monotonic() > until
                    if late:
                        working.cancel()
                        ended.wait(LAST)
                        return {"late": True, "printed": self._printed()}
                    if given_up():
                        working.cancel()
                        return {"given_up": True}
                    if say is not None and time.monotonic() - looked > live_output.LOOK:
                        looked = time.monotonic()
                        text, offset = self._new_output(place, offset)
                        say(text)
        except WorkerDied as died:
            return {"died": died.message, "printed": self._printed()}
        except CallFailed as failed:
            return {"answer": from_failure(failed)}
        finally:
            if scratch is not None:
                shutil.rmtree(scratch, ignore_errors=True)

    def new_output(self, offsets: dict[str, int]) -> dict[str, tuple[str, int]]:
        """Output since their offsets of calls that have not ended, and the next offsets."""
        return {place: self._new_output(place, offset) for place, offset in offsets.items()}

    async def _asked(
        self, place: str, message: dict[str, Any], ended: threading.Event
    ) -> dict[str, Any]:
        try:
            return await self._processes.ask(place, message)
        finally:
            ended.set()

    def _new_output(self, place: str, offset: int) -> tuple[str, int]:
        return live_output.new_output(self._log, place, offset, self._secrets)

    def close(self) -> str:
        """End all processes, also those of calls that nobody waits for; what they had printed."""
        ending = asyncio.run_coroutine_threadsafe(self._processes.close(), self._loop)
        with contextlib.suppress(TimeoutError):
            ending.result(LAST)
        printed = self._printed()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._loop.call_soon_threadsafe(self._loop.stop)
        return printed

    def _apart(self, message: dict[str, Any]) -> Path:
        """Directories of this machine instead of the driver's, for what goes to its root anyway."""
        scratch = self._folder / secrets.token_hex(4)
        message["root"], message["workdir"] = str(scratch), str(scratch / "products")
        message["cache"] = str(self._folder / "copies")
        return scratch

    def _printed(self) -> str:
        """Read the new blocks of the log, of this call or of others, as they are."""
        try:
            with self._log.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                content = file.read()
                file.truncate(0)
        except OSError:
            return ""
        return content.decode("utf-8", "surrogateescape")

    def _end_idle(self) -> None:
        with _lock:
            if self._calls or time.monotonic() - self._used < IDLE - 1:
                return
            _agents.pop(self._key, None)
        threading.Thread(target=self.close, daemon=True).start()
