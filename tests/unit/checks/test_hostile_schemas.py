"""Schemas that other people wrote: nothing is fetched for them, and none takes long."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from run_support import PROGRAM

from radps_dag.language.params import resolve
from radps_dag.language.shape.violations import Rules, violation
from radps_dag.opening import open_pipeline
from radps_dag.problem import InvalidPipeline, Problem
from radps_dag.questions import Question

LIMIT = 30.0  # seconds, many times what is needed: the mistakes here took minutes and more

# Where a schema stands in a file: the text, with a keyword and its value in place of %s.
PLACES = {
    "param": "params: {a: {type: integer, default: 3, %s}}",
    "items": "params: {a: {type: array, default: [3], items: {type: integer, %s}}}",
    "member": "params: {a: {type: object, default: {b: 3}, properties: {b: {%s}}}}",
    "others": "params: {a: {type: object, default: {b: 3}, additionalProperties: {%s}}}",
    "choices": "params: {a: {type: integer, enum: [3], %s}}",
    "context": "context: {a: {type: integer, enum: [3], %s}}",
    "context items": "context: {a: {type: array, enum: [[3]], items: {%s}}}",
    "input": "x",
}
INPUT = "stages: {a: {pause: {message: m, input: {a: {type: integer, default: 3, %s}}}}}"
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef", "$schema", "$id", "$anchor", "allOf")


def problems_of(tmp_path: Path, text: str) -> tuple[Problem, ...]:
    file = tmp_path / "hostile.yaml"
    file.write_text(text)
    with pytest.raises(InvalidPipeline) as raised:
        open_pipeline(file)
    return raised.value.problems


def pipeline_with(place: str, keyword: str) -> str:
    if place == "input":
        return f"version: 1\nname: hostile\n{INPUT % keyword}\n"
    body = PLACES[place] % keyword
    return f"version: 1\nname: hostile\n{body}\nstages: {{a: {{pause: {{message: m}}}}}}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    """An HTTP server with the schema of an integer at every address, and what it was asked: nothing
    by any test, so one server does for all."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type": "integer"}')

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}/schema.json", asked
        serving.shutdown()


_watched: list[set[str]] = []  # an audit hook stays for good, so it looks here


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event == "open":
        _watched[-1].add(str(arguments[0]))


@pytest.fixture
def opened() -> Iterator[set[str]]:
    """The files that are opened while a test runs."""
    _watched.append(set())
    yield _watched[-1]
    _watched.clear()


sys.addaudithook(_hook)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", REFERENCES)
def test_what_a_schema_refers_to_is_refused_and_not_fetched(
    tmp_path: Path, server: tuple[str, list[str]], opened: set[str], place: str, word: str
) -> None:
    """No server is asked and no file opened, whatever a schema of a file names."""
    address, asked = server
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "integer"}')
    opened.clear()
    for uri in (address, schema.as_uri()):
        value = f'[{{$ref: "{uri}"}}]' if word == "allOf" else f'"{uri}"'
        (problem,) = problems_of(tmp_path, pipeline_with(place, f"{word}: {value}"))
        assert problem.rule == "unknown-key"
        assert f"unknown key '{word}'" in problem.message
    assert not asked
    assert str(tmp_path / "hostile.yaml") in opened
    assert str(schema) not in opened


def test_a_reference_below_many_levels_is_not_fetched(
    tmp_path: Path, server: tuple[str, list[str]]
) -> None:
    """Where the grammar gives up at the depth of a schema, nothing of it is believed."""
    address, asked = server
    depth = 45
    schema = f"{{type: array, default: {'[' * depth}3{']' * depth}, items: " + "{items: " * depth
    schema += f'{{$ref: "{address}"}}' + "}" * (depth + 1)
    with contextlib.suppress(InvalidPipeline):
        file = tmp_path / "hostile.yaml"
        file.write_text(f"version: 1\nname: x\nparams: {{a: {schema}}}\nstages: {{a: {{run: f}}}}")
        open_pipeline(file)
    assert not asked


@pytest.mark.parametrize("word", ["$ref", "$schema", "$dynamicRef"])
def test_a_recorded_schema_fetches_nothing(server: tuple[str, list[str]], word: str) -> None:
    """The schemas of questions and of the context come with archives, past the grammar."""
    address, asked = server
    schema = {"type": "array", "items": {word: address, "type": "integer"}, word: address}
    question = Question("run", "place", "id", "message", {"a": schema})
    assert question.check({"a": [3]}) == {"a": [3]}
    assert violation(schema, ["x"]) == "'x' is not of type 'integer'"
    assert not asked


PATTERN = "'(a+)+$'"


@pytest.mark.parametrize("place", PLACES)
def test_a_pattern_is_refused_before_a_value_meets_it(tmp_path: Path, place: str) -> None:
    """A search that backtracks without end is never begun."""
    text = pipeline_with(place, f"pattern: {PATTERN}").replace("3", f"{'a' * 60}!")
    text = text.replace("type: integer", "type: string")
    assert "unknown-key" in {problem.rule for problem in problems_of(tmp_path, text)}


OBJECTS = "[" + ", ".join(f"{{a: {n}, b{n}: [1, 2]}}" for n in range(20_000)) + "]"

LARGE = {
    "unique objects": f"{{type: array, uniqueItems: true, default: {OBJECTS}}}",
    "choices of objects": f"{{enum: {OBJECTS}, type: object, properties: {{a: {{enum: "
    f"[{', '.join(map(str, range(20_000)))}]}}}}}}",
    "items of choices": "{type: array, items: {enum: "
    f"{OBJECTS}}}, default: [{', '.join(f'{{a: {n}}}' for n in range(20_000))}]}}",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_a_large_schema_takes_no_time(tmp_path: Path, name: str) -> None:
    """What a check costs grows with the size of the file and not with its square."""
    text = f"version: 1\nname: hostile\nparams: {{a: {LARGE[name]}}}\n"
    (tmp_path / "large.yaml").write_text(f"{text}stages: {{a: {{pause: {{message: m}}}}}}\n")
    done = subprocess.run(
        [*PROGRAM, "validate", "large.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == (2 if name == "items of choices" else 0)
    assert len(done.stdout) < 2_000


def test_uniqueness_is_json_s() -> None:
    """Equal are numbers of one value, and objects whatever their order; true is not 1."""
    unique = {"type": "array", "uniqueItems": True}
    for same in ([1, 1.0], [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], [[1], [1.0]], ["x", "x"]):
        assert "non-unique" in violation(unique, same)
    for distinct in ([1, True], [0, False, None, ""], [[1], ["1"]], [{"a": 1}, ["a", 1]], [1, "1"]):
        assert violation(unique, distinct) == ""


def test_a_choice_is_one_of_many() -> None:
    """More choices than a message can tell count like few."""
    rules = Rules({"enum": [{"n": n} for n in range(1000)]})
    assert rules.broken_by({"n": 999.0}) == ""
    assert rules.broken_by({"n": 1000}).endswith("... (988 more)")


def test_a_value_is_not_echoed_whole(tmp_path: Path) -> None:
    """A message about a value of megabytes is a line."""
    file = tmp_path / "long.yaml"
    file.write_text(
        "version: 1\nname: long\nparams: {a: {type: string, maxLength: 3, default: ab}}\n"
        "stages: {a: {pause: {message: m}}}\n"
    )
    pipeline, _ = open_pipeline(file)
    with pytest.raises(InvalidPipeline) as raised:
        resolve(pipeline, [f"a={'x' * 1_000_000}"])
    (problem,) = raised.value.problems
    assert "is too long" in problem.message
    assert len(problem.message) < 200
