"""YAML 1.2 to data with places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import example, given
from hypothesis import strategies as st

from radps_dag.language.source import MAX_DEPTH, Series, Table, parse, read_source
from radps_dag.problem import Problem, Source


def parsed(text: str) -> tuple[Any, list[Problem]]:
    problems: list[Problem] = []
    document = parse(Source("test.yaml", text), problems.append)
    assert document is not None or problems, "nothing comes back without a reason"
    return (None if document is None else document.data), problems


def value(text: str) -> Any:
    data, problems = parsed(f"x: {text}\n")
    assert not problems, problems
    return data["x"]


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "on",
        "yes",
        "off",
        "y",
        "NO",
        "tRue",
        "=",
        "12:30:45",
        "05:35:17.3",
        "-05:23:28",
        "2024-02-30",
        "12_34",
        "0b11",
        "1e",
        "0x",
        "+-1",
        "1.2.3",
        "nan",
        "inf",
        "0o8",
        "-0x1F",
        "e5",
    ],
)
def test_what_only_looks_like_something_is_text(text: str) -> None:
    """Coordinates, dates and words are strings, as YAML 1.2 says."""
    assert value(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[("010", 10), ("0o17", 15), ("0x1F", 31), ("-7", -7), ("+7", 7)],
        *[("1e-3", 0.001), (".5", 0.5), ("5.", 5.0), ("1.4e9", 1.4e9), ("-0.0", 0.0)],
        *[("true", True), ("FALSE", False), ("~", None), ("null", None), ("", None)],
        *[("'1'", "1"), ('"no"', "no"), ("!!str 1", "1"), ("! 3", "3")],
        *[("!!float 1", 1.0), ("!!int '3'", 3)],
    ],
)
def test_core_schema(text: str, expected: Any) -> None:
    """Numbers, booleans and null are those of YAML 1.2's core schema, with their JSON types."""
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_every_key_value_and_item_knows_its_place() -> None:
    """Places count from 1, in characters, also after wide characters and in flow style."""
    data, _ = parsed("a:\n  ä: [1, {b: 2}]\n")
    assert str(data.key_at("a")) == "test.yaml:1:1"
    assert str(data["a"].key_at("ä")) == "test.yaml:2:3"
    assert str(data["a"].value_at("ä")) == "test.yaml:2:6"
    assert str(data["a"]["ä"].value_at(1)) == "test.yaml:2:10"
    assert str(data["a"]["ä"][1].value_at("b")) == "test.yaml:2:14"


def test_lines_end_as_editors_say() -> None:
    r"""\r\n and \r end lines; places agree with the lines shown."""
    data, _ = parsed("a: 1\r\nb: 2\rc: 3\n")
    at = data.value_at("c")
    assert (at.line, at.column, at.text) == (3, 4, "c: 3")


def test_the_first_of_duplicate_keys_stays() -> None:
    """A duplicate is reported at its own place, and the rest is still read."""
    data, problems = parsed("a: 1\nb: 2\na: 3\n")
    assert data == {"a": 1, "b": 2}
    assert [str(problem.at) for problem in problems] == ["test.yaml:3:1"]


def test_modest_aliases_are_fine() -> None:
    """An alias stands for the anchor's value."""
    data, problems = parsed("a: &x [1, 2]\nb: *x\n")
    assert data == {"a": [1, 2], "b": [1, 2]}
    assert not problems


def test_depth_counts_what_aliases_stand_for() -> None:
    """Nesting through aliases is nesting."""
    deep = "[" * 60 + "]" * 60
    _, problems = parsed(f"a: &x {deep}\nb: {'[' * 60}*x{']' * 60}\n")
    assert [problem.rule for problem in problems] == ["depth"]


def test_the_deepest_allowed_nesting_is_read() -> None:
    """The limit itself is allowed."""
    data, problems = parsed("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert isinstance(data, Series)
    assert not problems


def test_an_item_is_left_out_with_its_place() -> None:
    """The places of what follows stay right."""
    data, _ = parsed("[a, b, c]")
    data.leave_out(0)
    assert data == ["b", "c"]
    assert data.value_at(1).column == 8


def test_bom_is_accepted(tmp_path: Path) -> None:
    """A byte order mark is not a character of the text, so columns are right."""
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    source = read_source(file, "bom.yaml", pytest.fail)
    assert source is not None
    document = parse(source, pytest.fail)
    assert document is not None
    assert document.data.key_at("a").column == 1


@pytest.mark.parametrize(
    ("content", "place", "word"),
    [
        (b"a: 1\nb: \xff\n", "x.yaml:2:4", "0xff is not UTF-8"),
        ("a: ä\n".encode("latin-1"), "x.yaml:1:4", "0xe4 is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "x.yaml:1:1", "UTF-16"),
        (b"\xef\xbb\xbfa: 1\n\xff", "x.yaml:2:1", "0xff is not UTF-8"),
    ],
)
def test_other_encodings_are_refused_at_the_byte(
    tmp_path: Path, content: bytes, place: str, word: str
) -> None:
    """The problem names the byte, its place, and what to do."""
    file = tmp_path / "x.yaml"
    file.write_bytes(content)
    problems: list[Problem] = []
    assert read_source(file, "x.yaml", problems.append) is None
    assert [str(problem.at) for problem in problems] == [place]
    assert word in problems[0].message
    assert problems[0].rule == "encoding"


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x85", "\u2028", "\ufeff", "\x7f"])
def test_control_characters_are_refused(character: str) -> None:
    """Also those that only some programs take for the end of a line."""
    data, problems = parsed(f"a: 1\nb: x{character}y\n")
    assert data is None
    assert [(str(problem.at), problem.rule) for problem in problems] == [
        ("test.yaml:2:5", "character")
    ]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(JSON)
@examples(200)
def test_json_is_yaml(data: Any) -> None:
    """Any JSON value, written as JSON, comes back the same with the same types."""
    text = json.dumps(data, ensure_ascii=True)
    found, problems = parsed(text)
    # JSON's escapes may name halves of characters, which YAML refuses; nothing else.
    assert "\\ud" in text if problems else json.dumps(found) == json.dumps(data)


YAML_SIGNS = st.text(st.sampled_from("abc01 \n\t:-[]{}&*!|>'\"#%@`,?<~.ä\\$é\r"), max_size=60)


@given(YAML_SIGNS | st.text(max_size=60))
@examples(500)
@example("? [a]\n: b")
@example("&a &b c: 1")
@example("%TAG ! x")
@example("a: !!int")
@example("!<x y")
@example("\ud800")
def test_any_text_is_data_or_problems(text: str) -> None:
    """Nothing that a person can type raises, and every place lies in the text."""
    data, problems = parsed(text)
    lines = Source("", text).lines
    for problem in problems:
        assert 1 <= problem.at.line <= len(lines) + 1
        assert problem.at.column >= 1
    check_places(data, len(lines))


def check_places(data: Any, lines: int) -> None:
    if isinstance(data, Table):
        for key, inside in data.items():
            assert 1 <= data.key_at(key).line <= lines + 1
            assert 1 <= data.value_at(key).line <= lines + 1
            check_places(inside, lines)
    elif isinstance(data, Series):
        assert len(data) == len(data.places)
        for item in data:
            check_places(item, lines)
