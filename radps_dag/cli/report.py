"""`radps-dag report`: what happened in a run, as pages that open anywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from radps_dag.cli import completion
from radps_dag.cli.looking import looking
from radps_dag.cli.options import which_run, which_workspace
from radps_dag.problem import RadpsDagError

__all__ = ["command", "report_at_end"]


@click.command("report")
@which_run(required=False)
@click.option(
    *("-o", "--output"),
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write here: a folder, a single page FILE.html, or FILE.zip. "
    "Default: the folder report-RUN in the current directory.",
)
@click.option(
    "--compare",
    metavar="RUN2",
    shell_complete=completion.runs,
    help="With a page that says what differs from RUN2, an earlier run.",
)
@which_workspace
def command(
    run: str | None, output: Path | None, compare: str | None, workspace: Path, store: str | None
) -> int:
    """Write a report of RUN, or of the last one: verdict, failures, questions, stages, scores,
    pictures, times, loops, the graph, the pipeline's text, provenance.

    It is made of the journal and the products alone, also while the run goes on or after a crash,
    and opens in any browser without a network. Prints the path of the page to open.
    """
    from radps_dag.journal.run_status import find_run
    from radps_dag.report.folding import report_of
    from radps_dag.report.writing import write

    with looking(workspace, store) as opened:
        report = report_of(opened, find_run(opened, run))
        if compare is not None:
            from radps_dag.report import comparing

            before = report_of(opened, find_run(opened, compare))
            report = replace(report, comparison=comparing.compare(before, report))
    click.echo(write(report, output or Path(f"report-{report.run}")))
    return 0


def report_at_end(run: str, workspace: Path, store: str | None) -> None:
    """Write the report of a run that has ended into its folder, and name it. Where that fails, the
    run has ended as it has."""
    from radps_dag.report.folding import report_of
    from radps_dag.report.writing import write

    try:
        with looking(workspace, store) as opened:
            page = write(report_of(opened, run), opened.workspace.run(run).path / "report")
    except RadpsDagError as error:
        click.echo(f"radps-dag: warning: the report is not written: {error}", err=True)
    else:
        click.echo(f"Report: {page}", err=True)
