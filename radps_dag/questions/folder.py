"""Answers from other systems, as files: a JSON object each, in the run's folder `answers/`.

    {"place": "image_cube/review", "values": {"niter": 500, "action": "stop"}, "by": "night shift"}

A file that was taken gets `.accepted` behind its name, one that does not fit `.refused`, and the
reason beside it. One about a place where nothing is asked stays as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radps_dag.problem import RadpsDagError, did_you_mean, there_are
from radps_dag.questions import Question
from radps_dag.questions.prompts import Offer

__all__ = ["Folder"]

POLL = 0.5  # seconds between looks
STILL = 10.0  # seconds after which a file that has not changed is not being written any more
LARGEST = 1 << 20
CLOCKS = 1.0  # seconds by which the clock of a file system may be behind ours
KEYS = ("question", "place", "values", "by")


class Folder:
    """A channel of the prompts that is a directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken: dict[Path, tuple[int, int, float]] = {}  # size, time, when it was seen first

    async def show(self, question: Question, offer: Offer) -> None:
        """Look for answers to the question until one is taken."""
        with contextlib.suppress(OSError):
            self._path.mkdir(exist_ok=True)
        while True:
            for path in await asyncio.to_thread(self._waiting):
                try:
                    said = await asyncio.to_thread(self._read, path, question)
                    if said is None:
                        continue
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
            return sorted(path for path in self._path.glob("*.json") if path.is_file())
        return []

    def _read(self, path: Path, question: Question) -> Mapping[str, Any] | None:
        """Read an answer from a file; None if it is about another question or is not complete yet.

        Raises RadpsDagError for a file that can never be an answer.
        """
        try:
            status = path.stat()
            if status.st_size > LARGEST:
                raise RadpsDagError(
                    f"an answer has at most {LARGEST:,} bytes, this {status.st_size:,}"
                )
            said = json.loads(path.read_text(encoding="utf-8"))
        except OSError:
            return None
        except (ValueError, RecursionError) as error:
            if self._is_still(path, status):
                raise RadpsDagError(f"is not JSON: {error}") from error
            return None
        _check(said)
        about = said.get("question", said.get("place"))
        if about not in (question.id, question.place):
            return None
        if about != question.id and max(status.st_mtime, status.st_ctime) < question.asked - CLOCKS:
            raise RadpsDagError(
                f"{question.place}: the file is older than the question, and so no answer to it"
            )
        return {"values": {}, **said}

    def _is_still(self, path: Path, status: os.stat_result) -> bool:
        """Whether nobody writes the file any more: it is as it was some time ago."""
        now = time.monotonic()
        size, changed, since = self._broken.get(path, (-1, -1, now))
        if (size, changed) == (status.st_size, status.st_mtime_ns):
            return now - since > STILL
        self._broken[path] = (status.st_size, status.st_mtime_ns, now)
        return False


def _check(said: Any) -> None:
    """Raises RadpsDagError for what is no answer, whatever it is about."""
    if not isinstance(said, dict):
        raise RadpsDagError(
            'is not a JSON object object, such as {"place": PLACE, "values": {NAME: VALUE}}'
        )
    for name in said:
        if name not in KEYS:
            hint = did_you_mean(name, KEYS) or f"; {there_are(KEYS)}"
            raise RadpsDagError(f"unknown key {name!r}{hint}")
    if not isinstance(said.get("values", {}), dict):
        raise RadpsDagError("'values' must be an object: {NAME: VALUE}")
    if not isinstance(said.get("question", said.get("place")), str):
        raise RadpsDagError("names no 'place', such as 'image_cube/review'")


def _refuse(path: Path, reason: str) -> None:
    with contextlib.suppress(OSError):
        path.with_name(f"{path.name}.reason").write_text(f"{reason}\n", encoding="utf-8")
    _rename(path, ".refused")


def _rename(path: Path, end: str) -> None:
    with contextlib.suppress(OSError):
        path.rename(path.with_name(path.name + end))
