"""Every name that an expression reads stands for something there."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import Reading, Seat, View
from radps_dag.problem import Problem, did_you_mean, there_are

__all__ = ["check"]

RULE = "unknown-name"
_RUN = ("id", "workdir")


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of names that an expression reads."""
    for reading in view.readings:
        message = _wrong(view, reading)
        if message:
            yield Problem(reading.reference.at, RULE, message)


def _wrong(view: View, reading: Reading) -> str:
    reference, sight = reading.reference, reading.sight
    name = reference.path[0] if reference.path else ""
    match reference.root:
        case "params":
            return _missing(name, "parameter", view.params)
        case "stages" | "steps":
            return "" if reading.target is not None else _no_node(view, reading, name)
        case "each":
            if not sight.each:
                return "'each' has no meaning here: no `for_each` is around this"
            return "" if name == "index" else _missing(name, "item", sight.each)
        case "state":
            if not sight.state:
                return f"'state' has no meaning here: {_no_loop(sight.seat, 'state')}"
            return _missing(name, "state variable", sight.state)
        case "loop":
            if sight.loop is None:
                return f"'loop' has no meaning here: {_no_loop(sight.seat, 'loop')}"
            return _missing(name, "member of loop", ["index"])
        case "outputs":
            return "" if sight.outputs else "'outputs' has a meaning in `qa` and `loop` only"
        case "run":
            return _missing(name, "member of run", _RUN)
        case "attempt":
            if not sight.slot.name.startswith("resources."):
                return "'attempt' has a meaning in `resources` only"
            return f"'attempt' is a number and has no {name!r}" if name else ""
        case "inputs":
            return "'inputs' has a meaning in tool files only; here it is params.NAME"
    return ""


def _missing(name: str, what: str, words: Collection[str]) -> str:
    if not name or name in words:
        return ""
    names = list(words)
    hint = did_you_mean(name, names) or (f"; {there_are(names)}" if names else "")
    none = "" if names else "; there is none"
    return f"unknown {what} {name!r}{hint}{none}"


def _no_loop(seat: Seat | None, root: str) -> str:
    if seat is not None and seat.node.loop is not None and root == "state":
        if seat.node.loop.state:
            return "it is evaluated before the loop begins"
        return "the loop has no state"
    if seat is not None and seat.node.loop is not None:
        return "it is evaluated before the loop begins"
    return "no `loop` is around this"


def _no_node(view: View, reading: Reading, name: str) -> str:
    """Say why a step or stage is not found, and where it is if it exists elsewhere."""
    root = reading.reference.root
    what = root.removesuffix("s")
    visible = reading.sight.steps() if root == "steps" else list(view.top.seats)
    elsewhere = view.places.get(name, [])
    if root == "steps" and name in view.top.seats:
        hint = f"; it is a stage: write stages.{name}"
    elif root == "stages" and reading.sight.step(name) is not None:
        hint = f"; it is a step: write steps.{name}"
    elif elsewhere:
        inside = elsewhere[0].path.rpartition("/")[0]
        hint = f"; it is inside {inside!r}, which must give it as one of its outputs"
    else:
        hint = did_you_mean(name, visible) or _listed(visible)
    return f"unknown {what} {name!r}{hint}"


def _listed(names: list[str]) -> str:
    return f"; {there_are(names)}" if names else "; there is none here"
