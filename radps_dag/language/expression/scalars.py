"""Filters and functions of numbers and strings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from radps_dag.language.expression.bounds import Budget, Wrong, finite, text_of
from radps_dag.language.expression.operation import Operation, number_in, string_in
from radps_dag.language.shape import INTEGER, NUMBER, STRING, Shape, list_of, show, union

__all__ = ["SCALAR_FILTERS", "SCALAR_FUNCTIONS"]


def _default(_: Budget, value: Any, _otherwise: Any, *_others: Any) -> Any:
    return value  # The evaluation itself turns to the others where this one is absent.


def _abs(_: Budget, value: Any) -> Any:
    return finite(abs(number_in(value, "'abs'")))


def _clip(_: Budget, value: Any, low: Any, high: Any) -> Any:
    for number in (value, low, high):
        number_in(number, "'clip'")
    return low if value < low else min(value, high)


def _round(_: Budget, value: Any, precision: Any = 0, method: Any = "common") -> Any:
    number = number_in(value, "'round'")
    if isinstance(precision, bool) or not isinstance(precision, int) or abs(precision) > 300:
        raise Wrong(f"'round' takes a small integer as precision, found {show(precision)}")
    if method not in ("common", "ceil", "floor"):
        raise Wrong(f"'round' takes the method common, ceil or floor, found {show(method)}")
    if method == "common":
        return finite(round(number, precision))
    step = 10.0**precision
    return finite(float(getattr(math, method)(finite(number * step))) / step)


def _float(_: Budget, value: Any) -> float:
    return float(finite(_number(value, float, "a number")))


def _int(_: Budget, value: Any) -> int:
    return int(finite(_number(value, int, "an integer")))


def _number(value: Any, kind: type[int | float], what: str) -> Any:
    """A number, or the text of one: with no tricks such as `1_000` or ` 1 `."""
    if isinstance(value, bool):
        return kind(value)
    if isinstance(value, int | float):
        return kind(finite(value))
    text = string_in(value, f"'{kind.__name__}'")
    if len(text) <= 400 and "_" not in text:
        try:
            return kind(text)
        except ValueError:
            pass
    raise Wrong(f"{show(text)} is not {what}")


def _string(budget: Budget, value: Any) -> str:
    return text_of(value, budget)


def _change(name: str, change: Callable[[str], str]) -> Callable[[Budget, Any], str]:
    def call(budget: Budget, value: Any) -> str:
        text = string_in(value, f"'{name}'")
        budget.spend(len(text))
        return change(text)

    return call


def _replace(budget: Budget, value: Any, old: Any, new: Any) -> str:
    text, old, new = (string_in(argument, "'replace'") for argument in (value, old, new))
    budget.spend(len(text))
    budget.make(len(text) + text.count(old) * max(0, len(new) - len(old)))
    return text.replace(old, new)


def _split(budget: Budget, value: Any, separator: Any = None) -> list[str]:
    text = string_in(value, "'split'")
    if separator is not None and not string_in(separator, "'split'"):
        raise Wrong("'split' takes a separator that is not empty")
    budget.spend(2 * len(text))
    return text.split(separator)


def _like_value(value: Shape, *_: Shape) -> Shape:
    return Shape(value.kinds) if value.kinds <= {"integer", "number"} else NUMBER


def _either(*shapes: Shape, **named: Shape) -> Shape:
    return union(*shapes, *named.values())


def _mathematical(name: str, formula: Callable[[float], float]) -> Callable[[Budget, Any], float]:
    def call(_: Budget, x: Any) -> float:
        number = number_in(x, f"'{name}'")
        try:
            return float(finite(formula(number)))
        except (ValueError, OverflowError):
            raise Wrong(f"{name}({show(number)}) has no value") from None

    return call


SCALAR_FILTERS = (
    Operation("abs", "x | abs", "the absolute value", _abs, _like_value, takes=NUMBER),
    Operation(
        "clip",
        "x | clip(low, high)",
        "the number, kept between two bounds",
        _clip,
        lambda value, low, high: union(*(_like_value(bound) for bound in (value, low, high))),
        ("low", "high"),
        2,
        NUMBER,
    ),
    Operation(
        "default",
        "x | default(y)",
        "y where what x reads has no value; of several, the first that has one",
        _default,
        _either,
        ("otherwise", "*"),
        1,
    ),
    Operation("float", "x | float", "a number, or the text of one, as a float", _float, NUMBER),
    Operation("int", "x | int", "a number cut to, or the text of, an integer", _int, INTEGER),
    Operation(
        "lower", "s | lower", "in lower case", _change("lower", str.lower), STRING, takes=STRING
    ),
    Operation(
        "replace",
        "s | replace(old, new)",
        "every `old` replaced",
        _replace,
        STRING,
        ("old", "new"),
        2,
        STRING,
    ),
    Operation(
        "round",
        "x | round(precision=0, method='common')",
        "a float rounded; methods are common, ceil, floor",
        _round,
        NUMBER,
        ("precision", "method"),
        0,
        NUMBER,
    ),
    Operation(
        "split",
        "s | split(separator)",
        "the parts between separators, or white space",
        _split,
        list_of(STRING),
        ("separator",),
        0,
        STRING,
    ),
    Operation("string", "x | string", "a string itself, anything else as JSON", _string, STRING),
    Operation(
        "trim",
        "s | trim",
        "without space at the ends",
        _change("trim", str.strip),
        STRING,
        takes=STRING,
    ),
    Operation(
        "upper", "s | upper", "in upper case", _change("upper", str.upper), STRING, takes=STRING
    ),
)


def _function(name: str, formula: Callable[[float], float], summary: str) -> Operation:
    call = _mathematical(name, formula)
    return Operation(name, f"{name}(x)", summary, call, NUMBER, ("x",), 1)


SCALAR_FUNCTIONS = (
    _function("sqrt", math.sqrt, "the square root"),
    _function("exp", math.exp, "e to the power of x"),
    _function("log10", math.log10, "the logarithm to the base 10"),
    _function("erf", math.erf, "the error function"),
)
