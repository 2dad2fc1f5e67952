"""The grammar: the published schema, and its errors in our words."""

from __future__ import annotations

import copy
import inspect
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from repository import GOLDEN

from radps_dag.language.breaches import mistakes
from radps_dag.language.model import Defaults, Loop, Qa, Retries
from radps_dag.language.schema import KINDS, schema
from radps_dag.language.shape.conforming import conforming
from radps_dag.language.source import parse
from radps_dag.problem import Source


def test_the_schema_is_a_json_schema() -> None:
    """Editors can use it: it is valid itself, and each key of a pipeline or a node is described."""
    Draft202012Validator.check_schema(schema())
    definitions = schema()["$defs"]
    for properties in (schema()["properties"], definitions["node"]["properties"]):
        for key, value in properties.items():
            described = {**definitions.get(str(value.get("$ref", ""))[8:], {}), **value}
            assert "description" in described, key


@pytest.mark.parametrize(
    "path", sorted(GOLDEN.rglob("*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_an_editor_agrees(path: Path) -> None:
    """The published schema alone, without our code, accepts and refuses the same files."""
    document = parse(Source(path.name, path.read_text(encoding="utf-8")), lambda problem: None)
    if document is not None:
        refused = list(Draft202012Validator(schema()).iter_errors(document.data))
        assert bool(refused) == bool(list(mistakes(document)))


GOOD = GOLDEN / "good"
WHOLE = {
    "pipeline": yaml.safe_load((GOOD / "all_of_the_language.yaml").read_text(encoding="utf-8")),
    "faults": {
        "version": 1,
        "faults": [{"at": "**/clean", "probability": 0.5, "attempts": 2, "delay": "10s"}],
    },
}
SCHEMAS = {
    name: json.loads(
        (files("radps_dag.language") / "schemas" / f"{name}.schema.json").read_text("utf-8")
    )
    for name in WHOLE
}
CHECKS = {name: (conforming(one), Draft202012Validator(one)) for name, one in SCHEMAS.items()}
WORDS = sorted({*schema()["$defs"]["node"]["properties"], *schema()["$defs"]["loop"]["properties"]})
ODD = [None, True, False, 0, 1, -1, 0.5, 1.0, 2**70, "", " ", "x", "X\n", "10s", "75%", "4GB"]
ODD += ["${{ params.n }}", "fail", "best", [], {}, [1], {"x": 1}, {"max": 1}, [[]], "integer"]


def containers(data: Any) -> list[Any]:
    """Every mapping and list in it."""
    inside = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    found = [data] if isinstance(data, dict | list) else []
    return [*found, *(one for item in inside for one in containers(item))]


@pytest.mark.parametrize("name", WHOLE)
@settings(deadline=None)
@given(st.data())
def test_the_quick_check_agrees_with_jsonschema(name: str, data: st.DataObject) -> None:
    """Whatever is put in, left out or changed anywhere, both accept or both refuse it."""
    changed = copy.deepcopy(WHOLE[name])
    for _ in range(data.draw(st.integers(0, 2))):
        container = data.draw(st.sampled_from(containers(changed)))
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        if isinstance(container, dict) and data.draw(st.integers(0, 3)) == 0:
            keys = [*WORDS, "nobody's", "x"]
        if not keys:
            continue
        key = data.draw(st.sampled_from(keys))
        if (isinstance(key, int) or key in container) and data.draw(st.booleans()):
            del container[key]
        else:
            container[key] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
    quick, slow = CHECKS[name]
    assert quick(changed) is slow.is_valid(changed)


@pytest.mark.parametrize("name", SCHEMAS["pipeline"]["$defs"])
def test_the_quick_check_agrees_about_each_definition(name: str) -> None:
    """The same for every definition alone, whose refusals another one's could hide."""
    rules = {"$ref": f"#/$defs/{name}", "$defs": SCHEMAS["pipeline"]["$defs"]}
    quick, slow = conforming(rules), Draft202012Validator(rules)
    for value in (*ODD, *([one] for one in ODD), *({"x": one} for one in ODD)):
        assert quick(value) is slow.is_valid(value), value


def test_the_schema_names_the_kinds_of_the_model() -> None:
    """Schema and code agree on what a node can be."""
    assert set(KINDS) <= set(schema()["$defs"]["node"]["properties"])


@pytest.mark.parametrize(
    ("definition", "model", "elsewhere"),
    [
        ("loop", Loop, {"at"}),
        ("retries", Retries, set()),
        ("qa", Qa, {"at"}),
        ("defaults", Defaults, set()),
    ],
)
def test_the_schema_and_the_model_do_not_drift(
    definition: str, model: Any, elsewhere: set[str]
) -> None:
    """A key of the language is a field of the model, and the other way round."""
    keys = set(schema()["$defs"][definition]["properties"])
    assert keys == set(inspect.signature(model).parameters) - elsewhere


def test_mistakes_name_what_to_leave_out() -> None:
    """A wrong value is left out by its container and key; a missing one leaves nothing out."""
    text = "version: 1\nname: x\nstages:\n  a: {run: f, retries: {max: 99}, loop: {until: x}}\n"
    document = parse(Source("x", text), pytest.fail)
    assert document is not None
    found = {mistake.problem.rule: mistake for mistake in mistakes(document)}
    assert found["value"].container == {"max": 99}
    assert found["value"].key == "max"
    assert found["missing-key"].container is None


def test_nesting_within_the_limit_is_understood() -> None:
    """Groups in groups as deep as a file can nest are checked to the innermost."""
    inner: dict[str, Any] = {"run": "f", "nonsense": 1}
    for _ in range(45):
        inner = {"steps": {"a": inner}}
    text = json.dumps({"version": 1, "name": "x", "stages": {"a": inner}})
    document = parse(Source("x", text), pytest.fail)
    assert document is not None
    assert [mistake.problem.rule for mistake in mistakes(document)] == ["unknown-key"]


def test_a_schema_nested_too_deeply_is_one_problem() -> None:
    """jsonschema's recursion ends in a problem, not in a traceback."""
    inner: dict[str, Any] = {"type": "integer"}
    for _ in range(95):
        inner = {"type": "array", "items": inner}
    text = json.dumps({"version": 1, "name": "x", "params": {"a": inner}, "stages": {}})
    document = parse(Source("x", text), pytest.fail)
    assert document is not None
    assert {mistake.problem.rule for mistake in mistakes(document)} <= {"depth", "value"}


KEYWORDS = [
    *(("minimum", 0.5), ("maximum", 1), ("exclusiveMinimum", 0), ("exclusiveMaximum", 1)),
    *(("multipleOf", 2), ("multipleOf", 0.1), ("maxLength", 1), ("maxItems", 1), ("minItems", 1)),
    *(("const", 1), ("const", True), ("const", [1, {"x": 0}]), ("items", {"const": 1})),
    *(("additionalProperties", {"type": "integer"}), ("required", ["x"]), ("type", "number")),
]
VALUES = [*ODD, 0.3, 0.30000000000000004, 3, 1e300, [True], [1, {"x": False}], [1, {"x": 0}]]


@given(st.lists(st.sampled_from(KEYWORDS), max_size=3), st.sampled_from(VALUES))
def test_the_quick_check_agrees_about_schemas_of_params(
    words: list[tuple[str, Any]], value: Any
) -> None:
    """The keywords that params may have mean what they mean to jsonschema."""
    rules = dict(words)
    assert conforming(rules)(value) is Draft202012Validator(rules).is_valid(value)
