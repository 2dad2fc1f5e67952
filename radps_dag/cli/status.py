"""`radps-dag status`: how a run stands, once or until it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from radps_dag.cli.looking import as_json, looking, page_of_run, print_lines, width_of_terminal
from radps_dag.cli.options import which_run, which_workspace
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.workloads.contract.percents import FOLDER

if TYPE_CHECKING:
    from radps_dag.facts import Fact
    from radps_dag.journal.store import Store
    from radps_dag.journal.workspace import RunDirectory
    from radps_dag.progress import Mode
    from radps_dag.views.state import Following

__all__ = ["command"]


@click.command("status")
@which_run(required=False)
@click.option("--follow", is_flag=True, help="Show it until it ends.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "live", "plain"]),
    default="auto",
    show_default=True,
    help="With --follow: a live tree, or plain lines.",
)
@click.option(
    "--json",
    "as_json_",
    is_flag=True,
    help="One JSON object; with --follow a JSON object a line for each fact.",
)
@which_workspace
def command(
    run: str | None,
    follow: bool,
    progress: Literal["auto", "live", "plain"],
    as_json_: bool,
    workspace: Path,
    store: str | None,
) -> int:
    """Show how RUN stands, or the last one: the same tree and summary that `run` shows.

    With --follow it exits as the run does; Ctrl-C ends the following and not the run.
    """
    from radps_dag.journal.run_status import find_run
    from radps_dag.views.state import Following

    if progress != "auto" and not follow:
        raise UsageError("--progress says how to --follow a run; give both, or neither")
    with looking(workspace, store) as opened:
        run_id = find_run(opened, run)
        following = Following(opened, run_id)
        directory = opened.workspace.run(run_id)
        if follow:
            expected = _stages(opened, run_id)
            mode = "json" if as_json_ else progress
            return _follow(following, run_id, mode, expected, directory)
        _show(following, run_id, as_json_, directory)
        if not as_json_ and (page := page_of_run(opened, run_id)):
            click.echo(f"Prefect's page: {page}")
    return 0


def _show(following: Following, run: str, as_json_: bool, directory: RunDirectory) -> None:
    from radps_dag.journal.occupancy import read
    from radps_dag.progress.frame import Frame
    from radps_dag.progress.look import symbols_for
    from radps_dag.progress.summary import summary
    from radps_dag.views.state import all_of, state_of
    from radps_dag.views.tree import tree

    state = all_of(following) if as_json_ else state_of(following)
    state.note_percents(directory.products / FOLDER)
    driver = following.driver  # a run that has ended while it was read has none any more
    state.note_occupancy(read(directory.occupancy) if driver else None)
    if as_json_:
        status = "running" if driver or state.end is None else state.end.status
        click.echo(as_json(tree(state, status, driver)))
        return
    symbols, width = symbols_for(sys.stdout), width_of_terminal()
    if state.end is None:
        print_lines(Frame(symbols).lines(state, time.time(), width - 1, _MOST))
        click.echo(f"\nDriven by {driver}; --follow shows it until it ends." if driver else "")
        return
    wrap = width - 1 if sys.stdout.isatty() else None
    print_lines(summary(state, width - 1, symbols, wrap=wrap))
    if driver:
        click.echo(f"Driven by {driver}: it is about to end, or to go on.")
    elif state.end.status == "paused":
        click.echo(_advice(run, state.end.status))


def _stages(store: Store, run: str) -> list[str]:
    """The stages that are going to run; none where the run has not begun."""
    from radps_dag.journal.run_status import last_start
    from radps_dag.views.state import stages_of

    try:
        return stages_of(last_start(store, run))
    except RadpsDagError:
        return []


def _follow(
    following: Following,
    run: str,
    mode: Mode,
    expected: Sequence[str],
    directory: RunDirectory,
) -> int:
    from radps_dag import progress
    from radps_dag.cli.screen import exit_code
    from radps_dag.views.state import GONE

    percents = directory.products / FOLDER
    with progress.listener(
        mode, sys.stdout, expected=expected, percents=percents, occupancy=directory.occupancy
    ) as listener:

        def told(fact: Fact) -> None:
            listener(fact)
            if listener.broken:  # nobody looks any more
                raise BrokenPipeError

        end = following.to_end(told)
        if end.message == GONE and mode != "json":
            listener(end)
    if end.status in ("interrupted", "paused"):
        click.echo(_advice(run, end.status), err=True)
    return exit_code(end.status)


def _advice(run: str, status: str) -> str:
    if status == "paused":
        return f"The run was left with a question; once that is answered: radps-dag resume {run}"
    return f"The run was interrupted; go on with it: radps-dag resume {run}"


_MOST = 200  # rows of a tree
