"""Journals written fact by fact, for tests of reports, and the pages of a report taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from radps_dag.facts import (
    Fact,
    Iterated,
    Made,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeSucceeded,
    Noted,
    QuestionAnswered,
    QuestionAsked,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
    Usage,
)
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Store

__all__ = ["PNG", "START", "TEXT", "Page", "begun", "call", "over", "record", "started", "story"]

START = 1_760_000_000.0
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
TEXT = """\
version: 1
name: night
stages:
  import_data: {run: give}
  clean:
    for_each: {spw: [0, 1]}
    steps:
      cycle:
        run: give
        loop: {max_iterations: 3, until: "${{ true }}"}
      plot: {run: give}
  export: {run: give, needs: [clean]}
"""


def begun(time: float = START, **more: Any) -> RunStarted:
    given: dict[str, Any] = {
        "place": "", "run": "r1", "pipeline": "night", "file": "night.yaml",
        "params": {"niter": 3}, "library": "placeholder", "executor": "threads", "seed": 1,
        "provenance": {
            "sources": {"night.yaml": TEXT}, "sources_sha256": "ab" * 32, "host": "dish",
            "pid": 7, "user": "ada", "python": "3.11.7", "packages": {"radps-dag": "0.1.0"},
        },
    }  # fmt: skip
    return RunStarted(time=time, **{**given, **more})


def over(status: str = "succeeded", time: float = START + 9, **more: Any) -> RunEnded:
    return RunEnded(time=time, place="", status=status, seconds=9.0, **more)  # type: ignore[arg-type]


def started(place: str, time: float = START, kind: str = "task", **more: Any) -> NodeStarted:
    if kind == "task":
        more = {"workload": "give", "source": "c0de", "inputs": {"value": 3}, **more}
    return NodeStarted(time=time, place=place, kind=kind, **more)  # type: ignore[arg-type]


def ended(place: str, time: float, seconds: float, **more: Any) -> NodeSucceeded:
    return NodeSucceeded(time=time, place=place, outputs={}, seconds=seconds, **more)


def call(
    place: str, begin: float = 0.0, end: float = 1.0, usage: Usage | None = None, **made: Any
) -> list[Fact]:
    """A call that began and ended so many seconds after the run did."""
    found = Made(key=f"key {place}", **made)
    return [
        started(place, START + begin),
        ended(place, START + end, end - begin, made=found, usage=usage),
    ]


def story(products: str = "") -> list[Fact]:
    """A night in which a bit of everything happens."""
    at = START
    facts: list[Fact] = [begun(), started("import_data", at)]
    facts += [
        Retrying(time=at + 1, place="import_data", attempt=2, attempts=3, delay=0.5,
                 error="OSError", message="the archive is busy"),
        ended("import_data", at + 2, 2.0, made=Made(key="i")),
        started("clean", at + 2, "fan_out", total=2),
    ]  # fmt: skip
    for n in (0, 1):
        here = f"clean[spw={n}]"
        facts += [started(here, at + 2, "group"), started(f"{here}/cycle", at + 2, "loop", total=3)]
        for number, score in ((1, 100.0), (2, 3.0)):
            facts += call(f"{here}/cycle#{number}", 1 + number, 2 + number)
            facts.append(
                Iterated(time=at + 2 + number, place=f"{here}/cycle", iteration=number, cap=3,
                         score=score, outcome="converged" if number == 2 else "", kept=number)
            )  # fmt: skip
        facts.append(ended(f"{here}/cycle", at + 4, 2.0))
        facts.append(
            Scored(time=at + 4, place=here, metric="noise", score=0.2 + n / 2, verdict="alert",
                   value=3.5, units="mJy", reason="too much noise", applies_to=f"spw {n}")
        )  # fmt: skip
    facts += [
        *call("clean[spw=0]/plot", 4, 5, workdir=products, files={"map.png": (28, "d1")}),
        ended("clean[spw=0]", at + 5, 3.0),
        started("clean[spw=1]/plot", at + 4),
        NodeFailed(time=at + 5, place="clean[spw=1]/plot", error="ValueError", seconds=1.0,
                   message="no beam", tolerated=True, traceback="Traceback: no beam"),
        NodeFailed(time=at + 5, place="clean[spw=1]", error="ValueError", seconds=3.0,
                   message="no beam", tolerated=True),
        ended("clean", at + 5, 3.0),
        QuestionAsked(time=at + 5, place="clean", question="q1", message="is that enough?"),
        QuestionAnswered(time=at + 7, place="clean", question="q1", values={"action": "go on"},
                         by="ada", via="command"),
        NodeSkipped(time=at + 7, place="export", reason="nobody wants it"),
        Noted(time=at + 7, place="", message="the disk is nearly full", level="warning"),
        over(outputs={"images": 2}),
    ]  # fmt: skip
    return facts


def record(store: Store, facts: Sequence[Fact], run: str = "r1") -> str:
    """A run that nobody drives (any more)."""
    if store.head(run) is None:
        store.create(run, "night", START)
    store.append(run, [to_row(run, fact, store.workspace) for fact in facts])
    return run


_EMPTY = ("meta", "br", "img", "path", "rect", "circle", "polyline")  # have no text inside


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.data: list[tuple[str, str]] = []  # tag that it is in, and text
        self._open: list[str] = []
        self.feed(content.decode("utf-8"))
        self.close()

    @classmethod
    def at(cls, path: Path) -> Page:
        return cls(path.read_bytes())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in _EMPTY:
            self._open.append(tag)
        for name, value in attrs:
            self.attributes.append((name, value or ""))
            if name == "id":
                self.ids.append(value or "")
            elif name in ("href", "src"):
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.data.append((self._open[-1] if self._open else "", data))

    @property
    def text(self) -> str:
        """What a person reads, on one line."""
        words = (text for tag, text in self.data if tag not in ("style", "script"))
        return " ".join(" ".join(words).split())

    def inside(self, tag: str) -> list[str]:
        """The texts of all elements of a kind."""
        return [text for around, text in self.data if around == tag]
