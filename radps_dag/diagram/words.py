"""Badges of a node in a picture, as a few words each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from radps_dag.language import expression
from radps_dag.language.expression import Expression, Listing, Object, Template, Value
from radps_dag.language.model import ForEach, Loop, Node, Pipeline, Qa

__all__ = ["FEATURES", "Badge", "Feature", "badges", "duration", "plain"]

Feature = Literal[
    "good", "bad", "idle", "when", "for_each", "loop", "retries", "timeout", "tolerated", "qa"
]

# In the order of the legend, with what the legend says.
FEATURES: dict[Feature, str] = {
    "good": "ended well in this run",
    "bad": "failed, or scored low",
    "idle": "skipped, stopped or not ended",
    "when": "only if the condition holds",
    "for_each": "one instance per item, in parallel",
    "loop": "repeated until converged",
    "retries": "attempts after the first",
    "timeout": "time limit of an attempt",
    "tolerated": "may fail without failing the run",
    "qa": "quality gate",
}

# Text in quotes stays as it is; the roots of names go, the names say enough.
_ROOT = re.compile(r"('[^']*'|\"[^\"]*\")|\b(?:params|stages|steps|state|outputs)\.(?=[A-Za-z_])")


@dataclass(frozen=True, slots=True)
class Badge:
    """One feature of a node in few words; `full` is the same, not shortened."""

    feature: Feature
    text: str
    full: str = ""


def badges(node: Node, pipeline: Pipeline | None) -> tuple[Badge, ...]:
    """The badges of a node, in the order in which they matter to a reader."""
    return tuple(_badges(node, pipeline))


def _badges(node: Node, pipeline: Pipeline | None) -> Iterator[Badge]:
    if node.when is not None:
        yield Badge("when", f"if {_brief(node.when, 64)}", f"if {plain(node.when)}")
    if node.for_each is not None:
        yield _for_each(node.for_each, pipeline)
    if node.loop is not None:
        yield _loop(node.loop)
    if node.retries is not None and node.retries.max > 0:
        on = f" on {', '.join(node.retries.on)}" if node.retries.on else ""
        yield Badge("retries", f"{node.retries.max}", f"{node.retries.max} retries{on}")
    if node.timeout is not None:
        limit = duration(node.timeout)
        yield Badge("timeout", limit, f"each attempt ends after {limit}")
    if node.on_error == "continue":
        yield Badge("tolerated", "may fail", "a failure does not fail the run")
    if node.on_error == "skip_dependents":
        yield Badge("tolerated", "may fail, skips what follows", "a failure skips what depends")
    if node.qa is not None:
        yield _qa(node.qa)


def _for_each(for_each: ForEach, pipeline: Pipeline | None) -> Badge:
    names = []
    for item in for_each.items:
        count = _count(item.value, pipeline)
        names.append(item.name if count is None else f"{item.name} \u00d7{count}")
    text = "for each " + " · ".join(names)
    least = f"{for_each.min_success:g}" + ("%" if for_each.percent else "")
    if least != "100%":
        text += f", at least {least}"
    items = ", ".join(f"{item.name} in {plain(item.value)}" for item in for_each.items)
    return Badge("for_each", text, f"for each {items}")


def _loop(loop: Loop) -> Badge:
    text = f"≤ {_brief(loop.max_iterations, 16)}"
    full = f"at most {plain(loop.max_iterations)} iterations"
    if loop.keep == "best":
        text += " · keep best"
    if loop.until is not None:
        text += f" · until {_brief(loop.until, 64)}"
        full += f", until {plain(loop.until)}"
    if loop.diverged is not None:
        full += f", diverged if {plain(loop.diverged)}"
    if loop.keep == "best":
        full += ", keep the best"
    return Badge("loop", text, full)


def _qa(qa: Qa) -> Badge:
    parts = []
    if qa.warn_below is not None:
        parts.append(f"warn < {_brief(qa.warn_below, 16)}")
    if qa.alert_below is not None:
        act = {"continue": "", "pause": " → pause", "fail": " → fail"}[qa.on_alert]
        parts.append(f"alert < {_brief(qa.alert_below, 16)}{act}")
    metrics = ", ".join(metric.name for metric in qa.metrics)
    text = "QA " + (", ".join(parts) or metrics)
    return Badge("qa", text, f"{text}: {metrics}" if parts else text)


def _count(value: Value, pipeline: Pipeline | None) -> int | None:
    """The number of items of a fan-out, if the file alone tells it."""
    if isinstance(value, Expression) and pipeline is not None:
        parts = value.text.strip().split(".")
        param = pipeline.param(parts[1]) if len(parts) == 2 and parts[0] == "params" else None
        if param is None or param.default is None:
            return None
        value = param.default
    match value:
        case expression.Literal(value=list() as items):
            return len(items)
        case Listing(items=entries):
            return len(entries)
    return None


def plain(value: Value) -> str:
    """A value as its author would write it, on one line."""
    match value:
        case Expression():
            return value.text.strip()
        case Template():
            return "".join(
                part if isinstance(part, str) else f"{{{part.text.strip()}}}"
                for part in value.parts
            )
        case Listing():
            return "[" + ", ".join(plain(item) for item in value.items) + "]"
        case Object():
            return "{" + ", ".join(f"{name}: {plain(item)}" for name, item in value.entries) + "}"
        case expression.Literal():
            return _constant(value.value)


def _constant(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _brief(value: Value, most: int) -> str:
    text = _ROOT.sub(lambda root: root.group(1) or "", " ".join(plain(value).split()))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def duration(seconds: float) -> str:
    """A time span in the largest unit that keeps it short.

    >>> duration(1800), duration(90), duration(86400), duration(0.5)
    ('30 min', '90 s', '24 h', '0.5 s')
    """
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"
