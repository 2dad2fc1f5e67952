"""`radps-dag graph`: draw a pipeline."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from radps_dag.cli import completion
from radps_dag.cli.options import which_workloads, which_workspace
from radps_dag.diagram import FORMATS, Direction, Format, Layout, draw
from radps_dag.opening import open_pipeline
from radps_dag.problem import UsageError, allowed
from radps_dag.profile import find_profile

if TYPE_CHECKING:
    from radps_dag.builder import Graph
    from radps_dag.diagram.cards import States

__all__ = ["command"]

ENDINGS: dict[str, Format] = {
    ".png": "png",
    ".svg": "svg",
    ".dot": "dot",
    ".gv": "dot",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
}
ENDING: dict[Format, str] = {"png": ".png", "svg": ".svg", "dot": ".dot", "mermaid": ".mmd"}


@click.command("graph")
@click.argument("file", type=click.Path(), metavar="[FILE]", required=False)
@click.option(
    "--run",
    metavar="RUN",
    shell_complete=completion.runs,
    help="Draw what this run recorded, with how each node ended, how long it took and its score.",
)
@click.option("--png", "form", flag_value="png", help="A picture for pages and slides (default).")
@click.option("--svg", "form", flag_value="svg", help="A picture that scales, with tooltips.")
@click.option("--dot", "form", flag_value="dot", help="Graphviz's language.")
@click.option("--mermaid", "form", flag_value="mermaid", help="A diagram that GitHub can draw.")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="OUT",
    help="Write here; the ending names the format. '-' is standard output. "
    "Default: the pipeline's name, in the current directory.",
)
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    metavar="N",
    help="Show N levels: 1 is the stages alone. Default: all.",
)
@click.option(
    "--layout",
    type=click.Choice(get_args(Layout)),
    default="auto",
    show_default=True,
    help="The layout engine: radps-dag's own, or Graphviz's dot if it is installed.",
)
@click.option(
    "--direction",
    type=click.Choice(get_args(Direction)),
    default="down",
    show_default=True,
    help="The direction in which the stages flow.",
)
@which_workloads
@which_workspace
def command(
    file: str | None,
    run: str | None,
    form: Format | None,
    output: str | None,
    depth: int | None,
    layout: Layout,
    direction: Direction,
    library: str | None,
    modules: tuple[Path, ...],
    profile_file: Path | None,
    workspace: Path,
    store: str | None,
) -> int:
    """Draw the pipeline in FILE, or that of a run, without running anything.

    Writes a PNG named after the pipeline, or what -o or a format's flag says, and prints its path.
    """
    form = _format(form, output)
    if (file is None) == (run is None):
        raise UsageError("graph draws FILE or --run RUN: name one of them")
    name, graph, states = (
        _recorded(str(run), workspace, store)
        if file is None
        else _of_file(file, library, modules, profile_file)
    )
    content = draw(graph, form, depth=depth, direction=direction, layout=layout, states=states)
    if output == "-":
        _to_stdout(content, form)
    else:
        click.echo(_written(content, Path(output or name + ENDING[form])))
    return 0


def _of_file(
    file: str, library: str | None, modules: tuple[Path, ...], profile_file: Path | None
) -> tuple[str, Graph, States]:
    pipeline, _ = open_pipeline(file, library, modules, find_profile(profile_file))
    from radps_dag.builder import build

    return pipeline.name, build(pipeline), {}


def _recorded(run: str, workspace: Path, store: str | None) -> tuple[str, Graph, States]:
    """The graph that a run recorded, and how its nodes ended."""
    from radps_dag.cli.looking import looking
    from radps_dag.journal.run_status import find_run, last_start
    from radps_dag.report.folding import report_of
    from radps_dag.report.states import states
    from radps_dag.report.texts import recorded

    with looking(workspace, store) as opened:
        report = report_of(opened, find_run(opened, run))
        graph = recorded(last_start(opened, report.run)).graph
    if graph is None:
        raise UsageError(f"run {report.run} has not recorded a pipeline that can be drawn")
    return report.pipeline, graph, states(report.nodes)


def _format(form: Format | None, output: str | None) -> Format:
    """The format: by flag, by the ending of the file, or PNG."""
    if form is not None or output is None or output == "-":
        return form or "png"
    ending = str(Path(output).suffix).lower()
    if ending not in ENDINGS:
        subject = f"the ending {ending!r}" if ending else "a name without an ending"
        raise UsageError(
            f"-o {output}: {subject} does not say which format; use {allowed(ENDINGS)}"
            f" or one of --{', --'.join(FORMATS)}"
        )
    return ENDINGS[ending]


def _to_stdout(content: bytes, form: Format) -> None:
    stream = sys.stdout.buffer
    if stream.isatty():
        if form == "png":
            raise UsageError("-o -: a PNG is not for a terminal; redirect it, or use -o FILE.png")
        click.echo(content.decode(), nl=False)
        return
    stream.write(content)
    stream.flush()


def _written(content: bytes, path: Path) -> str:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; use -o for another place"
        ) from None
    return str(path)
