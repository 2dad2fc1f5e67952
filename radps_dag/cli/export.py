"""`radps-dag export`: a run as one file."""

from __future__ import annotations

from pathlib import Path

import click

from radps_dag.cli.looking import looking
from radps_dag.cli.options import which_run, which_workspace
from radps_dag.problem import UsageError

__all__ = ["command"]


@click.command("export")
@which_run(required=True)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--products", is_flag=True, help="Include the products of the run, in a .zip file.")
@which_workspace
def command(run: str, file: Path, products: bool, workspace: Path, store: str | None) -> None:
    """Write RUN to FILE, from which `radps-dag import` restores it elsewhere.

    FILE is JSON: every fact of the run, with checksums. With --products it is a zip file that also
    has the products of the run, so that it can be resumed where it is imported.
    """
    wanted = ".zip" if products else ".json"
    if file.suffix.lower() != wanted:
        why = "with products it is a zip file" if products else "without --products it is JSON"
        raise UsageError(f"{file}: {why}; name it {file.stem}{wanted}")
    from radps_dag.archive import export
    from radps_dag.journal.run_status import find_run

    with looking(workspace, store) as opened:
        run = find_run(opened, run)
        done = export(opened, run, file, products=products)
    made = f", {done.files} files of {done.size / 1e6:.1f} MB" if products else ""
    click.echo(f"{file}: run {run} with {done.facts} facts{made}")
