"""Procedures of the ALMA pipeline to pipelines."""

from __future__ import annotations

from pathlib import Path

import pytest

from radps_dag.foreign import procedure_to_files
from radps_dag.opening import check
from radps_dag.problem import UsageError

COMMAND = """
  <ProcessingCommand>
    <Command xmlns="">{task}</Command>
    <ParameterSet>{parameters}</ParameterSet>
  </ProcessingCommand>
"""
PARAMETER = '<Parameter><Keyword xmlns="">{}</Keyword><Value xmlns="">{}</Value></Parameter>'


def command(task: str, **parameters: str) -> str:
    listed = "".join(PARAMETER.format(key, value) for key, value in parameters.items())
    return COMMAND.format(task=task, parameters=listed)


def procedure(*parts: str, title: str = "hifa_mine") -> str:
    head = f"<ProcessingProcedure><ProcedureTitle>{title}</ProcedureTitle>"
    return head + "\n".join(parts) + "</ProcessingProcedure>"


def laid_out(folder: Path, text: str) -> Path:
    """The pipeline, written with its tools."""
    (folder / "procedure.xml").write_text(text)
    pipeline, tools = procedure_to_files(folder / "procedure.xml")
    (folder / "tools").mkdir()
    for tool in tools:
        (folder / "tools" / f"{tool.name}.yaml").write_text(tool.text("procedure.xml"))
    path = folder / f"{pipeline.name}.yaml"
    path.write_text(pipeline.text("procedure.xml"))
    return path


def test_each_task_is_a_stage_on_the_context_before_it(tmp_path: Path) -> None:
    """In the order of the file; a task that is there twice is two stages; all is valid."""
    path = laid_out(
        tmp_path,
        procedure(
            "<!-- Bring in the data -->",
            command("hifa_importdata", dbservice="False", columns="{'data': 'raw'}", number="3"),
            command("hif_makeimages"),
            command("hif_makeimages", limit="0.5"),
        ),
    )
    assert check(path) == []
    text = path.read_text()
    assert "description: Bring in the data" in text
    assert "dbservice: false" in text
    assert "number: 3" in text
    assert 'context: "${{ stages.hif_makeimages.context }}"' in text
    assert sorted(file.name for file in (tmp_path / "tools").iterdir()) == [
        "hif_makeimages.yaml",
        "hifa_importdata.yaml",
    ]


def test_a_parameter_of_two_types_is_a_text(tmp_path: Path) -> None:
    """Of two calls of a task; both are valid."""
    path = laid_out(tmp_path, procedure(command("a", x="1"), command("a", x="one")))
    assert check(path) == []
    assert 'x: "1"' in path.read_text()


def test_names_that_meet_are_told_apart(tmp_path: Path) -> None:
    """A task that is named as the second call of another; a parameter that is named as the context
    is a warning."""
    text = procedure(command("a"), command("a_2"), command("a", context="here"))
    path = laid_out(tmp_path, text)
    assert check(path) == []
    assert "\n  a_3: " in path.read_text()
    assert "'here' of 'context' is left out" in path.read_text()


def test_conditions_of_a_template_are_warnings(tmp_path: Path) -> None:
    """Each with its line; so is an element that is not known."""
    odd = command("b").replace("<ParameterSet>", "<Strange/><ParameterSet>")
    text = procedure("{{#importonly}}", command("a"), "{{/importonly}}", odd)
    (tmp_path / "a.xml").write_text(text)
    pipeline, _ = procedure_to_files(tmp_path / "a.xml")
    said = [warning.message for warning in pipeline.warnings]
    assert len(said) == 3
    assert "{{#importonly}}" in said[0]
    assert "Strange" in said[2]
    assert all(warning.at.line for warning in pipeline.warnings)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<a>", "not XML"),
        ("<a/>", "no ProcessingCommand"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "DOCTYPE"),
        ("<a><ProcessingCommand/></a>", "no Command"),
    ],
)
def test_what_is_no_procedure_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """In one line with the file, nothing is expanded."""
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(UsageError, match=reason):
        procedure_to_files(tmp_path / "a.xml")


def test_a_breakpoint_is_a_warning(tmp_path: Path) -> None:
    """It is a word to the pipeline's own executor, and no task; values of Python stay texts."""
    parts = (command("hifa_importdata", vis="", cells="['0.1arcsec']"), command("breakpoint"))
    (tmp_path / "p.xml").write_text(procedure(*parts))
    pipeline, tools = procedure_to_files(tmp_path / "p.xml")
    assert [tool.name for tool in tools] == ["hifa_importdata"]
    (warning,) = pipeline.warnings
    assert "'breakpoint' is left out" in warning.message and warning.at.line == 8
    given = pipeline.content["stages"]["hifa_importdata"]["with"]
    assert (given["vis"], given["cells"]) == ("", "['0.1arcsec']")
