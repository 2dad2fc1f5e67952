"""Output of calls on other machines, as it comes: read there, kept here until they have ended.

When a call ends, all that it has printed comes with its answer and takes the place of what is kept.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Self

from radps_dag.executors.worker_log import begin_block, collect_file, growing
from radps_dag.sealed import Secrets

__all__ = ["LOOK", "KeptOutput", "new_output"]

LOOK = 1.0  # seconds between two looks at what a call has printed
_PIECE = 2**16


def new_output(log: Path, place: str, offset: int, secrets: Secrets) -> tuple[str, int]:
    """Output of the call at a place since an offset, on its machine, and the next offset.

    Where there are secrets, only lines that are complete: half of one is told, too.
    """
    content = growing(log, place, offset, _PIECE)
    if secrets.contents:
        if any("\n" in secret for secret in secrets.contents.values()):
            return "", offset
        content = content[: content.rfind(b"\n") + 1]
    hidden = secrets.hide_bytes(content) if secrets.contents else content
    return hidden.decode("utf-8", "surrogateescape"), offset + len(content)


class KeptOutput:
    """A file beside the run's log with what one call has printed so far; `show` reads it there."""

    def __init__(self, log: Path, place: str) -> None:
        self.place = place
        self.offset = 0  # of what is still to be asked for
        self._log = log
        self._part = log.with_name(f"{log.stem}-{token_hex(4)}{log.suffix}")
        self._lock = threading.Lock()  # answers come in threads of other libraries
        self._answered = self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove the file or, where no answer has come, move what is in it to the log."""
        with self._lock:
            self._over = True
            if self._answered:
                self._part.unlink(missing_ok=True)
            else:
                collect_file(self._part, self._log)

    def add(self, text: str) -> None:
        """Add what the call has printed since. A full disk is no reason for it to fail."""
        with self._lock, suppress(OSError):
            if text and not self._over:
                begin_block(self._part, self.place, text.encode("utf-8", "surrogateescape"))

    def answered(self) -> None:
        """Take note that all of it has come with the answer, or will come with another one."""
        self._answered = True
