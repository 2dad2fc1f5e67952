"""`radps-dag`: the commands, and the one place that makes exit codes."""

from __future__ import annotations

import contextlib
import gc
import importlib
import keyword
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radps_dag import __version__
from radps_dag.problem import InvalidPipeline, RadpsDagError, there_are
from radps_dag.visible import one_line, shown_streams

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["main"]

# Each is a module of this package with a click command named `command`, imported when used.
COMMANDS = {
    "validate": "check pipeline files completely, without running anything",
    "graph": "draw a pipeline",
    "run": "run a pipeline",
    "plan": "say what a run would do, without running",
    "questions": "list the questions that wait for an answer",
    "answer": "answer a question of a run",
    "cancel": "end a run for good",
    "resume": "go on with a run where it stopped",
    "runs": "list the runs of a workspace",
    "status": "show the status of a run, or follow it",
    "prune": "remove runs, and the products that no other run stands on",
    "show": "show all about a run, or about a node of it",
    "qa": "list the QA scores of a run, lowest first",
    "stats": "show what the calls of a run used, by node",
    "report": "write what happened in a run as pages that open anywhere",
    "timeline": "show what ran when, and what held the run up",
    "diff": "show what differs between two runs",
    "context": "show what a run knows: values with their origins, and products",
    "export": "write a run to a file",
    "import": "import a run that was exported elsewhere",
    "deploy": "register a pipeline with Prefect, to be run from its page or by a schedule",
    "serve": "run what is deployed, until interrupted",
    "deployments": "list what is deployed, or remove it",
    "import-cab": "write tool files of Stimela's cabs",
    "import-procedure": "write a pipeline of a procedure of the ALMA pipeline",
    "workloads": "list the workloads, or describe one",
    "executors": "list the executors: where workloads can compute",
    "schema": "print the JSON Schema of pipeline files",
    "init": "lay out a starter project",
    "server": "start, stop or look at the local Prefect server",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        # Python has the word `import` for itself.
        name = cmd_name.replace("-", "_")
        name = f"{name}_" if keyword.iskeyword(name) else name
        module = importlib.import_module(f"radps_dag.cli.{name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, so that `--help` imports no command.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from radps_dag.problem import did_you_mean

        name = args[0]
        if ctx.resilient_parsing:
            # A shell completes. An option that still waits for its value would hide the arguments.
            args = args[:-1] if len(args) > 1 and args[-1].startswith("-") else args
        elif name not in COMMANDS and not name.startswith("-"):
            hint = did_you_mean(name, COMMANDS) or f"; {there_are(COMMANDS)}"
            ctx.fail(f"no such command {name!r}{hint}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=text)
            for name, text in COMMANDS.items()
            if name.startswith(incomplete)
        ]


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="radps-dag")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def _radps_dag(ctx: click.Context, debug: bool) -> None:
    """Radio-astronomy pipelines as one page of validated YAML, run by Prefect."""
    ctx.obj = debug


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 good, 1 failed run, 2 invalid input, 3 a question waits,
    130 interrupted, 141 nobody reads the output any more."""
    if arguments is not None:
        sys.exit(_exit_code(arguments))
    # Few of our objects refer to each other in circles, and to look for those after each 700 new
    # ones takes a tenth of a command's time.
    gc.set_threshold(50_000, 20, 50)
    code = _safely()
    # Memory goes back with the process: Python would look through all of it for circles first.
    gc.freeze()
    # All is done: one more Ctrl-C must not interrupt Python while it ends, with a traceback.
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(code))
    if "prefect" in sys.modules or _abandoned():
        _leave(code)
    sys.exit(code)


def _safely() -> int:
    """The exit code, with standard streams that may be closed or full: it is not 0 where something
    of the output is missing."""
    from radps_dag.cli.streams import PIPE_CLOSED, make_safe

    output = make_safe()
    code = 0
    try:
        code = _exit_code(None)
        sys.stdout.flush()
    except BrokenPipeError:
        code = PIPE_CLOSED
    except (OSError, SystemExit):  # click exits by itself where a pipe has broken
        if output.lost is None:
            raise
    if output.why:
        click.echo(f"radps-dag: {output.why}", err=True)
    return code or output.code


def _abandoned() -> bool:
    """Whether a thread of ours still works: a call that was cancelled, an import that goes on."""
    threading = sys.modules.get("threading")
    return threading is not None and any(
        thread.daemon and thread.name.startswith("radps-dag") for thread in threading.enumerate()
    )


def _leave(code: int) -> None:
    """End here. Python would stop such a thread where it is, and C++ code aborts the program then;
    and Prefect would wait for ever for a server that has gone. It has had its time to send.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


@shown_streams()
def _exit_code(arguments: list[str] | None) -> int:
    if "_RADPS_DAG_COMPLETE" in os.environ:
        importlib.import_module("radps_dag.cli.completion")  # what it knows of shells
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    # `--debug` is a flag of the whole program: allowed in front of and behind the command's name.
    rest = [word for word in given if word != "--debug"]
    try:
        result: Any = _radps_dag.main(rest, prog_name="radps-dag", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        # click quotes a value whole, however long it is.
        error.message = one_line(error.message)  # type: ignore[misc]
        error.show()
        return error.exit_code
    except RadpsDagError as error:
        if debug:
            import traceback

            traceback.print_exc()
        _show(error)
        return error.exit_code
    except FileNotFoundError:
        if _is_somewhere():
            raise
        click.echo("radps-dag: the current directory is gone; change to one that exists", err=True)
        return 2
    return result if isinstance(result, int) else 0


def _is_somewhere() -> bool:
    """Whether the directory that the program was called in is still there."""
    try:
        return Path.cwd().exists()
    except OSError:
        return False


def _show(error: RadpsDagError) -> None:
    if not isinstance(error, InvalidPipeline):
        click.echo(f"radps-dag: {one_line(str(error))}", err=True)
        return
    from radps_dag.cli.problems import as_text, wants_colour

    for problem in error.problems:
        click.echo(as_text(problem, wants_colour(sys.stderr)), err=True)
