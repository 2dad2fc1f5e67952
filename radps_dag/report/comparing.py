"""Two runs to what differs between them, aligned by place: what was given, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from radps_dag.facts import strict_json
from radps_dag.language.quantities import in_words
from radps_dag.progress.look import duration, number, short
from radps_dag.report.model import Change, Comparison, Place, Report
from radps_dag.report.nodes import Picture
from radps_dag.report.values import node_path

__all__ = ["compare"]

_NOTHING = "(none)"
_HOME = re.compile(r"/runs/[^/\"]+/")  # of a run, whose name is in all its addresses
_TOUCH = 0.005  # of a score: less is the same to two digits
_SHARE = 0.2  # of an amount: less does not count
_SECONDS, _MEMORY = 0.1, 10e6  # the least that counts


def compare(before: Report, after: Report) -> Comparison:
    """Differences of `after` from `before`. The directory of the run is not a difference."""
    causes = {
        "Params": _pairs(before.params, after.params),
        "Settings": _pairs(_settings(before), _settings(after)),
        "Pipeline's text": _texts(before, after),
        "Code of workloads": _pairs(_code(before).items(), _code(after).items()),
        "Versions": _pairs(_versions(before).items(), _versions(after).items()),
        "Machine": _pairs(_machine(before).items(), _machine(after).items()),
        "Inputs": _inputs(before, after),
    }
    both = list(_both(before, after))
    effects = {
        "Run": _pairs(_run(before), _run(after)),
        "Outcome": _outcomes(both),
        "Scores": _scores(both),
        "Iterations": _iterations(both),
        "Seconds": _amounts(both, lambda place: place.seconds, _SECONDS, duration),
        "Processor time": _amounts(both, lambda place: place.cpu, _SECONDS, duration),
        "Memory": _amounts(both, lambda place: place.peak_rss, _MEMORY, _octets),
        "Places of one run alone": _alone(before, after),
    }
    return Comparison(
        before.run,
        after.run,
        tuple((title, tuple(changes)) for title, changes in causes.items()),
        tuple((title, tuple(changes)) for title, changes in effects.items()),
        tuple(_pictures(before.pictures, after.pictures)),
    )


def _pairs(before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]) -> Iterator[Change]:
    old, new = dict(before), dict(after)
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Change(name, old.get(name, _NOTHING), new.get(name, _NOTHING))


def _settings(report: Report) -> list[tuple[str, str]]:
    own = [("library", report.library), ("executor", report.executor), ("seed", str(report.seed))]
    shown = dict(own)
    return own + [pair for pair in report.settings if pair[0] not in shown]


def _code(report: Report) -> dict[str, str]:
    """The digests of the code of each workload."""
    digests: dict[str, dict[str, None]] = {}
    for place in report.places:
        if place.source:
            digests.setdefault(place.workload, {})[place.source] = None
    return {name: ", ".join(sources) for name, sources in digests.items()}


def _versions(report: Report) -> dict[str, str]:
    packages = {str(k): str(v) for k, v in report.provenance.get("packages", {}).items()}
    return {**packages, "Python": str(report.provenance.get("python", ""))}


def _machine(report: Report) -> dict[str, str]:
    names = ("host", "cpu", "cpus", "platform", "user")
    return {name: str(report.provenance.get(name, "")) for name in names}


def _run(report: Report) -> list[tuple[str, str]]:
    return [
        ("status", report.status),
        ("time", duration(report.seconds)),
        ("calls", f"{report.ended:,}"),
        ("failed", f"{report.failed:,}"),
        *((f"output {name}", _HOME.sub("/", f"/{text}")[1:]) for name, text in report.outputs),
    ]


def _texts(before: Report, after: Report) -> Iterator[Change]:
    old = {text.name: text.lines for text in before.texts}
    new = {text.name: text.lines for text in after.texts}
    for name in dict.fromkeys((*old, *new)):
        if name not in old or name not in new:
            yield Change(name, *(("there", _NOTHING) if name in old else (_NOTHING, "there")))
            continue
        changed = SequenceMatcher(None, old[name], new[name], autojunk=False).get_opcodes()
        for kind, a, b, c, d in changed if old[name] != new[name] else ():
            if kind != "equal":
                what = f"{name}:{c + 1}"
                yield Change(what, _some(old[name][a:b]), _some(new[name][c:d]))


def _some(lines: tuple[str, ...]) -> str:
    """The first of some lines."""
    if not lines:
        return _NOTHING
    more = f" (and {len(lines) - 1} lines more)" if len(lines) > 1 else ""
    return short(lines[0], 120) + more


def _both(before: Report, after: Report) -> Iterator[tuple[Place, Place]]:
    old = {place.place: place for place in before.places}
    for place in after.places:
        if place.place in old:
            yield old[place.place], place


def _inputs(before: Report, after: Report) -> Iterator[Change]:
    """The inputs of calls that are not the same, once for all places of a node."""
    changes: dict[str, Change] = {}
    for old, new in _both(before, after):
        for name in dict.fromkeys((*old.inputs, *new.inputs)):
            texts = [_HOME.sub("/", strict_json(place.inputs.get(name))) for place in (old, new)]
            if texts[0] == texts[1]:
                continue
            what = f"{node_path(new.place)}: {name}"
            if what in changes:
                changes[what] = replace(changes[what], count=changes[what].count + 1)
            else:
                values = _value(old.inputs, name), _value(new.inputs, name)
                changes[what] = Change(what, *values)
    return iter(changes.values())


def _value(inputs: Mapping[str, Any], name: str) -> str:
    """A value; of a product what tells it from others of its kind."""
    return short(_named(inputs[name]), 120) if name in inputs else _NOTHING


def _named(value: Any) -> Any:
    if isinstance(value, Mapping) and "uri" in value:
        address = str(value["uri"]).rpartition("/")[2]
        return f"{address} {value.get('version', '')}".strip()
    return [_named(item) for item in value] if isinstance(value, list | tuple) else value


def _outcomes(both: Iterable[tuple[Place, Place]]) -> Iterator[Change]:
    """The places that ended differently. A reused result is not another end."""
    for old, new in both:
        if _end(old) != _end(new):
            yield Change(new.place, old.status, new.status)


def _end(place: Place) -> str:
    return "succeeded" if place.status == "reused" else place.status


def _scores(both: Iterable[tuple[Place, Place]]) -> Iterator[Change]:
    """Differences of scores; the largest fall comes first."""
    changes = [
        (new.score - old.score, old, new)
        for old, new in both
        if old.score is not None and new.score is not None and abs(new.score - old.score) > _TOUCH
    ]
    for _, old, new in sorted(changes, key=lambda change: (change[0], change[2].place)):
        what = f"{new.place}: {new.metric}"
        before = f"{old.score:.2f}" + (f" {old.metric}" if old.metric != new.metric else "")
        yield Change(what, before, f"{new.score:.2f}")


def _iterations(both: Iterable[tuple[Place, Place]]) -> Iterator[Change]:
    for old, new in both:
        if old.iterations != new.iterations:
            yield Change(new.place, str(old.iterations), str(new.iterations))


def _amounts(
    both: Iterable[tuple[Place, Place]],
    amount_of: Callable[[Place], float | None],
    least: float,
    shown: Callable[[float], str],
) -> Iterator[Change]:
    """Differences of times or of memory that are more than a share and than the least, the largest
    first."""
    changes = []
    for old, new in both:
        before, after = amount_of(old), amount_of(new)
        if before is None or after is None or abs(after - before) <= max(_SHARE * before, least):
            continue
        factor = f" ({number(after / before)} x)" if before else ""
        change = Change(new.place, shown(before), shown(after) + factor)
        changes.append((-abs(after - before), new.place, change))
    yield from (change for *_, change in sorted(changes, key=lambda each: each[:2]))


def _octets(amount: float) -> str:
    return in_words(round(amount))


def _alone(before: Report, after: Report) -> Iterator[Change]:
    """Places of one run, once for all of a node."""
    old = {item.place for item in before.places}
    new = {item.place for item in after.places}
    for places, other, make in (
        (before.places, new, lambda n, c: Change(n, "there", _NOTHING, c)),
        (after.places, old, lambda n, c: Change(n, _NOTHING, "there", c)),
    ):
        yield from _counted((item.place for item in places if item.place not in other), make)


def _counted(places: Iterable[str], make: Callable[[str, int], Change]) -> Iterator[Change]:
    counts: dict[str, int] = {}
    for place in places:
        path = node_path(place)
        counts[path] = counts.get(path, 0) + 1
    for path, count in counts.items():
        yield make(path, count)


def _pictures(
    before: Iterable[Picture], after: Iterable[Picture]
) -> Iterator[tuple[Picture, Picture]]:
    """The pictures of one place beside each other, in the order in which they were made there."""
    old: dict[tuple[str, str], list[Picture]] = {}
    for picture in before:
        old.setdefault((picture.place, picture.media), []).append(picture)
    for picture in after:
        if earlier := old.get((picture.place, picture.media)):
            yield replace(earlier.pop(0), name=f"before-{picture.name}"), picture
