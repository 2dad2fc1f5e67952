"""Progress of calls that run, in percent: a small file of each among the run's products, which
whoever watches the run reads. It goes with the call, and nothing depends on it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

__all__ = ["FOLDER", "percents_in", "report_percent", "reporting"]

FOLDER = ".progress"  # in the directory of a run's products
_OFTEN = 0.2  # seconds between two writes
_MOST_BYTES = 10_000


@dataclass(slots=True)
class _Report:
    folder: Path
    place: str
    written: float = 0.0

    @property
    def file(self) -> Path:
        return self.folder / f"{sha256(self.place.encode()).hexdigest()[:16]}.json"


_REPORT: ContextVar[_Report | None] = ContextVar("radps_dag_report", default=None)


@contextmanager
def reporting(folder: Path | None, place: str) -> Iterator[None]:
    """Keep what the call at this place reports meanwhile in a file of the folder."""
    if folder is None:
        yield
        return
    report = _Report(folder, place)
    before = _REPORT.set(report)
    try:
        yield
    finally:
        _REPORT.reset(before)
        if report.written:  # most calls say nothing
            with suppress(OSError):
                report.file.unlink()
                folder.rmdir()


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
