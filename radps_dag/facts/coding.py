"""Facts to JSON and back."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

from radps_dag.facts.kinds import Ending, Fact, NodeFailed, QuestionAsked
from radps_dag.facts.made import Added, Made
from radps_dag.facts.typed import check
from radps_dag.facts.usage import Usage, usage_from_json

__all__ = ["as_json", "from_json", "strict_json"]

_KINDS: Mapping[str, type[Fact]] = {
    "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_"): kind
    for kind in Fact.__args__
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_FIELDS = {kind: tuple(item.name for item in dataclasses.fields(kind)) for kind in _NAMES}


def as_json(fact: Fact) -> dict[str, Any]:
    """A fact as a flat JSON object; `fact` names its kind (`node_started`)."""
    record: dict[str, Any] = {"fact": _NAMES[type(fact)]}
    for name in _FIELDS[type(fact)]:
        value = getattr(fact, name)
        if isinstance(value, Usage):
            record[name] = value.as_json()
        else:
            record[name] = dataclasses.asdict(value) if isinstance(value, Made | Added) else value
    return record


# By error, of facts that do not say it: so was it found out before.
_ENDINGS: Mapping[Any, Ending] = {
    **dict.fromkeys(("InterruptedInPlace", "WorkerDied"), "interrupted"),
    **dict.fromkeys(("QaFailed", "NotConverged", "Diverged", "QuestionTimeout"), "decided"),
}


def from_json(record: Mapping[str, Any]) -> Fact:
    """The fact of such an object. Raises ValueError, TypeError or KeyError where it is none."""
    values = dict(record)
    kind = _KINDS[values.pop("fact")]
    if isinstance(values.get("made"), dict):
        values["made"] = _made(dict(values["made"]))
    if isinstance(values.get("added"), dict):
        values["added"] = _added(values["added"])
    if isinstance(values.get("usage"), dict):
        values["usage"] = usage_from_json(values["usage"])
    if kind is NodeFailed:
        values.setdefault("ending", _ENDINGS.get(values.get("error"), "failed"))
    check(kind, values)
    if kind is QuestionAsked:
        values["show"] = tuple(values.get("show", ()))
    return kind(**values)


def _made(values: dict[str, Any]) -> Made:
    values["added"] = tuple(map(_added, values.get("added", ())))
    check(Made, values)
    for name in ("files", "changed"):
        values[name] = {path: tuple(state) for path, state in values.get(name, {}).items()}
    return Made(**values)


def _added(values: Mapping[str, Any]) -> Added:
    check(Added, values)
    return Added(**values)


_STRICT = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":"))


def strict_json(value: Any) -> str:
    """A value as strict JSON; not a number and infinities become null."""
    try:
        return _STRICT.encode(value)
    except (TypeError, ValueError):
        return _STRICT.encode(_strict(value))


def _strict(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case Mapping():
            return {str(key): _strict(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_strict(item) for item in value]
        case _:
            return str(value)
