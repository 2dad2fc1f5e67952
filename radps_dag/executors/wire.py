"""Messages between the driver and a worker process: JSON, each with its length."""

from __future__ import annotations

import dataclasses
import json
import socket
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag.executors.call import Call, Performed, Setup
from radps_dag.facts import Added, Files, Usage, usage_from_json
from radps_dag.faults import Injection
from radps_dag.outcome import CallFailed
from radps_dag.sealed import Secrets
from radps_dag.workloads.contract.knowledge import Snapshot

if TYPE_CHECKING:
    import asyncio  # of the driver; a worker starts sooner without it

__all__ = [
    "from_failure",
    "from_performed",
    "introduction",
    "pack",
    "read",
    "receive",
    "to_call",
    "to_failure",
    "to_json",
    "to_performed",
]

_HEADER = 8


def pack(message: dict[str, Any]) -> bytes:
    """Message in bytes, after its length."""
    content = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    return len(content).to_bytes(_HEADER, "big") + content


async def read(stream: asyncio.StreamReader) -> dict[str, Any]:
    """The next message on the driver's side. Raises IncompleteReadError at the end."""
    size = int.from_bytes(await stream.readexactly(_HEADER), "big")
    message: dict[str, Any] = json.loads(await stream.readexactly(size))
    return message


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """The next message on the worker's side; None at the end."""
    header = _exactly(channel, _HEADER)
    content = None if header is None else _exactly(channel, int.from_bytes(header, "big"))
    if content is None:
        return None
    message: dict[str, Any] = json.loads(content)
    return message


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(min(size - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


def introduction(setup: Setup) -> dict[str, Any]:
    """First message to a worker: what to import, and what its log must not show."""
    containers = setup.library.containers
    return {
        "library": setup.library.name,
        "modules": [str(path) for path in setup.library.modules],
        "containers": None if containers is None else [containers.engine, containers.fallback],
        "secrets": setup.secrets.contents,
    }


def to_json(call: Call) -> dict[str, Any]:
    """Call as a message."""
    return {
        "place": call.place,
        "workload": call.workload,
        "arguments": call.arguments,
        "workdir": str(call.workdir),
        "root": None if call.root is None else str(call.root),
        "seed": call.seed,
        "cache": str(call.cache or ""),
        "publish": call.publish,
        "changes": call.changes,
        "secrets": call.secrets.contents,
        "hidden": call.hidden.contents,
        "injection": dataclasses.asdict(call.injection),
        # A text, which is made once for all calls that see the same.
        "context": None if call.context is None else call.context.text,
    }


def to_call(message: dict[str, Any]) -> Call:
    """Call from a message."""
    return Call(
        place=message["place"],
        workload=message["workload"],
        arguments=message["arguments"],
        workdir=Path(message["workdir"]),
        root=None if message["root"] is None else Path(message["root"]),
        seed=message["seed"],
        cache=Path(message["cache"]) if message["cache"] else None,
        publish=message["publish"],
        changes=tuple(message["changes"]),
        secrets=Secrets(message["secrets"]),
        hidden=_hidden(tuple(message["hidden"].items())),
        injection=Injection(**message["injection"]),
        context=None if (text := message["context"]) is None else _snapshot(text),
    )


# A worker makes many calls that see the same.
_snapshot = lru_cache(4)(Snapshot.from_text)


@lru_cache(1)
def _hidden(contents: tuple[tuple[str, str], ...]) -> Secrets:
    return Secrets(dict(contents))


def from_performed(performed: Performed) -> dict[str, Any]:
    """Result of a call as a message."""
    return {**dataclasses.asdict(performed), "usage": _from_usage(performed.usage)}


def to_performed(message: dict[str, Any]) -> Performed:
    """Result of a call from a message."""
    return Performed(
        outputs=message["outputs"],
        files=_files(message["files"]),
        added=tuple(Added(**addition) for addition in message["added"]),
        asked=tuple(message["asked"]),
        workdir=message["workdir"],
        marks=message["marks"],
        changed=_files(message["changed"]),
        notes=tuple(message["notes"]),
        usage=_to_usage(message["usage"]),
    )


def _from_usage(usage: Usage | None) -> dict[str, Any] | None:
    return None if usage is None else usage.as_json()


def _to_usage(message: dict[str, Any] | None) -> Usage | None:
    return None if message is None else usage_from_json(message)


def _files(message: dict[str, Any]) -> Files:
    return {name: (size, digest) for name, (size, digest) in message.items()}


def from_failure(failed: CallFailed) -> dict[str, Any]:
    """Failure of a call as a message."""
    return {
        "place": failed.place,
        "error": failed.error,
        "message": failed.message,
        "kinds": failed.kinds,
        "traceback": failed.traceback,
        "usage": _from_usage(failed.usage),
    }


def to_failure(message: dict[str, Any]) -> CallFailed:
    """Failure of a call from a message."""
    failed = CallFailed(
        message["place"],
        message["error"],
        message["message"],
        kinds=tuple(message["kinds"]),
        traceback=message["traceback"],
    )
    failed.usage = _to_usage(message["usage"])
    return failed
