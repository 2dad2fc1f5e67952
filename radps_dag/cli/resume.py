"""`radps-dag resume`: go on with a run where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from radps_dag.cli.asked import asked_of, frontend_of
from radps_dag.cli.options import (
    how_to_run,
    which_params,
    which_run,
    which_workloads,
    which_workspace,
)
from radps_dag.runs.options import products_root

__all__ = ["command"]

_PATH = click.Path(path_type=Path)


@click.command("resume")
@which_run(required=False)
@click.option(
    "--file",
    type=_PATH,
    metavar="FILE",
    help="Path of the pipeline file, if it has moved.",
)
@which_params
@how_to_run
@which_workloads
@which_workspace
def command(run: str | None, **given: Any) -> int:
    """Go on with RUN, or with the last one, where it stopped.

    Calls that ended well do not run again, unless the file, a param or the code of a workload has
    changed since, and then only those that depend on the change. Exits as `run` does.
    """
    asked = asked_of(given)
    if given["products"]:
        products = products_root(given["products"], asked.profile)
        asked = replace(asked, settings=replace(asked.settings, products=products))
    # Late, so that the shell completes the command's options at once.
    from radps_dag.cli.screen import exit_code
    from radps_dag.runs.resuming import resume

    done, ended = resume(asked, run, frontend_of(given))
    if given["report"]:
        from radps_dag.cli.report import report_at_end

        report_at_end(done, asked.workspace, asked.store)
    return exit_code(ended.status)
