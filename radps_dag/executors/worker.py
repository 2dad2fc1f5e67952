"""A worker process: performs calls, one after another, as long as its driver lives.

It never imports Prefect, so it starts in the time Python takes. It leads a process group of its
own, in which everything that a workload starts can be ended with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from radps_dag.executors.probe import look_around
from radps_dag.executors.run_call import perform
from radps_dag.executors.wire import from_failure, from_performed, pack, receive, to_call
from radps_dag.executors.worker_log import OutputCapture
from radps_dag.outcome import CallFailed
from radps_dag.problem import UsageError
from radps_dag.sealed import Secrets
from radps_dag.workloads.contract.fingerprint import code_digest
from radps_dag.workloads.contract.registry import Library, find_library, in_containers

__all__ = ["main"]


def main(descriptor: int, lifeline: int) -> None:
    """Serve the calls that come in over a socket, until it closes."""
    channel = socket.socket(fileno=descriptor)
    # What a workload starts must not hold the channel open after the worker has gone.
    os.set_inheritable(descriptor, False)
    os.set_inheritable(lifeline, False)
    _end_with(lifeline)
    calls: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, calls), daemon=True).start()
    library: Library | None = None
    refusal = ""
    printing: OutputCapture | None = None
    while True:
        message = calls.get()
        if "library" in message:
            # Where that cannot be, all workers print to the log itself, mixed up.
            with contextlib.suppress(OSError):
                printing = OutputCapture(Path(message["log"]), Secrets(message["secrets"]))
            library, refusal = _found(message)
        elif library is None:
            channel.sendall(_refused(message, refusal))
        elif "probe" in message:
            channel.sendall(pack(look_around(message["probe"])))
        else:
            with printing.of(message["place"]) if printing else contextlib.nullcontext():
                answer = _answer(message, library)
            channel.sendall(answer)


def _end_with(lifeline: int) -> None:
    """Have the system kill the group when the driver's end of the lifeline closes.

    Python itself cannot while C code holds its lock (a regular expression that never ends). Where
    the system offers no such thing, the thread that listens does what it can.
    """
    if sys.platform == "linux":
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)


def _listen(channel: socket.socket, calls: queue.SimpleQueue[dict[str, Any]]) -> None:
    while (message := receive(channel)) is not None:
        calls.put(message)
    # The driver has gone, perhaps by kill -9: nobody waits for what still computes here.
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _answer(message: dict[str, Any], library: Library) -> bytes:
    try:
        return pack(from_performed(perform(to_call(message), library, own_process=True)))
    except CallFailed as failed:
        return pack(from_failure(failed))


def _found(introduction: dict[str, Any]) -> tuple[Library | None, str]:
    """The library, or None and why it cannot be used here."""
    name, modules = introduction["library"], [Path(module) for module in introduction["modules"]]
    try:
        library = find_library(name, modules)
        if given := introduction.get("containers"):
            from radps_dag.workloads.tools.tool import Containers

            library = in_containers(library, Containers(*given))
    except UsageError as error:
        return None, str(error)
    wanted = introduction.get("code")
    if wanted is not None and wanted != code_digest(library):
        return None, (
            f"library {name!r} or radps-dag has another text there than here; install the same "
            "version in both places"
        )
    return library, ""


def _refused(message: dict[str, Any], why: str) -> bytes:
    return pack(from_failure(CallFailed(message.get("place", ""), "LibraryMissing", why)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
