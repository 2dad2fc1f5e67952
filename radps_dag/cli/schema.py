"""`radps-dag schema`: print the JSON Schema of pipeline files."""

from __future__ import annotations

import click

from radps_dag.schema import schema_text

__all__ = ["command"]


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of pipeline files, for an editor's completion and checks."""
    click.echo(schema_text(), nl=False)
