"""Shapes: what hints and schemas say, what fits, and how it reads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Optional, TypedDict

import pytest
from examples import examples
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from radps_dag.language.shape import (
    ANY,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    Shape,
    describe,
    fits,
    from_hint,
    from_schema,
    list_of,
    mismatch,
    not_json,
    of_kinds,
    of_value,
    union,
)


class Beam(TypedDict):
    major: float
    minor: float
    angle: NotRequired[float]


@dataclasses.dataclass(frozen=True)
class Solution:
    table: str
    snr: float = 0.0
    beams: list[Beam] = dataclasses.field(default_factory=list)


class Tree(TypedDict):
    children: list[Tree]


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "an integer"),
        (float, "a number"),
        (bool, "true or false"),
        (None, "null"),
        (Any, "anything"),
        (list[int], "a list of integers"),
        (Sequence[str], "a list of strings"),
        (tuple[int, ...], "a list of integers"),
        (list[list[float]], "a list of a list of numbers"),
        (dict[str, float], "a mapping of numbers"),
        (Mapping[str, Any], "a mapping"),
        (dict, "a mapping"),
        (Optional[str], "a string or null"),  # noqa: UP045 - the old spelling is understood too
        (int | float, "a number"),
        (Literal["a", "b", 1], "one of 'a', 'b', 1"),
        (Literal["a"] | None, "one of 'a', null"),
        (Annotated[float, "Jy"], "a number"),
        (Beam, "a Beam (major, minor, angle)"),
        (list[Beam], "a list of Beams"),
        (Solution, "a Solution (table, snr, beams)"),
    ],
)
def test_hints_in_words(hint: Any, words: str) -> None:
    """A type hint says what JSON it takes."""
    assert describe(from_hint(hint)) == words


@pytest.mark.parametrize("hint", [bytes, set[int], Path, complex, dict[int, str], object(), "int"])
def test_hints_without_a_json_form_are_refused(hint: Any) -> None:
    """What JSON cannot hold is a TypeError that says what it can."""
    with pytest.raises(TypeError, match="JSON"):
        from_hint(hint)


def test_a_type_that_contains_itself_has_a_shape() -> None:
    """A recursive type is known one level deep."""
    assert not mismatch(from_hint(Tree), {"children": [{"children": []}]})


@pytest.mark.parametrize(
    ("hint", "value", "words"),
    [
        (int, 3, ""),
        (int, 3.0, ""),
        (int, 3.5, "expected an integer, found 3.5"),
        (int, True, "expected an integer, found true"),
        (int, None, "expected an integer, found null"),
        (float, 3, ""),
        (float, float("nan"), "expected a number, found nan"),
        (str, 3, "expected a string, found 3"),
        (bool, 1, "expected true or false, found 1"),
        (Literal["a", "b"], "c", "expected one of 'a', 'b', found 'c'"),
        (Literal[1], True, "expected 1, found true"),
        (list[int], [1, 2, "x"], "[2]: expected an integer, found 'x'"),
        (list[list[int]], [[1], [None]], "[1][0]: expected an integer, found null"),
        (dict[str, int], {"a": "b"}, "a: expected an integer, found 'b'"),
        (Beam, {"major": 1, "minor": 1}, ""),
        (Beam, {"major": 1}, "a Beam (major, minor, angle) needs 'minor'"),
        (
            Beam,
            {"major": 1, "minor": 1, "x": 1},
            "x: a Beam (major, minor, angle) has no such member; it has: major, minor, angle",
        ),
        (Solution, {"table": "t", "beams": [{"major": 1, "minor": "x"}]}, "beams[0].minor: "),
        (int | None, None, ""),
        (str | list[int], ["x"], "[0]: expected an integer, found 'x'"),
    ],
)
def test_values_against_hints(hint: Any, value: Any, words: str) -> None:
    """A value that does not fit is told with the path to what is wrong."""
    found = mismatch(from_hint(hint), value)
    assert found.startswith(words) if words else not found


def test_bounds_are_told() -> None:
    """A number out of range is told with the range."""
    share = from_schema({"type": "number", "minimum": 0, "maximum": 1})
    assert mismatch(share, 1.5) == "expected a number from 0 to 1, found 1.5"
    assert mismatch(share, "abc") == "expected a number from 0 to 1, found 'abc'"
    assert describe(from_schema({"type": "integer", "maximum": 5})) == "an integer of at most 5"


@pytest.mark.parametrize(
    ("expected", "given", "fit"),
    [
        (ANY, STRING, True),
        (STRING, ANY, True),
        (NUMBER, INTEGER, True),
        (INTEGER, NUMBER, True),
        (INTEGER, STRING, False),
        (STRING, NULL, False),
        (union(STRING, NULL), NULL, True),
        (INTEGER, union(STRING, INTEGER), True),
        (list_of(INTEGER), list_of(STRING), False),
        (list_of(INTEGER), list_of(), True),
        (list_of(), STRING, False),
        (from_hint(Literal["a", "b"]), from_hint(Literal["b", "c"]), True),
        (from_hint(Literal["a", "b"]), from_hint(Literal["c"]), False),
        (from_hint(Literal["a", "b"]), STRING, True),
        (from_hint(Literal["a", "b"]), INTEGER, False),
        (from_hint(Beam), of_value({"major": 1.0, "minor": 2}), True),
        (from_hint(Beam), of_value({"major": 1.0}), False),
        (from_hint(Beam), of_value({"major": 1.0, "minor": "x"}), False),
        (from_hint(Beam), of_value({"major": 1, "minor": 1, "colour": 1}), False),
        (from_hint(Beam), from_hint(dict), True),
        (from_hint(dict[str, int]), of_value({"a": "x"}), False),
        (from_schema({"type": "number", "maximum": 1}), Shape(NUMBER.kinds, minimum=2), False),
    ],
)
def test_shapes_against_shapes(expected: Shape, given: Shape, fit: bool) -> None:
    """Two shapes fit unless no value can be of both: no alarm without certainty."""
    assert fits(expected, given) is fit


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [1, 2.5, "x", None, True, {"b": ()}]}, ""),
        (float("nan"), "nan is not a JSON number"),
        ({"snr": [1.0, float("inf")]}, "snr[1]: inf is not a JSON number"),
        ({"a": b"x"}, "a: a bytes has no JSON form"),
        ({"a": {1, 2}}, "a: a set has no JSON form"),
        ({1: "x"}, "key 1 is not a string"),
        ({"a": {None: 1}}, "a: key null is not a string"),
        (["\ud800"], "[0]: text that is no valid Unicode"),
        ({"p": Path("x")}, "p: a pathlib"),
        (object, "a type has no JSON form"),
    ],
)
def test_what_json_cannot_hold_is_told(value: Any, words: str) -> None:
    """A value that would not survive JSON is told with the path inside it."""
    found = not_json(value)
    assert found.startswith(words) if words else not found


def test_deep_values_are_told_not_followed() -> None:
    """A value that contains itself ends in words, not in a RecursionError."""
    value: list[Any] = []
    value.append(value)
    assert "nested deeper than 100" in not_json(value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KINDS = ["null", "boolean", "integer", "number", "string", "array", "object"]


@examples(200)
@given(JSON)
def test_a_value_is_of_its_own_shape(value: Any) -> None:
    """The shape of a value admits it, alone, in a union and without its details; JSON takes it."""
    shape = of_value(value)
    for one in (shape, union(shape, STRING), union(STRING, NULL, shape), of_kinds(shape)):
        assert not mismatch(one, value)
        assert fits(one, shape)
        assert fits(shape, one)
        assert describe(one)
    json.dumps(value, allow_nan=False)
    assert not not_json(value)


SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(KINDS) | st.lists(st.sampled_from(KINDS), min_size=1, max_size=3)},
        optional={"minimum": st.integers(-3, 3), "maximum": st.integers(-3, 3)},
    )
    | st.fixed_dictionaries({"enum": st.lists(JSON, min_size=1, max_size=3)}),
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(st.sampled_from("ab"), inner),
            },
            optional={
                "required": st.lists(st.sampled_from("ab"), unique=True),
                "additionalProperties": st.booleans() | inner,
            },
        )
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)})
    ),
    max_leaves=4,
)


@examples(300)
@given(SCHEMAS, JSON)
@example(schema={"anyOf": [{"type": "null"}, {"enum": [False, 0]}]}, value=0)
def test_a_shape_is_never_narrower_than_its_schema(schema: dict[str, Any], value: Any) -> None:
    """What a schema accepts, its shape accepts: no false alarm."""
    if Draft202012Validator(schema).is_valid(value):
        shape = from_schema(schema)
        assert not mismatch(shape, value)
        assert fits(shape, of_value(value))


def test_unknown_words_of_a_schema_widen() -> None:
    """A schema that shapes have no words for admits everything."""
    for schema in ({}, True, {"$ref": "#/x"}, {"not": {}}, {"type": "unheard"}):
        assert from_schema(schema) == ANY
