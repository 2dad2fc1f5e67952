"""Well-formed data to the model: one function for each thing of the language.

Everything here is tolerant. What the grammar has refused is absent by now; a harmless value stands
in, so that the rest is still built and checked in the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from radps_dag.expression import Literal, Value, parse_expression, parse_value
from radps_dag.model import (
    Defaults,
    ForEach,
    Group,
    Loop,
    Metric,
    Named,
    Need,
    Node,
    Param,
    Pause,
    Pipeline,
    Qa,
    Resources,
    Retries,
    StateVariable,
    Task,
    Use,
)
from radps_dag.problem import Location, Problem
from radps_dag.shape import from_schema
from radps_dag.source import Document, Report, Series, Table

__all__ = ["Included", "assemble", "seconds"]

# The pipeline of a `use`, given the file as written and its place; None where it cannot be had.
Included = Callable[[str, Location], Pipeline | None]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def assemble(document: Document, path: str, include: Included, report: Report) -> Pipeline:
    """The pipeline that a file says, with its expressions parsed."""
    root: Table = document.data
    defaults = _defaults(root, report)
    nodes = _Nodes(defaults, include, report)
    return Pipeline(
        name=root.get("name", "pipeline"),
        at=document.at,
        stages=tuple(nodes.of(root, "stages")),
        description=_text(root, "description"),
        params=tuple(_params(root, "params", report)),
        library=root.get("library", "placeholder"),
        defaults=defaults,
        outputs=tuple(_named(root, "outputs", report)),
        path=path,
    )


def seconds(duration: str | float) -> float:
    """A duration in seconds.

    >>> seconds("1.5h"), seconds("500ms"), seconds(10)
    (5400.0, 0.5, 10.0)
    """
    if not isinstance(duration, str):
        return float(duration)
    number = duration.rstrip("mshd")
    return float(number) * _SECONDS[duration[len(number) :]]


class _Nodes:
    """Nodes, with what they inherit."""

    def __init__(self, defaults: Defaults, include: Included, report: Report) -> None:
        self._defaults = defaults
        self._include = include
        self._report = report

    def of(self, table: Table, key: str) -> Iterator[Node]:
        """The nodes of `stages` or `steps`."""
        nodes = table.get(key)
        if isinstance(nodes, Table):
            for name, node in nodes.items():
                at = nodes.key_at(name)
                known = isinstance(node, Table)
                yield (
                    self._node(name, node, at) if known else Task(id=name, at=at, run="", run_at=at)
                )

    def _node(self, name: str, data: Table, at: Location) -> Node:
        report = self._report
        common = self._common(name, data, at)
        if "steps" in data:
            steps = tuple(self.of(data, "steps"))
            return Group(**common, steps=steps, outputs=tuple(_named(data, "outputs", report)))
        if "pause" in data:
            return Pause(**common, **_pause(data["pause"], data.value_at("pause"), report))
        arguments = tuple(_named(data, "with", report))
        if "use" in data:
            file_at = data.value_at("use")
            pipeline = self._include(data["use"], file_at)
            if pipeline is None:
                return Task(**common, run="", run_at=file_at)
            return Use(
                **common,
                pipeline=pipeline,
                file=data["use"],
                file_at=file_at,
                arguments=arguments,
            )
        common["retries"] = common["retries"] or self._defaults.retries
        if "timeout" not in data:
            common["timeout"] = self._defaults.timeout
        # A node that cannot be understood calls nothing, and no check says anything about it.
        run_at = data.value_at("run") if "run" in data else at
        return Task(**common, run=data.get("run", ""), run_at=run_at, arguments=arguments)

    def _common(self, name: str, data: Table, at: Location) -> dict[str, Any]:
        """What every kind of node may carry, as the model's fields."""
        report = self._report
        return {
            "id": name,
            "at": at,
            "description": _text(data, "description"),
            "needs": tuple(_needs(data)),
            "when": _condition(data, "when", report),
            "for_each": self._for_each(data),
            "loop": _loop(data, report),
            "retries": _retries(data),
            "timeout": _time_out(data, report),
            "on_error": data.get("on_error", self._defaults.on_error),
            "qa": _qa(data, report),
            "resources": _resources(data),
            "cache": data.get("cache", True),
            "tags": tuple(data.get("tags", ())),
        }

    def _for_each(self, data: Table) -> ForEach | None:
        if "for_each" not in data:
            return None
        items: Table = data["for_each"]
        limit = _value(data, "max_parallel", self._report)
        at = data.key_at("for_each")
        if limit is None and self._defaults.max_parallel is not None:
            limit = Literal(self._defaults.max_parallel, at)
        share = data.get("min_success", "100%")
        percent = isinstance(share, str)
        return ForEach(
            # Also those that the grammar has refused, so that their names are known.
            items=tuple(
                Named(name, _value(items, name, self._report) or _unknown(at), items.key_at(name))
                for name in items.places
            ),
            at=at,
            key=_value(data, "key", self._report),
            max_parallel=limit,
            min_success=float(share.rstrip("%") if percent else share),
            percent=percent,
            batch=int(data.get("batch", 1)),
        )


def _value(table: Table, key: str, report: Report) -> Value | None:
    if key not in table:
        return None
    return parse_value(table[key], table.value_at(key), _locate, report)


def _locate(container: Table | Series, key: Any) -> Location:
    return container.value_at(key)


def _unknown(at: Location) -> Value:
    """A value of which nothing is known, in place of one that could not be understood."""
    return parse_value("${{ }}", at, _locate, lambda problem: None)


def _condition(table: Table, key: str, report: Report) -> Value | None:
    """A lone expression, with or without its delimiters, or a constant where those are allowed."""
    if key not in table:
        return None
    value, at = table[key], table.value_at(key)
    if not isinstance(value, str):
        return Literal(value, at)
    return parse_expression(value, at, report) or _unknown(at)


def _named(table: Table, key: str, report: Report) -> Iterator[Named]:
    values = table.get(key)
    if isinstance(values, Table):
        for name, value in values.items():
            parsed = parse_value(value, values.value_at(name), _locate, report)
            yield Named(name, parsed, values.key_at(name))


def _text(table: Mapping[str, Any], key: str) -> str:
    return " ".join(str(table.get(key, "")).split())


def _needs(data: Table) -> Iterator[Need]:
    needs = data.get("needs")
    if isinstance(needs, Series):
        for index, name in enumerate(needs):
            yield Need(name, needs.value_at(index))


def _retries(data: Table) -> Retries | None:
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


def _time_out(data: Table, report: Report) -> float | None:
    if "timeout" not in data:
        return None
    limit = seconds(data["timeout"])
    if limit > 0:
        return limit
    message = "a time-out of 0 would stop everything at once; leave it out for none"
    report(Problem(data.value_at("timeout"), "value", message))
    return None


def _resources(data: Table) -> Resources:
    wanted = data.get("resources", {})
    memory = wanted.get("memory")
    if isinstance(memory, str):
        number = memory.rstrip("BkKMGTi")
        memory = int(float(number) * _BYTES[memory[len(number) :]])
    return Resources(
        cpus=float(wanted.get("cpus", 1)),
        memory=None if memory is None else int(memory),
        gpus=int(wanted.get("gpus", 0)),
    )


def _loop(data: Table, report: Report) -> Loop | None:
    if "loop" not in data:
        return None
    loop, at = data["loop"], data.key_at("loop")
    return Loop(
        max_iterations=_value(loop, "max_iterations", report) or Literal(1, at),
        at=at,
        state=tuple(_state(loop, report)),
        until=_condition(loop, "until", report),
        diverged=_condition(loop, "diverged", report),
        on_exhausted=loop.get("on_exhausted", "fail"),
        on_diverged=loop.get("on_diverged", "fail"),
        keep=loop.get("keep", "last"),
        score=_condition(loop, "score", report),
    )


def _state(loop: Table, report: Report) -> Iterator[StateVariable]:
    state = loop.get("state")
    if not isinstance(state, Table):
        return
    for name in state.places:
        at = state.key_at(name)
        variable = state.get(name)
        if isinstance(variable, Table):
            init = _value(variable, "init", report) or _unknown(at)
            yield StateVariable(name, init, _value(variable, "next", report), at)
        else:
            yield StateVariable(name, _unknown(at), None, at)


def _qa(data: Table, report: Report) -> Qa | None:
    if "qa" not in data:
        return None
    qa = data["qa"]
    return Qa(
        metrics=tuple(_metrics(qa, report)),
        at=data.key_at("qa"),
        warn_below=_value(qa, "warn_below", report),
        alert_below=_value(qa, "alert_below", report),
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
            score=_condition(metric, "score", report) or _unknown(at),
            at=at,
            value=_value(metric, "value", report),
            units=metric.get("units"),
            reason=_value(metric, "reason", report),
            applies_to=_value(metric, "applies_to", report),
        )


def _pause(pause: Table, at: Location, report: Report) -> dict[str, Any]:
    show = pause.get("show", ())
    return {
        "message": _value(pause, "message", report) or Literal("", at),
        "show": tuple(
            parse_value(item, show.value_at(index), _locate, report)
            for index, item in enumerate(show)
        ),
        "inputs": tuple(_params(pause, "input", report, constant=False)),
        "answer_within": _time_out(pause, report),
        "on_timeout": pause.get("on_timeout", "fail"),
    }


def _params(table: Table, key: str, report: Report, constant: bool = True) -> Iterator[Param]:
    params = table.get(key)
    if not isinstance(params, Table):
        return
    for name in params.places:
        schema = params.get(name, {})
        default = _value(schema, "default", report) if schema else None
        if constant and default is not None and not isinstance(default, Literal):
            message = "a parameter's default is a constant; compute from it where it is used"
            report(Problem(schema.value_at("default"), "value", message))
            default = _unknown(schema.value_at("default"))
        yield Param(
            name=name,
            schema=_plain(schema),
            shape=from_schema(schema),
            at=params.key_at(name),
            default=default,
            description=_text(schema, "description"),
            unit=_text(schema, "unit"),
        )


def _plain(data: Any) -> Any:
    """The same data without places, for whoever hands it on."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    return [_plain(item) for item in data] if isinstance(data, list) else data


def _defaults(root: Table, report: Report) -> Defaults:
    data = root.get("defaults")
    if not isinstance(data, Table):
        return Defaults()
    limit = data.get("max_parallel")
    return Defaults(
        retries=_retries(data),
        timeout=_time_out(data, report),
        on_error=data.get("on_error", "fail"),
        max_parallel=None if limit is None else int(limit),
    )
