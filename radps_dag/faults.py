"""Injected trouble: which call is struck by what, drawn from a seed.

What strikes a place is a function of seed, rule, place and attempt alone: the order in which calls
happen to run changes nothing, so that a drill can be repeated.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag.problem import (
    InvalidPipeline,
    Location,
    Problem,
    UsageError,
    did_you_mean,
    there_are,
)

if TYPE_CHECKING:
    from radps_dag.language.model import Node, Pipeline
    from radps_dag.language.source import Table

__all__ = [
    "NO_INJECTION",
    "Faults",
    "Injection",
    "Rule",
    "elsewhere",
    "generalized",
    "level_parts",
    "levels",
    "load_faults",
    "matches",
    "places_of",
]


@dataclass(frozen=True, slots=True)
class Injection:
    """The faults of one attempt of one call: first the delay, then the rest.

    `exception` is the name that `retries.on` sees, or nothing. `crash` kills the process that
    computes; `hang` never ends.
    """

    delay: float = 0.0
    exception: str | None = None
    message: str = ""
    crash: bool = False
    hang: bool = False


NO_INJECTION = Injection()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a drill; `pattern` are the levels of the places that it is about."""

    pattern: tuple[str, ...]
    injection: Injection
    at: Location
    probability: float = 1.0
    attempts: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def place(self) -> str:
        """The pattern as it is written."""
        return "/".join(self.pattern)


@dataclass(frozen=True, slots=True)
class Faults:
    """The rules of a drill; none by default."""

    rules: tuple[Rule, ...] = ()

    def pick(self, place: str, attempt: int, seed: int) -> Injection:
        """Pick the faults of this attempt; `attempt` counts from 1."""
        struck = [
            rule.injection
            for number, rule in enumerate(self.rules)
            if rule.injection != NO_INJECTION
            and (rule.attempts is None or attempt <= rule.attempts)
            and matches(rule.pattern, place)
            and _draw(seed, number, place, str(attempt)) < rule.probability
        ]
        if not struck:
            return NO_INJECTION
        raised = next((injection for injection in struck if injection.exception), NO_INJECTION)
        return Injection(
            delay=sum(injection.delay for injection in struck),
            exception=raised.exception,
            message=raised.message,
            crash=any(injection.crash for injection in struck),
            hang=any(injection.hang for injection in struck),
        )

    def score(self, place: str, metric: str, seed: int) -> float | None:
        """The score to give instead of the measured one; None where it is not to be changed."""
        for number, rule in enumerate(self.rules):
            if (
                metric in rule.scores
                and matches(rule.pattern, place)
                and _draw(seed, number, place, f"qa {metric}") < rule.probability
            ):
                return rule.scores[metric]
        return None

    def strikes(self, place: str) -> bool:
        """Whether a call there may be struck, by chance or for certain."""
        return any(
            rule.injection != NO_INJECTION and matches(rule.pattern, place) for rule in self.rules
        )

    def unmatched(self, pipeline: Pipeline) -> Iterator[Problem]:
        """A problem for each rule that can strike nothing of the pipeline."""
        places = places_of(pipeline)
        for rule in self.rules:
            general = tuple(map(generalized, rule.pattern))
            if struck := [node for place, node in places.items() if matches(general, place)]:
                yield from _spared(rule, struck)
                continue
            hint = elsewhere(rule.pattern, places)
            message = f"no node of the pipeline is at {rule.place!r}{hint}"
            yield Problem(rule.at, "no-such-place", message)

    def fatal(self) -> Iterator[Problem]:
        """A problem for each rule that would kill the run where no worker process computes."""
        for rule in self.rules:
            if rule.injection.crash:
                message = "'crash' kills the process that computes; add --executor processes"
                yield Problem(rule.at, "crash", message)


def _spared(rule: Rule, nodes: list[Node]) -> Iterator[Problem]:
    """A problem where a rule is about nodes, and can strike none of them."""
    from radps_dag.language.model import Task

    if rule.injection != NO_INJECTION and not any(isinstance(node, Task) for node in nodes):
        message = f"{rule.place!r} computes nothing itself; name a call in it, or '{rule.place}/**'"
        yield Problem(rule.at, "no-call", message)
    metrics = [metric.name for node in nodes if node.qa for metric in node.qa.metrics]
    for metric in rule.scores:
        if metric not in metrics:
            there = there_are(sorted(set(metrics))) if metrics else "there is none"
            hint = did_you_mean(metric, metrics) or f"; {there}"
            message = f"no QA metric {metric!r} at {rule.place!r}{hint}"
            yield Problem(rule.at, "no-such-metric", message)


def elsewhere(pattern: tuple[str, ...], places: Collection[str]) -> str:
    """The likely fix for a pattern that none of the known places matches: those that have its
    ids, else those that end in them, else one that is written alike."""
    bare = tuple(level_parts(level)[0] for level in pattern)
    for wider in (bare, ("**", *bare)):
        if close := [place for place in places if matches(wider, place)]:
            return f"; {there_are(close, 3)}"
    ids = {level_parts(level)[0]: None for place in places for level in levels(place)}
    return (
        did_you_mean("/".join(pattern), places)
        or did_you_mean("/".join(bare), places)
        or did_you_mean(bare[-1], ids)
    )


def places_of(pipeline: Pipeline) -> dict[str, Node]:
    """The nodes by their places, `[*]` where there will be instances and `#*` iterations."""
    from radps_dag.language.model import walk

    places: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    for path, node in walk(pipeline):
        instance = "[*]" if node.for_each is not None else ""
        iteration = "#*" if node.loop is not None else ""
        group, _, _ = path.rpartition("/")
        above = f"{places[group]}/" if group else ""
        places[path] = f"{above}{node.id}{instance}{iteration}"
        nodes[places[path]] = node
    return nodes


def generalized(level: str) -> str:
    """A level of a pattern about any instance and iteration, where it is about one at all."""
    name, instance, iteration = level_parts(level)
    return f"{name}{'[*]' if instance else ''}{'#*' if iteration else ''}"


def _draw(seed: int, rule: int, place: str, what: str) -> float:
    """A number from 0 up to 1 that depends on nothing but the arguments."""
    digest = sha256(json.dumps([seed, rule, place, what]).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def matches(pattern: tuple[str, ...], place: str) -> bool:
    """Whether a place of a run is one of those that a pattern means.

    >>> matches(("**", "clean"), "image_cube/clean[spw=2]#3")
    True
    >>> matches(("image_*", "clean[spw=1]"), "image_cube/clean[spw=2]#3")
    False
    """
    return _match(pattern, tuple(levels(place)))


def _match(pattern: tuple[str, ...], levels: tuple[str, ...]) -> bool:
    # Greedy with one point to come back to: a second `**` makes the first one's choice final.
    position = level = 0
    star, resume = -1, 0
    while level < len(levels):
        if position < len(pattern) and pattern[position] == "**":
            star, resume = position, level
            position += 1
        elif position < len(pattern) and _level_matches(pattern[position], levels[level]):
            position += 1
            level += 1
        elif star >= 0:
            resume += 1
            position, level = star + 1, resume
        else:
            return False
    return all(rest == "**" for rest in pattern[position:])


def _level_matches(pattern: str, level: str) -> bool:
    """Match a level of a place; of id, instance and iteration, only those that the pattern names
    are compared.
    """
    wanted, present = level_parts(pattern), level_parts(level)
    return all(
        not part or (given != "" and _glob_matches(part, given))
        for part, given in zip(wanted, present, strict=True)
    )


def level_parts(level: str) -> tuple[str, str, str]:
    """`clean[spw=2]#3` as ("clean", "spw=2", "3")."""
    match = re.fullmatch(r"([^\[#]*)(?:\[(.*)\])?(?:#([^#]*))?", level, re.DOTALL)
    return (match[1], match[2] or "", match[3] or "") if match else (level, "", "")


def _glob_matches(pattern: str, text: str) -> bool:
    """`*` is any text. Not fnmatch: its `[` means something else than a place's.

    Every part between stars is looked for as early as it can be, so that no pattern takes long.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(first):
        return False
    position = len(first)
    for part in rest[:-1]:
        index = text.find(part, position)
        if index < 0:
            return False
        position = index + len(part)
    return len(text) - position >= len(rest[-1]) and text.endswith(rest[-1])


def levels(place: str) -> Iterator[str]:
    """The levels of a place or pattern; a slash inside [...] divides nothing."""
    start = depth = 0
    for position, character in enumerate(place):
        if character == "/" and depth == 0:
            yield place[start:position]
            start = position + 1
        depth = max(0, depth + (character == "[") - (character == "]"))
    yield place[start:]


def load_faults(path: str | os.PathLike[str]) -> Faults:
    """The drill of a file.

    Raises UsageError where there is no such file, and InvalidPipeline with every mistake in it.
    """
    # Here, because worker processes import this module and read no files.
    from radps_dag.language.breaches import breaches
    from radps_dag.language.source import parse, read_source

    name = os.fspath(path)
    problems: list[Problem] = []
    try:
        source = read_source(Path(name), name, problems.append)
    except OSError as error:
        raise UsageError(f"{name}: cannot read the drill: {error.strerror or error}") from error
    document = None if source is None else parse(source, problems.append)
    if document is not None:
        problems += breaches(document, "faults.schema.json")
    if document is None or problems:
        raise InvalidPipeline(problems)
    return Faults(tuple(_rule(table) for table in document.data["faults"]))


def _rule(table: Table) -> Rule:
    given: dict[str, Any] = dict(table)
    return Rule(
        pattern=tuple(levels(given["at"])),
        injection=_injection(given),
        at=table.value_at("at"),
        probability=float(given.get("probability", 1.0)),
        attempts=given.get("attempts"),
        scores={metric: float(score) for metric, score in given.get("qa", {}).items()},
    )


def _injection(given: dict[str, Any]) -> Injection:
    from radps_dag.language.assembly import seconds

    exception, message = given.get("exception"), given.get("message", "")
    if given.get("timeout"):
        exception, message = "TimeoutError", message or "not finished in time (injected by a drill)"
    return Injection(
        delay=seconds(given.get("delay", 0)),
        exception=exception,
        message=message or ("injected by a drill" if exception else ""),
        crash=given.get("crash", False),
        hang=given.get("hang", False),
    )
