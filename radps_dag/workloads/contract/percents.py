"""Progress of calls that run, in percent: a small file of each among the run's products, which
whoever watches the run reads. It goes with the call, and nothing depends on it."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from contextvars import ContextVar
from hashlib import sha256
from pathlib import Path

from radps_dag.workloads.contract.meanwhile import Meanwhile

__all__ = ["FOLDER", "percents_in", "report_percent", "reporting"]

FOLDER = ".progress"  # in the directory of a run's products
_OFTEN = 0.2  # seconds between two writes
_MOST_BYTES = 10_000


_REPORT: ContextVar[reporting | None] = ContextVar("radps_dag_report", default=None)


class reporting(Meanwhile["reporting | None"]):  # noqa: N801  # it is used as a function is
    """Keep what the call at this place reports meanwhile in a file of the folder."""

    __slots__ = ("folder", "place", "written")

    def __init__(self, folder: Path | None, place: str) -> None:
        super().__init__(_REPORT, None if folder is None else self)
        self.folder = folder or Path()
        self.place = place
        self.written = 0.0

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        if self.written:  # most calls say nothing
            with suppress(OSError):
                self.file.unlink()
                self.folder.rmdir()

    @property
    def file(self) -> Path:
        """Path of the file of this call."""
        return self.folder / f"{sha256(self.place.encode()).hexdigest()[:16]}.json"


def report_percent(percent: float) -> None:
    """Say how far the call is, from 0 to 100; outside of a run nobody hears it."""
    report = _REPORT.get()
    now = time.monotonic()
    if report is None or not 0 <= percent <= 100 or now < report.written + _OFTEN:
        return
    report.written = now
    with suppress(OSError):  # the call does its work all the same
        report.folder.mkdir(exist_ok=True)
        report.file.write_text(json.dumps([report.place, percent]), encoding="utf-8")


def percents_in(folder: Path) -> dict[str, float]:
    """Percentages of the calls of a run that tell them, by place."""
    percents: dict[str, float] = {}
    with suppress(OSError):
        for file in folder.iterdir():
            with suppress(OSError, ValueError, TypeError):
                place, percent = json.loads(file.read_text(encoding="utf-8")[:_MOST_BYTES])
                percents[str(place)] = float(percent)
    return percents
