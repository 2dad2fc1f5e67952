"""The process that a Prefect worker starts for a run: `python -m radps_dag.cli.deployed`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from radps_dag.cli.screen import TerminalFrontend
from radps_dag.cli.streams import make_safe, output_kept_in
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.runs.frontend import Screen
from radps_dag.sealed import Secrets
from radps_dag.visible import hide_in_streams, one_line, shown_streams

if TYPE_CHECKING:
    from radps_dag.engine.job import Job
    from radps_dag.journal.workspace import RunDirectory

__all__ = ["main"]

_FLOW_RUN = "PREFECT__FLOW_RUN_ID"  # in which workers say which it is


class _Frontend(TerminalFrontend):
    """The worker's log, which may go away before the run does: what workloads print is kept with
    the run."""

    @contextlib.contextmanager
    def screen(self, job: Job, directory: RunDirectory) -> Iterator[Screen]:
        """Show the run in plain lines while it goes on."""
        from radps_dag import progress

        hide_in_streams(Secrets.of(job.params).hide)
        with (
            output_kept_in(directory.workers_log) as stream,
            progress.listener("plain", stream) as listener,
        ):
            yield Screen(listener)


@shown_streams()
def _run() -> int:
    # Of a session of its own: what ends the worker (Ctrl-C) reaches the run by the worker alone.
    with contextlib.suppress(PermissionError):
        os.setsid()
    try:
        if not (flow_run := os.environ.get(_FLOW_RUN)):
            raise UsageError(
                f"a Prefect worker starts this, and says which flow run in {_FLOW_RUN}"
            )
        from radps_dag.runs.deployed import run_deployed

        run_deployed(flow_run, _Frontend("plain", "never"))
    except RadpsDagError as error:
        click.echo(f"radps-dag: {one_line(str(error))}", err=True)
        return error.exit_code
    return 0


def main() -> None:
    """Run the flow run that the environment names, and exit: 0 where Prefect knows how it ended."""
    make_safe()
    code = _run()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    # Prefect would wait for ever for a server that has gone.
    os._exit(code)


if __name__ == "__main__":
    main()
