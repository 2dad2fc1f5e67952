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
    inputs, so print it again when these change.
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
    document = with_workloads(project_library(name, chosen, modules))
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def with_workloads(library: Library) -> dict[str, Any]:
    """The grammar of files that call no workloads but these."""
    document = copy.deepcopy(schema())
    del document["$id"]  # of the grammar for all libraries, which an editor may have read before
    workloads = sorted(library.workloads.values(), key=lambda workload: workload.name)
    # An editor would offer "an input's name" beside the names.
    del document["$defs"]["arguments"]["propertyNames"]
    node = document["$defs"]["node"]
    node["properties"]["run"]["enum"] = [workload.name for workload in workloads]
    node["properties"]["run"]["enumDescriptions"] = [workload.summary for workload in workloads]
    node["allOf"] = [
        {
            "if": {"properties": {"run": {"const": workload.name}}, "required": ["run"]},
            "then": _of(workload),
        }
        for workload in workloads
    ]
    return document


def _of(workload: Workload) -> dict[str, Any]:
    """The schema of a node that calls the workload."""
    required = [item.name for item in workload.inputs if item.required]
    inputs = {
        "type": "object",
        "properties": {item.name: _input(item) for item in workload.inputs},
        "required": required,
        "additionalProperties": False,
    }
    return {"properties": {"with": inputs}, "required": ["with"] if required else []}


def _input(item: Input) -> dict[str, Any]:
    unit = f"[{item.unit}]" if item.unit else ""
    described = " ".join(filter(None, (item.description, unit)))
    default = {} if item.required else {"default": item.default}
    return {"description": described, **default, **to_schema(item.shape)}
