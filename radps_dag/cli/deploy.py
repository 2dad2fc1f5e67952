"""`radps-dag deploy`: register a pipeline with Prefect, for its page and for schedules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from radps_dag.cli import completion
from radps_dag.cli.asked import asked_of
from radps_dag.cli.options import which_params, which_workloads, which_workspace
from radps_dag.problem import UsageError

__all__ = ["command"]


@click.command("deploy")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--name", default="default", show_default=True, metavar="NAME", help="Name the deployment."
)
@which_params
@click.option("--cron", metavar="LINE", help="Run by this line of cron, such as '0 3 * * *'; UTC.")
@click.option("--interval", metavar="DURATION", help="Run so often, such as 6h.")
@click.option(
    "--work-pool",
    metavar="POOL",
    help="Have workers of this pool run it; default: this machine's own, for `radps-dag serve`.",
)
@click.option(
    "--concurrency-limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most so many runs of the deployment at once; the others wait.",
)
@click.option(
    *("--job-variable", "job_variables"),
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a variable of the work pool, such as image=...; JSON or text. May be repeated.",
)
@click.option(
    "--executor",
    metavar="NAME",
    shell_complete=completion.executors,
    help="Where workloads compute, as for `radps-dag run`.",
)
@click.option("--products", metavar="URL", help="Keep what workloads make in this place.")
@which_workloads
@which_workspace
def command(**given: Any) -> int:
    """Register FILE with Prefect as the deployment PIPELINE/NAME, or anew if it is there.

    Prefect's page then has a form of its params; -p gives the values that stand in it.
    """
    from radps_dag.cli.screen import show_problem
    from radps_dag.prefect.server import idle_seconds
    from radps_dag.runs.deploying import Wanted, deploy

    if given["cron"] is not None and given["interval"] is not None:
        raise UsageError("--cron and --interval: a deployment has one schedule; give one of them")
    interval = given["interval"]
    wanted = Wanted(
        name=_name(given["name"]),
        pool=given["work_pool"],
        cron=given["cron"],
        interval=None if interval is None else idle_seconds(interval, "--interval"),
        limit=given["concurrency_limit"],
        job_variables=dict(map(_variable, given["job_variables"])),
    )
    asked = asked_of({**given, "force": (), "reuse": True})
    name, page = deploy(asked, wanted, show_problem, lambda text: click.echo(text, err=True))
    click.echo(f"deployed   {name}")
    click.echo(f"page       {page}")
    served = f"--work-pool {wanted.pool}" if wanted.pool else ""
    click.echo(f"runs where {f'radps-dag serve {served}'.strip()} is started")
    return 0


def _name(name: str) -> str:
    if not name.strip() or set(name) & set("/%&<>"):
        raise UsageError(
            f"--name: {name!r:.60} is not a name: it is empty, or has one of / % & < >"
        )
    return name


def _variable(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"--job-variable: {text!r:.60} gives no value; write name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
