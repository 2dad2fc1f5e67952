"""`radps-dag run`: run a pipeline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from radps_dag.cli.asked import asked_of, frontend_of
from radps_dag.cli.options import (
    how_to_run,
    what_to_run,
    which_workloads,
    which_workspace,
)
from radps_dag.engine.settings import checked_name
from radps_dag.problem import UsageError
from radps_dag.runs.options import with_profile

__all__ = ["command"]


def _name(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    """The name of a run, "" for none."""
    try:
        return checked_name(value)
    except UsageError as error:
        raise click.BadParameter(str(error), ctx, param) from error


@click.command("run")
@what_to_run
@how_to_run
@which_workloads
@which_workspace
@click.option(
    "--name",
    metavar="LABEL",
    callback=_name,
    help="Name the run: lists show it, and commands take it as they take its id.",
)
def command(**given: Any) -> int:
    """Run the pipeline in FILE, after a complete check of it.

    Results of earlier runs in this workspace are used again if nothing that they depend on has
    changed. Exits 0 if the run succeeded, 1 if it failed, 2 if the file or the command line is
    wrong, 130 or 143 if a signal ended it.
    """
    asked = asked_of(given)
    asked = replace(
        asked,
        settings=replace(with_profile(asked.settings, asked.profile), name=given["name"]),
    )
    # Late, so that the shell completes the command's options at once.
    from radps_dag.cli.screen import exit_code
    from radps_dag.runs.launching import start

    done, ended = start(asked, frontend_of(given))
    if given["report"]:
        from radps_dag.cli.report import report_at_end

        report_at_end(done, asked.workspace, asked.store)
    return exit_code(ended.status)
