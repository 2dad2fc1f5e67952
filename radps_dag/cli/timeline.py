"""`radps-dag timeline`: what ran when in a run, and what held it up."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radps_dag.cli.looking import looking, print_lines, width_of_terminal
from radps_dag.cli.options import which_run, which_workspace
from radps_dag.problem import UsageError

if TYPE_CHECKING:
    from rich.text import Text

    from radps_dag.report.chart import Axis, Row
    from radps_dag.report.model import Report

__all__ = ["command"]

_WIDEST = 36  # columns of a node's name
_NARROWEST = 20  # columns of the axis
_STEPS = 8  # of the critical path, the longest ones
_STYLES = {
    "waiting": "dim",
    "publishing": "blue",
    "succeeded": "green",
    "failed": "bold red",
    "tolerated": "yellow",
    "reused": "dim",
    "asked": "magenta",
    "running": "cyan",
    "retrying": "cyan",
    "stopped": "yellow",
    "abandoned": "yellow",
}
# So that they are told apart without colour; what comes later is drawn over what came before.
_SIGNS = {
    "waiting": ("·", "."),
    "publishing": ("▪", "+"),
    "succeeded": ("━", "-"),
    "reused": ("≡", "="),
    "running": ("▸", ">"),
    "retrying": ("▸", ">"),
    "stopped": ("■", "#"),
    "abandoned": ("■", "#"),
    "asked": ("?", "?"),
    "tolerated": ("!", "!"),
    "failed": ("✗", "x"),
}


@click.command("timeline")
@which_run(required=False)
@click.option(
    "--depth",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    metavar="N",
    help="Show N levels: 1 is the stages alone.",
)
@click.option(
    "--svg",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write it as a picture with all levels instead.",
)
@click.option(
    "--png",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The same as a PNG.",
)
@which_workspace
def command(
    run: str | None,
    depth: int,
    svg: Path | None,
    png: Path | None,
    workspace: Path,
    store: str | None,
) -> int:
    """Show what ran when in RUN, or in the last one: each stage with its nodes on a time axis, and
    the steps that held the run up longest.

    The axis has the time in which a process drove the run. Of many calls at once a row shows how
    many went on.
    """
    from radps_dag.journal.run_status import find_run
    from radps_dag.report.folding import report_of

    with looking(workspace, store) as opened:
        report = report_of(opened, find_run(opened, run))
    for path in filter(None, (svg, png)):
        try:
            path.write_bytes(_picture(report, png=path is png))
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}; name another file") from None
        click.echo(path)
    if svg is None and png is None:
        print_lines(_lines(report, depth, width_of_terminal()))
    return 0


def _picture(report: Report, *, png: bool) -> bytes:
    from radps_dag.report.pages import gantt

    text = gantt(report.timeline)
    if not png:
        return text.encode()
    from radps_dag.diagram.png import scale_of
    from radps_dag.fonts.rendering import rendered

    width, height = (float(size) for size in re.findall(r'(?:width|height)="([\d.]+)"', text)[:2])
    return rendered(text, round(width * scale_of(width, height)))


def _lines(report: Report, depth: int, width: int) -> Iterator[Text]:
    from rich.text import Text

    from radps_dag.progress.look import ASCII, clean, duration, symbols_for

    rows = [row for row in report.timeline.rows if row.node.depth < depth]
    yield Text(f"{clean(report.run)}  {report.status} in {duration(report.seconds)}", "bold")
    if not rows:
        yield Text("nothing has begun yet", "dim")
        return
    plain = symbols_for(sys.stdout) is ASCII
    names = min(_WIDEST, max(len(_name(row)) for row in rows))
    wide = max(_NARROWEST, width - names - 21)
    heads = f"{'time':>9}{'slack':>9}" if report.slack else f"{'time':>9}"
    yield Text(f"{' ' * (names + 2)}{_ticks(report.timeline.axis, wide):{wide}}{heads}", "dim")
    for row in rows:
        name = clean(_name(row)) if row.node.depth else clean(row.node.path)
        indent = "  " * row.node.depth
        label = f"{indent}{name}"
        label = label if len(label) <= names else f"{label[: names - 1]}{'~' if plain else '…'}"
        text = Text(f"{label:{names}}  ", "" if row.node.depth else "bold", no_wrap=True)
        text.append_text(_bar(row, report.timeline.axis, wide, plain))
        spread = row.node.spread
        text.append(f"  {duration(spread.total) if spread else '':>7}", "dim")
        text.append(f"  {duration(report.slack.get(row.node.path)):>7}", "dim")
        yield text
    yield from _efficiency(report)
    yield from _critical(report)


def _name(row: Row) -> str:
    return "  " * row.node.depth + row.node.name


def _ticks(axis: Axis, wide: int) -> str:
    """The labels of the axis, as many as have room."""
    line = ""
    for position, label in axis.ticks:
        column = round(position / axis.width * (wide - 1))
        if (not line or column > len(line) + 1) and column + len(label) <= wide:
            line = f"{line:{column}}{label}"
    return line


def _bar(row: Row, axis: Axis, wide: int, plain: bool) -> Text:
    from rich.text import Text

    from radps_dag.progress.look import UNICODE

    cells = [(" ", "")] * wide
    scale = (wide - 1) / max(axis.width, 1e-9)
    first, last = round(row.left * scale), round(row.right * scale)
    for n in range(first, min(last, wide - 1) + 1) if row.density else ():
        at = min(int((n - first) / max(last - first + 1, 1) * len(row.density)), 10**6)
        share = row.density[at]
        steps = "-" if plain else UNICODE.trend
        cells[n] = (steps[round(share * (len(steps) - 1))] if share else " ", "green")
    order = list(_SIGNS)
    for bar in sorted(row.bars, key=lambda bar: order.index(bar.status)):
        style = _STYLES[bar.status] + (" bold" if bar.critical else "")
        sign = _SIGNS[bar.status][plain]
        for n in range(round(bar.left * scale), min(round(bar.right * scale), wide - 1) + 1):
            if not row.density or bar.status != "succeeded":
                cells[n] = (sign, style)
    text = Text(no_wrap=True)
    for sign, style in cells:
        text.append(sign, style)
    return text


def _efficiency(report: Report) -> Iterator[Text]:
    from rich.text import Text

    from radps_dag.progress.look import duration

    used = report.efficiency
    yield Text()
    if used is None:
        yield Text("Efficiency: not measured")
        return
    every = (used.computing + used.publishing + used.waiting + used.idle) or 1.0
    shares = [
        f"{100 * part / every:.0f} % {word}"
        for part, word in (
            (used.computing, "computing"),
            (used.publishing, "publishing"),
            (used.waiting, "waiting for workers"),
            (used.idle, "idle"),
        )
    ]
    slots = f"{used.slots:,} slot{'' if used.slots == 1 else 's'}"
    yield Text(f"Efficiency: {slots} for {duration(used.wall)}: {', '.join(shares)}")
    yield Text(
        f"  W {duration(used.computing)}, p {used.slots}, T_ideal {duration(used.ideal)},"
        f" makespan {duration(used.wall)}, ramp {duration(used.ramp)},"
        f" straggler tail {duration(used.tail)}"
    )
    yield Text(
        f"  map-reduce efficiency {100 * used.map_reduce:.0f} %,"
        f" end-to-end {100 * used.end_to_end:.0f} %"
    )


def _critical(report: Report) -> Iterator[Text]:
    from rich.text import Text

    from radps_dag.progress.look import clean, duration

    steps = report.critical
    if not steps:
        return
    took, between = sum(step.seconds for step in steps), sum(step.before for step in steps)
    yield Text()
    yield Text(
        f"Critical path: {len(steps):,} {'step' if len(steps) == 1 else 'steps'} of"
        f" {duration(took)}, and {duration(between)} between them; the longest:"
    )
    longest = sorted(steps, key=lambda step: -step.seconds)[:_STEPS]
    for step in longest:
        yield Text(f"  {duration(step.seconds):>7}  {clean(step.place)}")
