"""Announcements of a run: the few facts that somebody may want to be told of, in words that stay
the same from version to version."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from radps_dag.facts import (
    Fact,
    NodeFailed,
    NodeSucceeded,
    QuestionAnswered,
    QuestionAsked,
    RunEnded,
    RunStarted,
    Scored,
    strict_json,
)

__all__ = ["Announcement", "Announcer", "stage_of"]

LONGEST = 20_000  # characters of a value in an announcement
MOST_SCORES = 50


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event. `stage` is "" where it is about the whole run."""

    event: str  # radps.qa.alert
    time: float
    run: str
    pipeline: str
    place: str
    payload: Mapping[str, Any]
    id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def stage(self) -> str:
        """Stage that the place is in."""
        return stage_of(self.place)

    def as_json(self) -> str:
        """The event in a line, as others get it."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self.time))
        return strict_json(
            {
                "id": self.id,
                "event": self.event,
                "time": f"{moment}.{int(self.time % 1 * 1000):03d}Z",
                "run": self.run,
                "pipeline": self.pipeline,
                "stage": self.stage,
                "place": self.place,
                "payload": self.payload,
            }
        )


def stage_of(place: str) -> str:
    """The stage that a place is in.

    >>> stage_of("image_cube/clean[spw=2]#3"), stage_of("flag[ms=1]"), stage_of("")
    ('image_cube', 'flag', '')
    """
    return place.partition("/")[0].partition("[")[0].partition("#")[0]


class Announcer:
    """Facts in, announcements out."""

    def __init__(self, start: RunStarted | None = None) -> None:
        """`start` is that of a run which has been announced as started by another process."""
        self._run, self._pipeline, self._generation = "", "", 1
        if start is not None:
            self._of(start)
        self._scores: dict[str, list[Scored]] = {}

    def __call__(self, fact: Fact) -> Announcement | None:
        """The announcement that a fact makes, if it does."""
        if isinstance(fact, RunStarted):
            self._of(fact)
        elif isinstance(fact, Scored):
            self._scores.setdefault(stage_of(fact.place), []).append(fact)
        announcement = self._said(fact)
        if announcement is None:
            return None
        event, payload = announcement
        payload = {"generation": self._generation, **payload}
        return Announcement(
            event=event,
            time=fact.time,
            run=self._run,
            pipeline=self._pipeline,
            place=fact.place,
            payload={name: _bounded(value) for name, value in payload.items()},
        )

    def _of(self, start: RunStarted) -> None:
        self._run, self._pipeline = start.run, start.pipeline
        self._generation = start.generation

    def _said(self, fact: Fact) -> tuple[str, Mapping[str, Any]] | None:
        whole_stage = fact.place == stage_of(fact.place) != ""
        match fact:
            case RunStarted():
                return "radps.run.started", _fields(fact, "file", "params", "library", "executor")
            case RunEnded(status="cancelled"):
                return "radps.run.cancelled", _fields(fact, "seconds", "message", "by", "via")
            case RunEnded():
                return f"radps.run.{fact.status}", _fields(fact, "seconds", "message", "outputs")
            case Scored() if fact.verdict in ("alert", "error"):
                return "radps.qa.alert", _score(fact)
            case NodeSucceeded() if whole_stage:
                return "radps.stage.completed", {"seconds": fact.seconds, **self._quality(fact)}
            case NodeFailed() if whole_stage:
                failure = _fields(fact, "error", "message", "seconds", "tolerated")
                return "radps.stage.failed", {**failure, **self._quality(fact)}
            case QuestionAsked():
                asked = ("question", "about", "message", "show", "inputs", "deadline", "on_timeout")
                return "radps.question.asked", _fields(fact, *asked)
            case QuestionAnswered():
                answer = _fields(fact, "question", "values", "by", "via")
                return "radps.question.answered", answer
        return None

    def _quality(self, fact: Fact) -> dict[str, Any]:
        """The scores of a stage, the lowest first."""
        scores = self._scores.pop(stage_of(fact.place), [])
        rated = [score.score for score in scores if score.score is not None]
        scores.sort(key=lambda score: 2.0 if score.score is None else score.score)
        return {
            "lowest": min(rated, default=None),
            "scores": [_score(score) for score in scores[:MOST_SCORES]],
        }


def _score(fact: Scored) -> dict[str, Any]:
    names = ("metric", "score", "verdict", "value", "units", "reason", "applies_to")
    return {"at": fact.place, **_fields(fact, *names)}


def _fields(fact: Fact, *names: str) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in names}


def _bounded(value: Any) -> Any:
    """A value as JSON, unless it is too long for a message."""
    text = strict_json(value)
    if len(text) > LONGEST:
        return f"{text[:200]} ... ({len(text)} characters; the journal has all of it)"
    return json.loads(text)
