"""Details of a node beside what it does: loop, retries, quality, resources, questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from radps_dag.language.amounts import amounts
from radps_dag.language.assembly.values import condition, listed, named, text, unknown, value
from radps_dag.language.expression import ExpressionError, Literal
from radps_dag.language.model import (
    ContextKey,
    Defaults,
    Loop,
    MemberDefault,
    Metric,
    Named,
    Need,
    Param,
    Qa,
    Retries,
    StateVariable,
)
from radps_dag.language.quantities import seconds
from radps_dag.language.shape import from_schema
from radps_dag.language.source import Report, Series, Table
from radps_dag.problem import Location, Problem

__all__ = [
    "context",
    "defaults",
    "loop",
    "needs",
    "params",
    "pause",
    "qa",
    "resources",
    "retries",
    "time_out",
]


def defaults(root: Table, report: Report) -> Defaults:
    """`defaults` of a file."""
    data = root.get("defaults")
    if not isinstance(data, Table):
        return Defaults()
    limit = data.get("max_parallel")
    return Defaults(
        retries=retries(data),
        timeout=time_out(data, report),
        on_error=data.get("on_error", "fail"),
        max_parallel=None if limit is None else int(limit),
    )


def needs(data: Table) -> Iterator[Need]:
    """Names in `needs`, with their places."""
    needs = data.get("needs")
    if isinstance(needs, Series):
        for index, name in enumerate(needs):
            yield Need(name, needs.value_at(index))


def retries(data: Table) -> Retries | None:
    """`retries` of a node or of the defaults; None without."""
    retries = data.get("retries")
    if retries is None or "max" not in retries:
        return None
    return Retries(
        max=int(retries["max"]),
        delay=seconds(retries.get("delay", 0)),
        backoff=float(retries.get("backoff", 1)),
        jitter=float(retries.get("jitter", 0)),
        on=tuple(retries.get("on", ())),
    )


def time_out(data: Table, report: Report) -> float | None:
    """`timeout` in seconds; None without."""
    if "timeout" not in data:
        return None
    limit = seconds(data["timeout"])
    if limit > 0:
        return limit
    message = "a time-out of 0 would stop everything at once; leave it out for none"
    report(Problem(data.value_at("timeout"), "value", message))
    return None


def resources(data: Table, report: Report) -> tuple[Named, ...]:
    """`resources` of a node or of a tool; what is constant in them is looked at."""
    asked = tuple(named(data, "resources", report))
    for item in asked:
        if isinstance(item.value, Literal):
            try:
                amounts((item,), {})
            except ExpressionError as error:
                report(Problem(error.at, "value", error.message))
    return asked


def loop(data: Table, report: Report) -> Loop | None:
    """`loop` of a node; None without."""
    if "loop" not in data:
        return None
    loop, at = data["loop"], data.key_at("loop")
    return Loop(
        max_iterations=value(loop, "max_iterations", report) or Literal(1, at),
        at=at,
        state=tuple(_state(loop, report)),
        until=condition(loop, "until", report),
        diverged=condition(loop, "diverged", report),
        on_exhausted=loop.get("on_exhausted", "fail"),
        on_diverged=loop.get("on_diverged", "fail"),
        keep=loop.get("keep", "last"),
        score=condition(loop, "score", report),
    )


def _state(loop: Table, report: Report) -> Iterator[StateVariable]:
    state = loop.get("state")
    if not isinstance(state, Table):
        return
    for name in state.places:
        at = state.key_at(name)
        variable = state.get(name)
        if isinstance(variable, Table):
            init = value(variable, "init", report) or unknown(at)
            yield StateVariable(name, init, value(variable, "next", report), at)
        else:
            yield StateVariable(name, unknown(at), None, at)


def qa(data: Table, report: Report) -> Qa | None:
    """`qa` of a node; None without."""
    if "qa" not in data:
        return None
    qa = data["qa"]
    return Qa(
        metrics=tuple(_metrics(qa, report)),
        at=data.key_at("qa"),
        warn_below=value(qa, "warn_below", report),
        alert_below=value(qa, "alert_below", report),
        on_alert=qa.get("on_alert", "continue"),
    )


def _metrics(qa: Table, report: Report) -> Iterator[Metric]:
    metrics = qa.get("metrics")
    if not isinstance(metrics, Table):
        return
    for name, metric in metrics.items():
        at = metrics.key_at(name)
        yield Metric(
            name=name,
            score=condition(metric, "score", report) or unknown(at),
            at=at,
            value=value(metric, "value", report),
            units=metric.get("units"),
            reason=value(metric, "reason", report),
            applies_to=value(metric, "applies_to", report),
        )


def pause(pause: Table, at: Location, report: Report) -> dict[str, Any]:
    """A question, as fields of the model."""
    return {
        "message": value(pause, "message", report) or Literal("", at),
        "show": tuple(listed(pause, "show", report)),
        "inputs": tuple(params(pause, "input", report, constant=False)),
        "answer_within": time_out(pause, report),
        "on_timeout": pause.get("on_timeout", "fail"),
    }


def params(table: Table, key: str, report: Report, constant: bool = True) -> Iterator[Param]:
    """Params of a table under a key; the defaults are constants or expressions."""
    params = table.get(key)
    if not isinstance(params, Table):
        return
    for name in params.places:
        schema = params.get(name, {})
        default = value(schema, "default", report) if schema else None
        if constant and default is not None and not isinstance(default, Literal):
            message = "a parameter's default is a constant; compute from it where it is used"
            report(Problem(schema.value_at("default"), "value", message))
            default = unknown(schema.value_at("default"))
        yield Param(
            name=name,
            schema=_plain(schema),
            shape=from_schema(schema),
            at=params.key_at(name),
            default=default,
            description=text(schema, "description"),
            unit=text(schema, "unit"),
            inside=tuple(_inside(schema, name, report)),
            secret=bool(schema) and schema.get("secret", False) is True,
        )


def _inside(schema: Any, path: str, report: Report) -> Iterator[MemberDefault]:
    """The defaults of members, those of the items of lists among them."""
    if not isinstance(schema, Table):
        return
    members = schema.get("properties")
    below = [(schema.get("items"), f"{path}[]"), (schema.get("additionalProperties"), f"{path}.*")]
    for name, member in members.items() if isinstance(members, Table) else ():
        below.append((member, f"{path}.{name}"))
        if isinstance(member, Table) and "default" in member:
            at = member.value_at("default")
            if isinstance(value(member, "default", report), Literal):
                plain = _plain(member)
                yield MemberDefault(f"{path}.{name}", plain, plain["default"], at)
            else:
                message = "the default of a member is a constant; compute from it where it is used"
                report(Problem(at, "value", message))
    for inner, where in below:
        yield from _inside(inner, where, report)


def context(root: Table) -> Iterator[ContextKey]:
    """The keys of the context that a file declares."""
    keys = root.get("context")
    if not isinstance(keys, Table):
        return
    for name in keys.places:
        schema = keys.get(name)
        if isinstance(schema, Table):
            yield ContextKey(
                name=name,
                schema={key: _plain(of) for key, of in schema.items() if key not in _OWN},
                at=keys.key_at(name),
                collection=bool(schema.get("collection", False)),
                description=text(schema, "description"),
            )


_OWN = ("collection", "description")


def _plain(data: Any) -> Any:
    """The same data without places, for whoever hands it on."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    return [_plain(item) for item in data] if isinstance(data, list) else data
