"""Answers from other systems, as files: a JSON object each, in the run's folder `answers/`.

    {"place": "image_cube/review", "values": {"niter": 500, "action": "stop"}, "by": "night shift"}

A file that was taken gets `.accepted` behind its name, one that does not fit `.refused`, with the
reason in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radps_dag.engine.desk import Offer
from radps_dag.problem import RadpsDagError
from radps_dag.questions import Question

__all__ = ["Folder"]

POLL = 0.5  # seconds between looks
LARGEST = 1 << 20


class Folder:
    """A face of the desk that is a directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def show(self, question: Question, offer: Offer) -> None:
        """Look for answers to the question until one is taken."""
        with contextlib.suppress(OSError):
            self._path.mkdir(exist_ok=True)
        while True:
            for path in await asyncio.to_thread(self._waiting):
                said = await asyncio.to_thread(_read, path, question)
                if said is None:
                    continue
                try:
                    await offer(said["values"], str(said.get("by", "")), "file")
                except RadpsDagError as error:
                    _refuse(path, str(error))
                else:
                    # At once: whoever waits for the answer is about to cancel this.
                    _rename(path, ".accepted")
                    return
            await asyncio.sleep(POLL)

    def _waiting(self) -> list[Path]:
        with contextlib.suppress(OSError):
            return sorted(self._path.glob("*.json"))
        return []


def _read(path: Path, question: Question) -> Mapping[str, Any] | None:
    """What a file says about the question, None if it is about another one or not whole yet."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("values", {}), dict):
        return None
    about = said.get("question", said.get("place"))
    return {"values": {}, **said} if about in (question.id, question.place) else None


def _refuse(path: Path, reason: str) -> None:
    with contextlib.suppress(OSError):
        path.with_name(f"{path.name}.reason").write_text(f"{reason}\n", encoding="utf-8")
    _rename(path, ".refused")


def _rename(path: Path, end: str) -> None:
    with contextlib.suppress(OSError):
        path.rename(path.with_name(path.name + end))
