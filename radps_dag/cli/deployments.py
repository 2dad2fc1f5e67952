"""`radps-dag deployments`: list what is deployed, or remove it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from radps_dag.profile import find_profile

if TYPE_CHECKING:
    from radps_dag.prefect.deployments import Registered

__all__ = ["command"]


@click.command("deployments")
@click.option("--remove", "name", metavar="NAME", help="Remove this deployment; its runs stay.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(name: str | None, as_json: bool) -> int:
    """List the pipelines that are deployed with Prefect."""
    from radps_dag.runs.deploying import deployments, remove

    def tell(text: str) -> None:
        click.echo(text, err=True)

    if name is not None:
        click.echo(f"removed {remove(name, find_profile(), tell).name}")
        return 0
    there = deployments(find_profile(), tell)
    if as_json:
        click.echo(json.dumps([asdict(deployment) for deployment in there]))
        return 0
    for line in map(_line, there):
        click.echo(line)
    if not there:
        click.echo("nothing is deployed; `radps-dag deploy FILE` does that")
    return 0


def _line(deployment: Registered) -> str:
    words = [*deployment.schedules] if not deployment.paused else ["paused"]
    words += [f"at most {deployment.limit} at once"] if deployment.limit is not None else []
    about = f" ({', '.join(words)})" if words else ""
    return f"{deployment.name}{about}  {deployment.pool}  {deployment.file}"
