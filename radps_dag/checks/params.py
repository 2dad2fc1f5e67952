"""A parameter's schema can be met, and its constants meet it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.language.expression import Literal
from radps_dag.language.model import Group, Param, Pause, Task, Use
from radps_dag.language.paths import are_paths
from radps_dag.language.shape import filled, from_schema, mismatch, show
from radps_dag.language.shape.violations import Rules, violation
from radps_dag.problem import Problem

__all__ = ["check", "unmeetable"]

RULE = "param"
_LIMITS = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("exclusiveMinimum", "maximum"),
    ("minimum", "exclusiveMaximum"),
    ("exclusiveMinimum", "exclusiveMaximum"),
)


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of the schemas and constants of params and of a pause's inputs."""
    for param in view.pipeline.params:
        yield from _param(param, "param")
    for seat in view.seats:
        match seat.node:
            case Pause() as node:
                for field in node.inputs:
                    yield from _param(field, "input")
            case Use() as node:
                yield from _given(node)
            case Task() | Group():
                pass
            case _:
                assert_never(seat.node)


def _given(node: Use) -> Iterator[Problem]:
    """Check values given to params of a used file. Misfits that a shape can express are reported
    with the types.
    """
    for argument in node.arguments:
        target, value = node.pipeline.param(argument.name), argument.value
        if (
            target is not None
            and isinstance(value, Literal)
            and not mismatch(target.shape, value.value)
            and (wrong := violation(target.schema, filled(target.schema, value.value)))
        ):
            yield Problem(value.at, RULE, f"param {argument.name!r}: {wrong}")


def _param(param: Param, what: str) -> Iterator[Problem]:
    if wrong := _misplaced(param, what):
        yield Problem(param.at, RULE, f"{what} {param.name!r}: {wrong}")
    wrong = unmeetable(param.schema)
    if wrong:
        yield Problem(param.at, RULE, f"{what} {param.name!r} can have no value: {wrong}")
    elif isinstance(param.default, Literal):
        value = param.default.value
        wrong = mismatch(param.shape, value) if what == "param" else ""
        wrong = wrong or violation(param.schema, filled(param.schema, value))
        if wrong and not (what == "input" and mismatch(param.shape, value)):
            message = f"the default of {what} {param.name!r} does not fit: {wrong}"
            yield Problem(param.default.at, RULE, message)
    for member in param.inside:
        wrong = mismatch(from_schema(member.schema), member.value)
        if wrong := wrong or violation(member.schema, filled(member.schema, member.value)):
            message = f"the default of {member.path!r} does not fit: {wrong}"
            yield Problem(member.at, RULE, message)


def _misplaced(param: Param, what: str) -> str:
    """Say what is wrong with `format` and `must_exist` of a schema; "" if nothing is."""
    schema = param.schema
    items: Mapping[str, Any] = schema.get("items", {})
    kind = schema.get("format")
    if what != "param" and are_paths(schema):
        return "'format' is for params: the answer of a person names no file"
    if param.secret and kind:
        return "a secret is not a path"
    if kind == "glob":
        of_items = "{type: array, items: {type: string, format: glob}}"
        return f"'format: glob' is for the items of a list; write {of_items}"
    for about in (schema, items):
        texts = about.get("type") in ("string", ["string", "null"], ["null", "string"])
        if "format" in about and not texts:
            return "'format' is for the type string"
        if "must_exist" in about and "format" not in about:
            return "'must_exist' is for 'format: path' and 'format: glob'"
        if "format" in about and (odd := [word for word in ("enum", "const") if word in about]):
            return f"{odd[0]!r} does not go with 'format', which makes paths absolute"
    inside = (inner for inner in _nested(schema) if inner is not items)
    if any("format" in inner or "must_exist" in inner for inner in inside):
        return (
            "'format' and 'must_exist' are for a param, or the items of its list, not for members"
        )
    return ""


def _nested(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The schemas inside a schema, at any depth."""
    properties = schema.get("properties", {})
    for inner in (*properties.values(), schema.get("additionalProperties"), schema.get("items")):
        if isinstance(inner, Mapping):
            yield inner
            yield from _nested(inner)


def unmeetable(schema: Mapping[str, Any]) -> str:
    """Reason why no value can meet the schema; "" if one can."""
    for low, high in _LIMITS:
        if low in schema and high in schema:
            bounds = (schema[low], schema[high])
            open_ended = "exclusive" in low or "exclusive" in high
            if bounds[0] > bounds[1] or (open_ended and bounds[0] == bounds[1]):
                return f"{low} {bounds[0]} and {high} {bounds[1]} leave none"
    rest = Rules({word: of for word, of in schema.items() if word != "enum"})
    for choice in schema.get("enum", ()):
        if wrong := rest.broken_by(choice):
            return f"its choice {show(choice)} does not fit: {wrong}"
    return ""
