"""The places of a run that a person means, each with how it ended there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from radps_dag.facts.places import parts
from radps_dag.faults import levels, matches
from radps_dag.journal.overview import Mark, marks
from radps_dag.journal.store import Store
from radps_dag.problem import UsageError, did_you_mean, there_are

__all__ = ["Course", "courses", "find_places", "inside"]

Status = Literal[
    "running",
    "retrying",
    "succeeded",
    "reused",
    "failed",
    "skipped",
    "stopped",
    "abandoned",
    "waiting",
]

_STATUS: Mapping[str, Status] = {
    "node_started": "running",
    "retrying": "retrying",
    "node_succeeded": "succeeded",
    "node_failed": "failed",
    "node_skipped": "skipped",
    "node_stopped": "stopped",
}


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a place: its latest status, and when that began. What a process left behind
    when it went away is abandoned; where all calls used earlier results, it is reused.
    """

    place: str
    status: Status
    started: float | None = None
    seconds: float | None = None
    attempts: int = 1


def courses(marks: Iterable[Mark], *, driven: bool) -> dict[str, Course]:
    """All places, in the order in which they began. `driven`: a process is at work."""
    places: dict[str, Course] = {}
    calls: dict[str, str] = {}
    for mark in marks:
        if mark.kind in _STATUS:
            before = places.get(mark.place) or Course(mark.place, "waiting")
            places[mark.place] = _after(before, mark)
            if mark.call:
                calls[mark.place] = mark.call
        elif mark.kind == "run_started":
            places = {place: _left(course) for place, course in places.items()}
    if not driven:
        places = {place: _left(course) for place, course in places.items()}
    for place in _reused(calls):
        if place in places and places[place].status == "succeeded":
            places[place] = replace(places[place], status="reused")
    return places


def _reused(calls: Mapping[str, str]) -> set[str]:
    """The calls that did not run, and what holds nothing but such calls."""
    verdicts: dict[str, set[str]] = {"ran": set(), "reused": set()}
    for place, how in calls.items():
        around = verdicts[how]
        while place and place not in around:
            around.add(place)
            place = _outer(place)
    return verdicts["reused"] - verdicts["ran"]


def _after(before: Course, mark: Mark) -> Course:
    status = _STATUS[mark.kind]
    if status == "running":
        again = before.status == "retrying"
        return Course(mark.place, status, mark.time, attempts=before.attempts if again else 1)
    if status == "retrying":
        return replace(before, status=status, attempts=before.attempts + 1)
    seconds = mark.seconds
    if mark.call == "reused" or seconds is None:  # not what it took when it was made
        seconds = None if before.started is None else max(0.0, mark.time - before.started)
    return replace(before, status=status, seconds=seconds)


def _left(course: Course) -> Course:
    return (
        replace(course, status="abandoned") if course.status in ("running", "retrying") else course
    )


def find_places(store: Store, run: str, wanted: str, *, driven: bool = False) -> list[Course]:
    """The place that is called so or, where there is none, those that are meant by it: a path
    without its instances and iterations, or a pattern as in `--force`.

    Raises UsageError, with the likely one, where there is nothing.
    """
    all_courses = courses(marks(store, run), driven=driven)
    wanted = wanted.strip("/")
    if wanted in all_courses:
        return [all_courses[wanted]]
    pattern = tuple(levels(wanted))
    matching = [course for place, course in all_courses.items() if matches(pattern, place)]
    if matching:
        return matching
    if not all_courses:
        raise UsageError(f"nothing has begun in run {run} yet")
    hint = did_you_mean(wanted, all_courses) or f"; {there_are(_stages(all_courses))}"
    raise UsageError(f"no node {wanted!r} in run {run}{hint}")


def inside(store: Store, run: str, place: str, *, driven: bool = False) -> list[Course]:
    """List the places directly inside a place: steps, instances, iterations, or the stages of the
    run.
    """
    all_courses = courses(marks(store, run), driven=driven)
    return [course for name, course in all_courses.items() if name and _outer(name) == place]


def _outer(place: str) -> str:
    """The place that a place is directly in."""
    return place[: -len(parts(place)[-1])].removesuffix("/")


def _stages(places: Iterable[str]) -> list[str]:
    return [place for place in places if place and not _outer(place)]
