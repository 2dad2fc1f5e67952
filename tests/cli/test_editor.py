"""The schema that knows workloads: by itself, and as an editor uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from editor_support import SERVER, Editor, editor
from jsonschema import Draft202012Validator
from repository import ROOT

from radps_dag.cli.main import main
from radps_dag.cli.schema import with_workloads
from radps_dag.language.source import parse, read_source
from radps_dag.workloads.contract.registry import Library, find_library

SHIPPED = [
    path
    for path in sorted(ROOT.glob("pipelines/**/*.yaml"))
    if not {"faults", "programs"} & {*path.relative_to(ROOT).parts}
]
HEAD = "# yaml-language-server: $schema=pipeline.schema.json\nversion: 1\nname: p\nstages:\n"
OWN = '''
from radps_dag.workloads import workload


@workload
def boost(gain: float, names: list[str] = [], mode: str | None = None) -> dict:
    """Boost it.

    Args:
        gain: by how much
    """
    return {}
'''


def errors(schema: dict[str, Any], stage: dict[str, Any]) -> list[str]:
    """What is wrong with a pipeline of one stage."""
    data = {"version": 1, "name": "p", "stages": {"a": stage}}
    return [error.message for error in Draft202012Validator(schema).iter_errors(data)]


@pytest.fixture(scope="module", params=["placeholder", "sim"])
def library(request: pytest.FixtureRequest) -> Draft202012Validator:
    return Draft202012Validator(with_workloads(find_library(request.param)))


def test_it_is_a_schema() -> None:
    """It is valid itself, and is not taken for the grammar of all libraries."""
    known = find_library("placeholder").workloads
    some = {name: known[name] for name in ("clean", "simulate_observation", "write_manifest")}
    schema = with_workloads(Library("some", some))
    Draft202012Validator.check_schema(schema)
    assert "$id" not in schema


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_shipped_pipelines_fit(path: Path, library: Draft202012Validator) -> None:
    """With both libraries there is no false alarm."""
    source = read_source(path, path.name, pytest.fail)
    assert source is not None
    document = parse(source, pytest.fail)
    assert document is not None
    assert [error.message for error in library.iter_errors(document.data)] == []


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with workloads of its own, which its profile names."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "ours.py").write_text(OWN, encoding="utf-8")
    (folder / "radps-dag.toml").write_text('workloads = ["ours.py"]\n', encoding="utf-8")
    return folder


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    with pytest.raises(SystemExit) as ended:
        main(["schema", *options])
    assert ended.value.code == 0
    schema: dict[str, Any] = json.loads(capsys.readouterr().out)
    return schema


@pytest.mark.parametrize("option", ["--workloads ours.py", "--profile radps-dag.toml"])
def test_own_workloads(
    own: Path, option: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a file or of the profile are known, beside the library's; asked for nothing, the
    command prints the grammar of all libraries."""
    monkeypatch.chdir(own)
    schema = printed(capsys, *option.split())
    names = schema["$defs"]["node"]["properties"]["run"]["enum"]
    assert {"boost", "simulate_observation"} <= set(names)
    assert "enum" not in printed(capsys)["$defs"]["node"]["properties"]["run"]


@pytest.mark.parametrize(
    ("stage", "wrong"),
    [
        ({"run": "boost", "with": {"gain": 2}}, ""),
        ({"run": "boost", "with": {"gain": "${{ params.gain }}", "mode": None}}, ""),
        ({"run": "boost", "with": {"gain": 1, "names": ["a", "${{ params.b }}"]}}, ""),
        ({"run": "boost", "with": {"gain": 1, "names": "${{ params.b }}"}}, ""),
        ({"run": "bost", "with": {"gain": 2}}, "'bost' is not one of"),
        ({"run": "boost", "with": {"gian": 2}}, "'gian' was unexpected"),
        ({"run": "boost", "with": {"gain": 2, "name": []}}, "'name' was unexpected"),
        ({"run": "boost", "with": {}}, "'gain' is a required property"),
        ({"run": "boost"}, "'with' is a required property"),
        ({"run": "boost", "with": {"gain": "much"}}, "'much' is not of type 'number'"),
        ({"run": "boost", "with": {"gain": 1, "names": [1]}}, "1 is not of type 'string'"),
        ({"use": "other.yaml", "with": {"anything": 1}}, ""),
    ],
)
def test_inputs(own: Path, stage: dict[str, Any], wrong: str) -> None:
    """Inputs that are unknown, missing or of another type are mistakes; expressions never are."""
    schema = with_workloads(find_library("placeholder", [own / "ours.py"]))
    found = errors(schema, stage)
    assert wrong in " ".join(found) if wrong else not found


@pytest.fixture(scope="module")
def opened(own: Path) -> Iterator[Editor]:
    if not SERVER:
        pytest.skip("there is no yaml-language-server")
    schema = with_workloads(find_library("placeholder", [own / "ours.py"]))
    (own / "pipeline.schema.json").write_text(json.dumps(schema), encoding="utf-8")
    with editor(own) as program:
        yield program


@pytest.mark.parametrize(
    ("stage", "marked"),
    [
        ("run: boost\n    with: {gain: 2}", ""),
        ("run: boost\n    with: {gain: '${{ params.gain }}', names: ['${{ params.b }}']}", ""),
        ("run: bost\n    with: {gain: 2}", 'bost: Value is not accepted. Valid values: "'),
        ("run: boost\n    with:\n      gain: 2\n      naems: []", "naems: Property naems is not"),
        ("run: boost\n    with: {gain: much}", 'much: Incorrect type. Expected "number"'),
        ("run: boost\n    with: {}", 'with: Missing property "gain"'),
    ],
)
def test_what_an_editor_marks(opened: Editor, stage: str, marked: str) -> None:
    """A misspelt workload, a misspelt or missing input, a wrong type, at their places; nothing in
    a correct file."""
    found = opened.open(f"{HEAD}  a:\n    {stage}\n")
    if marked:
        assert len(found) == 1 and found[0].startswith(marked)
    else:
        assert found == []


@pytest.mark.parametrize("name", ["full_cube.yaml", "stages/image_cube.yaml"])
def test_an_editor_marks_nothing_in_shipped_pipelines(opened: Editor, name: str) -> None:
    """Nor in what is large and uses all of the language."""
    text = (ROOT / "pipelines" / name).read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    assert opened.open(HEAD.partition("\n")[0] + "\n" + text.partition("\n")[2]) == []


def test_what_an_editor_completes(opened: Editor) -> None:
    """Names of workloads with what they do, and the inputs of the one that is called, at any
    level."""
    workloads = opened.complete(f"{HEAD}  a:\n    run: bo|\n")
    assert workloads["boost"] == "Boost it." and "simulate_observation" in workloads
    stage = "run: boost\nwith:\n  |"
    for indent, before in ((4, "  a:\n"), (8, "  b:\n    steps:\n      a:\n")):
        text = "\n".join(" " * indent + line for line in stage.splitlines())
        inputs = opened.complete(f"{HEAD}{before}{text}\n")
        assert {"gain", "names", "mode"} <= set(inputs)
        assert inputs.keys().isdisjoint({"spws", "run", "description"})
        assert inputs["gain"] == "by how much"
