"""Tool files: read completely, or every mistake at its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from repository import PIPELINES, SUPPORT

from radps_dag.checks import check
from radps_dag.language.schema import schema_text
from radps_dag.language.shape import describe
from radps_dag.language.source import parse, read_source
from radps_dag.loader import load
from radps_dag.opening import open_pipeline
from radps_dag.problem import InvalidPipeline, UsageError
from radps_dag.runs.api import plan
from radps_dag.workloads.contract import registry
from radps_dag.workloads.contract.fingerprint import fingerprint
from radps_dag.workloads.contract.registry import Library, find_library
from radps_dag.workloads.tools.files import is_tool_file
from radps_dag.workloads.tools.reading import read_tool

BAD = sorted((SUPPORT.parent / "fixtures" / "bad_tools").glob("*.yaml"))

GOOD = """
version: 1
name: imager
description: |
  Image visibilities.
  All of them.
program: [./bin/image, --quiet]
version_command: [./bin/image, --version]
inputs:
  ms: {type: Product, kind: visibilities, description: what to image}
  niter: {type: integer, minimum: 0, flag: -niter, default: 1000}
  scale: {type: number, unit: arcsec, flag: -scale}
  mask: {type: Product, kind: image, flag: -mask, default: null}
arguments: ["${{ inputs.ms }}"]
outputs:
  image: {path: img.fits, kind: image, description: what it made}
  rms: {type: number, unit: Jy, stdout: "rms = (?P<rms>[0-9.e+-]+)"}
  planes: {glob: "*.fits", kind: image}
  model: {path: model.fits, kind: image, optional: true}
  ms: {input: ms}
mutates: [ms]
resources: {cpus: 2, memory: 1GB}
"""


def announced(path: Path) -> list[tuple[int, str]]:
    """Line and part of the message of each mistake that a file announces after `#!`."""
    lines = enumerate(path.read_text().splitlines(), start=1)
    return [(number, part.strip()) for number, line in lines for part in line.split("#! ")[1:]]


def written(folder: Path, text: str, name: str = "imager.yaml") -> Path:
    """A tool file in the folder `tools` of a project."""
    (folder / "tools").mkdir(exist_ok=True)
    path = folder / "tools" / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_mistake_has_its_line(path: Path) -> None:
    """What is wrong is told at the line that has it, all of it, and nothing else."""
    with pytest.raises(InvalidPipeline) as caught:
        read_tool(path)
    found = [(one.at.line, one.message) for one in caught.value.problems]
    wanted = announced(path)
    for line, part in wanted:
        assert [message for at, message in found if at == line and part in message], (line, part)
    assert len(found) == len(wanted), found


def test_a_tool_is_a_workload(tmp_path: Path) -> None:
    """Inputs, defaults, units, outputs and descriptions are those of the file."""
    tool = read_tool(written(tmp_path, GOOD))
    assert (tool.name, tool.summary) == ("imager", "Image visibilities.")
    given = {one.name: (describe(one.shape), one.required, one.unit) for one in tool.inputs}
    assert given["niter"] == ("an integer of at least 0", False, "")
    assert given["scale"] == ("a number", True, "arcsec")
    assert given["mask"][1] is False
    assert "null" in given["mask"][0]
    assert tool.inputs[0].description == "what to image"
    assert tool.outputs is not None
    made = {one.name: describe(one.shape) for one in tool.outputs}
    assert made["rms"] == "a number"
    assert made["planes"] == "a list of Products"
    assert "null" in made["model"]
    assert (tool.mutates, tool.changes) == (True, ("ms",))
    assert tool.defined_at == f"{tmp_path}/tools/imager.yaml:3"
    assert tool.tool is not None
    assert tool.tool.program == (f"{tmp_path}/tools/bin/image", "--quiet")


def test_a_pipeline_calls_the_tools_beside_it(tmp_path: Path) -> None:
    """`run: NAME` means a tool of the folder `tools`; what is given to it is checked."""
    written(tmp_path, GOOD)
    pipeline = tmp_path / "p.yaml"
    text = """
version: 1
name: p
params: {ms: {type: string}}
stages:
  image:
    run: imager
    with: {ms: {uri: "${{ params.ms }}", kind: KIND}, scale: SCALE}
outputs: {rms: "${{ stages.image.rms }}"}
"""
    pipeline.write_text(text.replace("KIND", "visibilities").replace("SCALE", "0.5"))
    _, library = open_pipeline(pipeline)
    assert library.workloads["imager"].tool is not None
    assert library.modules == ((tmp_path / "tools" / "imager.yaml").resolve(),)
    pipeline.write_text(text.replace("KIND", "image").replace("SCALE", "small"))
    with pytest.raises(InvalidPipeline) as caught:
        open_pipeline(pipeline)
    assert [one.at.line for one in caught.value.problems] == [8, 8]
    assert "'visibilities'" in str(caught.value)
    assert "expected a number" in str(caught.value)


def test_a_library_at_hand_gets_the_tools_once(tmp_path: Path) -> None:
    """A Library that is given has the project's tools, also one that has them already."""
    written(tmp_path, GOOD)
    pipeline = tmp_path / "p.yaml"
    pipeline.write_text(
        "version: 1\nname: p\nstages:\n  a: {run: imager, with: {ms: {uri: a, kind: visibilities},"
        " scale: 1}}\n"
    )
    _, first = open_pipeline(pipeline, Library("mine", {}))
    _, again = open_pipeline(pipeline, first)
    assert list(first.workloads) == list(again.workloads) == ["imager"]


def test_mistakes_in_tools_and_in_the_pipeline_come_together(tmp_path: Path) -> None:
    """A broken tool does not hide what is wrong with the pipeline."""
    written(tmp_path, GOOD.replace("flag: -niter", "flg: -niter"))
    pipeline = tmp_path / "p.yaml"
    pipeline.write_text("version: 1\nname: p\nstages: {a: {run: imager, wiht: {}}}\n")
    with pytest.raises(InvalidPipeline) as caught:
        open_pipeline(pipeline)
    assert {Path(one.at.source.name).name for one in caught.value.problems} == {
        "imager.yaml",
        "p.yaml",
    }


def test_two_tools_of_a_name_are_refused(tmp_path: Path) -> None:
    """Which of two counts would be a guess: both places are told."""
    files = [written(tmp_path, GOOD), written(tmp_path, GOOD, "second.yaml")]
    with pytest.raises(UsageError, match=r"imager\.yaml:3 and .*second\.yaml:3"):
        find_library("placeholder", files)


def test_a_tool_gives_way_to_nothing_but_placeholders(tmp_path: Path) -> None:
    """A placeholder gives way to a tool of its name, as it does to a function."""
    path = written(tmp_path, GOOD.replace("name: imager", "name: autoflag"))
    assert find_library("placeholder", [path]).workloads["autoflag"].tool is not None


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    """YAML of somebody else's, and pipelines, are not tools."""
    files = {
        "play.yaml": "- hosts: all\n  tasks: []\n",
        "p.yaml": "version: 1\nname: p\nstages: {}\noutputs: {}\n",
        "imager.yaml": GOOD,
    }
    for name, text in files.items():
        written(tmp_path, text, name)
    assert [n for n in files if is_tool_file(tmp_path / "tools" / n)] == ["imager.yaml"]
    assert "imager" in find_library("placeholder", [tmp_path / "tools"]).workloads


def test_a_folder_without_tools_is_told(tmp_path: Path) -> None:
    """A folder that is named and has no tool file is most likely another one."""
    with pytest.raises(UsageError, match="no tool file is in"):
        find_library("placeholder", [tmp_path])


def test_the_key_counts_text_and_version(tmp_path: Path) -> None:
    """Another text, or another answer of the program, makes results anew; the same one does not."""
    program = tmp_path / "tools" / "bin" / "image"
    program.parent.mkdir(parents=True)
    path = written(tmp_path, GOOD)
    seen = set()
    for version in ("1.0", "1.1-longer"):
        program.write_text(f"#!/bin/sh\necho version {version}\n")
        program.chmod(0o755)
        seen.add(fingerprint(read_tool(path)))
        assert fingerprint(read_tool(path)) in seen
    path.write_text(GOOD.replace("default: 1000", "default: 999"))
    seen.add(fingerprint(read_tool(path)))
    assert len(seen) == 3


def test_without_a_version_command_the_programs_file_counts(tmp_path: Path) -> None:
    """A script that is edited is another program."""
    program = tmp_path / "tools" / "bin" / "image"
    program.parent.mkdir(parents=True)
    line = "version_command: [./bin/image, --version]\n"
    path = written(tmp_path, GOOD.replace(line, ""))
    seen = set()
    for text in ("true", "true true"):
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        seen.add(fingerprint(read_tool(path)))
    assert len(seen) == 2


def test_inputs_are_of_tools_alone(tmp_path: Path) -> None:
    """`inputs` in a pipeline is told with what there is instead."""
    path = tmp_path / "p.yaml"
    path.write_text(
        'version: 1\nname: p\nstages: {a: {run: autoflag, with: {ms: "${{ inputs.ms }}"}}}\n'
    )
    found = [one.message for one in check(load(path), find_library("placeholder"))]
    assert "'inputs' has a meaning in tool files only; here it is params.NAME" in found


@pytest.mark.parametrize(
    "path", sorted((PIPELINES / "programs" / "tools").glob("*.yaml")), ids=lambda path: path.stem
)
def test_shipped_tools_fit_their_schema(path: Path) -> None:
    """The schema that editors use is one, and takes what we ship, as we do."""
    schema = json.loads(schema_text("tool"))
    Draft202012Validator.check_schema(schema)
    source = read_source(path, path.name, pytest.fail)
    document = None if source is None else parse(source, pytest.fail)
    assert document is not None
    assert not list(Draft202012Validator(schema).iter_errors(document.data))
    assert read_tool(path).name == path.stem


def test_data_that_a_tool_changes_are_not_given_to_another_at_once(tmp_path: Path) -> None:
    """`mutates` of a tool counts like that of a function: both places are told."""
    written(tmp_path, GOOD)
    pipeline = tmp_path / "p.yaml"
    pipeline.write_text("""
version: 1
name: p
params: {ms: {type: string}}
stages:
  a: {run: imager, with: {ms: {uri: "${{ params.ms }}", kind: visibilities}, scale: 1}}
  b: {run: imager, with: {ms: {uri: "${{ params.ms }}", kind: visibilities}, scale: 2}}
  c: {run: imager, with: {ms: "${{ stages.a.ms }}", scale: 3}, needs: [b]}
""")
    with pytest.raises(InvalidPipeline) as caught:
        open_pipeline(pipeline)
    (problem,) = caught.value.problems
    assert (problem.rule, problem.at.line) == ("mutation", 6)
    assert "'b' (line 7) changes the same data" in problem.message


def test_a_library_has_the_tools_of_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those in the folder `tools` beside its module, also in a worker that finds it by name."""
    package = tmp_path / "our_observatory"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "workloads.py").touch()
    written(package, GOOD)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_known", lambda: {"ours": "our_observatory.workloads"})
    library = find_library("ours")
    assert list(library.workloads) == ["imager"]
    assert library.modules == ()


def test_what_lies_beside_a_recorded_pipeline_is_not_run(tmp_path: Path) -> None:
    """Whoever wrote an archive that was imported is not trusted: its tools are no tools."""
    folder = tmp_path / "work" / "runs" / "r" / "pipeline"
    folder.mkdir(parents=True)
    written(folder, GOOD.replace("mutates: [ms]", ""))
    (folder / "p.yaml").write_text(
        "version: 1\nname: p\nstages:\n  a: {run: imager, with: {ms: {uri: a, kind: visibilities},"
        " scale: 1}}\n"
    )
    assert len(plan(folder / "p.yaml", workspace=tmp_path / "elsewhere")) == 1
    with pytest.raises(InvalidPipeline, match="no workload 'imager'"):
        plan(folder / "p.yaml", workspace=tmp_path / "work")
