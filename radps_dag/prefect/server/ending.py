"""Status of the local server, and its end from outside."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from radps_dag.prefect.server.address import ServerStatus, answers
from radps_dag.prefect.server.files import ServerFiles
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.storage import locks
from radps_dag.storage.locks import birth_of

__all__ = ["end", "status", "stop"]


def stop(home: Path | None = None, *, force: bool = False) -> bool:
    """End the server of the home; whether there was one. In order, and within about half a minute.

    One that is in use is left alone, unless forced.
    """
    place = ServerFiles.of(home)
    if not locks.is_held(place.lock):
        return False
    alone = locks.take(place.clients, patience=0.2)
    if alone is None and not force:
        raise UsageError(
            f"the local Prefect server in {place.directory} is in use by a run; "
            "wait for its end, or use --force (the run goes on without Prefect's record)"
        )
    try:
        end(place, patience=30.0)
    finally:
        if alone is not None:
            alone.release()
    return True


def status(home: Path | None = None) -> ServerStatus:
    """The status of the server of this home."""
    place = ServerFiles.of(home)
    if not locks.is_held(place.lock):
        return ServerStatus("stopped", place.directory)
    state = place.read_state()
    page = f"http://127.0.0.1:{state['port']}" if answers(state) else None
    alone = locks.take(place.clients)
    if alone is not None:
        alone.release()
    return ServerStatus(
        status="running" if page else "starting",
        directory=place.directory,
        pid=state.get("pid"),
        api_url=f"{page}/api" if page else None,
        ui_url=page,
        prefect=state.get("prefect"),
        version=state.get("version"),
        seconds=time.time() - state["started"] if "started" in state else None,
        idle_timeout=state.get("idle_timeout"),
        in_use=alone is None,
    )


def end(place: ServerFiles, patience: float) -> None:
    """Ask the holder of the place to end, and make it after a while."""
    give_up = time.monotonic() + patience
    asked = 0
    while locks.is_held(place.lock):
        state = place.read_state()
        pid = state.get("pid", 0)
        late = time.monotonic() >= give_up
        # The state can be that of an earlier server for an instant: the birth tells.
        if pid and pid != asked and birth_of(pid) == state.get("birth"):
            os.kill(pid, signal.SIGTERM)
            asked = pid
        elif late and pid and birth_of(pid) == state.get("birth"):
            os.kill(pid, signal.SIGKILL)
            give_up = time.monotonic() + patience
        elif late:
            raise RadpsDagError(f"{place.lock}: held by a process that cannot be found; see `lsof`")
        time.sleep(0.05)
