"""`radps-dag schema`: print the JSON Schema of pipeline files."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import click

from radps_dag.cli.options import which_workloads
from radps_dag.language.schema import schema, schema_text
from radps_dag.language.shape import to_schema
from radps_dag.opening import project_library
from radps_dag.problem import UsageError
from radps_dag.profile import find_profile
from radps_dag.workloads.contract.description import Input, Workload
from radps_dag.workloads.contract.registry import Library

__all__ = ["command", "with_workloads"]


@click.command("schema")
@click.option("--tool", is_flag=True, help="That of tool files instead.")
@which_workloads
def command(
    tool: bool, library: str | None, modules: tuple[Path, ...], profile_file: Path | None
) -> None:
    """Print the JSON Schema of pipeline files, for an editor's completion and checks.

    With --library, --workloads or --profile it also knows the names of those workloads and their
    inputs, and is to be printed anew when these change.
    """
    if tool:
        if library or modules or profile_file:
            raise UsageError("--tool prints the schema of tool files, which knows no workloads")
        click.echo(schema_text("tool"), nl=False)
        return
    if not (library or modules or profile_file):
        click.echo(schema_text(), nl=False)
        return
    chosen = find_profile(profile_file)
    name = library or chosen.library or "placeholder"
    known = with_workloads(project_library(name, chosen, modules))
    click.echo(json.dumps(known, indent=2, ensure_ascii=False))


def with_workloads(library: Library) -> dict[str, Any]:
    """The grammar of files that call no workloads but these."""
    known = copy.deepcopy(schema())
    del known["$id"]  # of the grammar for all libraries, which an editor may have read before
    workloads = sorted(library.workloads.values(), key=lambda workload: workload.name)
    # An editor would offer "an input's name" beside the names.
    del known["$defs"]["arguments"]["propertyNames"]
    node = known["$defs"]["node"]
    node["properties"]["run"]["enum"] = [one.name for one in workloads]
    node["properties"]["run"]["enumDescriptions"] = [one.summary for one in workloads]
    node["allOf"] = [
        {"if": {"properties": {"run": {"const": one.name}}, "required": ["run"]}, "then": _of(one)}
        for one in workloads
    ]
    return known


def _of(workload: Workload) -> dict[str, Any]:
    """What is so of a node that calls it."""
    required = [one.name for one in workload.inputs if one.required]
    inputs = {
        "type": "object",
        "properties": {one.name: _input(one) for one in workload.inputs},
        "required": required,
        "additionalProperties": False,
    }
    return {"properties": {"with": inputs}, "required": ["with"] if required else []}


def _input(one: Input) -> dict[str, Any]:
    unit = f"[{one.unit}]" if one.unit else ""
    described = " ".join(filter(None, (one.description, unit)))
    default = {} if one.required else {"default": one.default}
    return {"description": described, **default, **to_schema(one.shape)}
