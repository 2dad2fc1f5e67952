"""`inputs` of a tool file: shapes for `validate`, schemas for values, flags for the command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radps_dag.language.shape import (
    ANY,
    NULL,
    STRING,
    Shape,
    from_hint,
    from_schema,
    list_of,
    mismatch,
    union,
)
from radps_dag.language.shape.violations import violation
from radps_dag.language.source import Report, Table
from radps_dag.problem import Problem
from radps_dag.workloads.contract.description import Input, Product
from radps_dag.workloads.tools.tool import Parameter

__all__ = ["known_inputs", "product_shape", "read_inputs"]

_LISTS = ("spread", "repeat", "join")
_SCHEMA = (
    *("type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("minLength", "maxLength", "minItems", "maxItems"),
)


def read_inputs(
    table: Table | None, report: Report
) -> tuple[tuple[Parameter, ...], tuple[Input, ...]]:
    """The inputs as the program takes them, and as a pipeline gives them."""
    parameters, inputs = [], []
    for name, about in (table or {}).items():
        for problem in _problems(name, about):
            report(problem)
        schema = _schema(about)
        items = about.get("items", {})
        parameter = Parameter(
            name=name,
            schema=schema,
            product="Product" in (about["type"], items.get("type")),
            default=about.get("default"),
            flag=about.get("flag", ""),
            false_flag=about.get("false_flag", ""),
            spread="spread" in about,
            repeat="repeat" in about,
            join=about.get("join"),
        )
        shape = _shape(about)
        default = about.get("default")
        if default is not None:
            reason = mismatch(shape, default) or violation(schema, default)
            if reason:
                message = f"default of input {name!r}: {reason}"
                report(Problem(about.value_at("default"), "type", message))
        elif "default" in about:
            shape = union(shape, NULL)
        text = " ".join(str(about.get("description", "")).split())
        unit = str(about.get("unit", ""))
        parameters.append(parameter)
        inputs.append(Input(name, shape, "default" not in about, default, unit, text))
    return tuple(parameters), tuple(inputs)


def product_shape(kind: str) -> Shape:
    """Data; of one kind, where that is said."""
    shape = from_hint(Product)
    if not kind:
        return shape
    of = STRING._replace(choices=(kind,))
    fields = tuple(
        (name, of if name == "kind" else member, need) for name, member, need in shape.fields
    )
    return shape._replace(fields=fields)


def known_inputs(parameters: tuple[Parameter, ...], inputs: tuple[Input, ...]) -> dict[str, Shape]:
    """The values that expressions of a tool see: of data the path."""
    shapes = {}
    for parameter, item in zip(parameters, inputs, strict=True):
        shape = item.shape
        if parameter.product:
            shape = list_of(STRING) if "array" in shape.kinds else STRING
            shape = shape if item.required else union(shape, NULL)
        shapes[item.name] = shape
    return shapes


def _shape(about: Mapping[str, Any]) -> Shape:
    if about["type"] == "Product":
        return product_shape(str(about.get("kind", "")))
    if about["type"] == "array":
        return list_of(_shape(about["items"]) if "items" in about else ANY)
    return from_schema(_schema(about))


def _schema(about: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of an input, without what is said of data."""
    schema = {word: about[word] for word in _SCHEMA if word in about}
    if schema.get("type") == "Product":
        del schema["type"]
    if "items" in about:
        schema["items"] = _schema(about["items"])
    return schema


def _problems(name: str, about: Table) -> Iterator[Problem]:
    """Check what does not go together."""
    kind = about["type"]
    flag = about.get("flag", "")
    lists = [word for word in _LISTS if word in about]
    items = about.get("items", {}).get("type")
    for word, goes, why in (
        *((word, kind == "array" and flag, "a list with a flag") for word in lists),
        ("items", kind == "array", "a list"),
        ("false_flag", kind == "boolean", "true or false"),
        ("kind", kind == "Product", "a Product"),
    ):
        if word in about and not goes:
            yield Problem(about.key_at(word), "type", f"'{word}' is for {why}")
    if kind == "array" and flag and len(lists) != 1:
        how = "spread: true (-x 1 2), repeat: true (-x 1 -x 2) or join: ',' (-x 1,2)"
        yield Problem(about.key_at("flag"), "flag", f"a list with a flag needs one of {how}")
    if kind == "array" and items is None and flag:
        message = f"a list with a flag needs 'items', such as {{type: integer}}: {name!r}"
        yield Problem(about.key_at("flag"), "flag", message)
    if kind == "object" and flag:
        message = "an object is not a word of a command; take a text or a list"
        yield Problem(about.key_at("flag"), "flag", message)
    for word in ("flag", "false_flag"):
        if "\0" in about.get(word, "") or "${{" in about.get(word, ""):
            yield Problem(about.value_at(word), "flag", "a flag is a plain text")
    if kind == "Product" and isinstance(about.get("default"), str):
        message = "data have no default but null; a pipeline gives them"
        yield Problem(about.value_at("default"), "type", message)
