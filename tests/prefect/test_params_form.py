"""Params of all kinds as a form on Prefect's page, held against Prefect's own check of values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.schema_tools.validation import is_valid_schema, validate

from radps_dag.opening import open_pipeline, params_of
from radps_dag.prefect.form import params_schema
from radps_dag.profile import Profile

KINDS = """
version: 1
name: kinds
params:
  spw: {type: integer, minimum: 0, maximum: 3, default: 1, description: Spectral window}
  frequency: {type: number, exclusiveMinimum: 0, unit: GHz, default: 1.4}
  careful: {type: boolean, default: false}
  field: {type: string, description: "Name of *the* field"}
  mode: {enum: [fast, slow], default: fast}
  mixed: {enum: [1, two, null], default: null}
  data: {type: [string, "null"], default: null, format: path}
  nights: {type: array, items: {type: string, format: path}, default: [n1.ms], minItems: 1}
  box:
    type: object
    properties: {ra: {type: number}, dec: {type: number, default: 0}}
    default: {ra: 1}
  token: {type: string, secret: true}
stages:
  work: {run: simulate_work, with: {value: "${{ params.spw }}"}}
"""


def schema_of(text: str, folder: Path, *arguments: str) -> dict[str, Any]:
    file = folder / "kinds.yaml"
    file.write_text(text)
    pipeline, _ = open_pipeline(file)
    params = params_of(pipeline, Profile(), arguments, (), take_secrets=False, partial=True)
    return params_schema(pipeline.params, params)


@pytest.fixture
def schema(tmp_path: Path) -> dict[str, Any]:
    return schema_of(KINDS, tmp_path)


def test_each_kind_has_its_field(schema: dict[str, Any], tmp_path: Path) -> None:
    """Types, choices, bounds, defaults, descriptions and units, in the order of the file; our own
    words are not in it, and neither are secret params."""
    fields = schema["properties"]
    assert [field["position"] for field in fields.values()] == list(range(9))
    assert "token" not in fields and schema["required"] == ["field"]
    assert fields["spw"] == {
        "title": "spw",
        "position": 0,
        "type": "integer",
        "minimum": 0,
        "maximum": 3,
        "default": 1,
        "description": "Spectral window (at least 0, at most 3)",
    }
    assert fields["frequency"]["description"] == "(GHz, above 0)"
    assert fields["field"]["description"] == r"Name of \*the\* field"
    assert fields["mode"]["type"] == "string" and fields["mode"]["enum"] == ["fast", "slow"]
    assert "type" not in fields["mixed"]
    assert fields["data"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert fields["nights"]["default"] == [str(tmp_path / "n1.ms")]
    assert fields["box"]["default"] == {"ra": 1, "dec": 0}
    ours = {"unit", "format", "must_exist", "secret"}
    assert not any(ours & field.keys() for field in fields.values())


def test_prefect_takes_it(schema: dict[str, Any]) -> None:
    """It is a schema to Prefect; the defaults fit it, with the settings of the deployment beside
    them, and what does not fit is refused."""
    is_valid_schema(schema)
    defaults = {
        n: field["default"] for n, field in schema["properties"].items() if "default" in field
    }
    good = {**defaults, "field": "3C286", "_run": {"file": "/p.yaml"}}
    assert validate(good, schema) == []
    for wrong in (
        {"spw": 4},
        {"frequency": 0},
        {"mode": "idle"},
        {"nights": []},
        {"box": {"ra": "east"}},
        {"token": "a-secret-text"},
        {"_run": "file"},
    ):
        assert len(validate({**good, **wrong}, schema)) == 1, wrong
    assert validate(defaults, schema) != []  # the field is missing


def test_given_values_stand_in_it(tmp_path: Path) -> None:
    """A value that the deployment gives is the default of its field."""
    text = KINDS
    schema = schema_of(text, tmp_path, "spw=3", "field=M31")
    assert schema["properties"]["spw"]["default"] == 3 and schema["required"] == []
