"""`radps-dag serve`: run what is deployed, until interrupted."""

from __future__ import annotations

from pathlib import Path

import click

from radps_dag.profile import find_profile

__all__ = ["command"]


@click.command("serve")
@click.option(
    "--work-pool", metavar="POOL", help="Serve this work pool; default: this machine's own."
)
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="At most so many runs here at once."
)
@click.option(
    *("--profile", "profile_file"),
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use this profile instead of the nearest radps-dag.toml.",
)
def command(work_pool: str | None, limit: int | None, profile_file: Path | None) -> int:
    """Run what is deployed to this machine, begun on Prefect's page or due by a schedule.

    Ctrl-C ends it; runs that go on are interrupted, as by a Ctrl-C of their own.
    """
    from radps_dag.runs.deploying import serve

    serve(find_profile(profile_file), work_pool, limit, lambda text: click.echo(text, err=True))
    return 0
