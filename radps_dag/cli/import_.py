"""`radps-dag import`: a run that was exported elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from radps_dag.cli.options import which_workspace

__all__ = ["command"]


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@which_workspace
def command(file: Path, workspace: Path, store: str | None) -> None:
    """Import the run in FILE, which `radps-dag export` has written, into this workspace.

    It is then a run like any other: its results are used again, and `resume` goes on with it.
    Import only files that you trust: their results count as real.
    """
    from radps_dag.archive import bring_in, examine
    from radps_dag.journal.workspace import Workspace
    from radps_dag.runs.preparing import open_journal

    place = Workspace(workspace.resolve())
    if not place.journal.exists():
        examine(file, place)  # no workspace is made for what cannot be brought in
    opened = open_journal(workspace, store)
    try:
        archive = bring_in(opened, file)
    finally:
        opened.close()
    made = f", {len(archive.files)} files" if archive.files else ""
    click.echo(f"run {archive.head.run}: {len(archive.rows)} facts{made}")
