"""`radps-dag plan`: what a run would do, and why, without running."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from radps_dag.cli.asked import asked_of
from radps_dag.cli.options import (
    what_to_run,
    what_to_use_again,
    where_to_compute,
    which_workloads,
    which_workspace,
)
from radps_dag.cli.problems import wants_colour
from radps_dag.visible import style

if TYPE_CHECKING:
    from radps_dag.engine.planning import Planned

__all__ = ["Row", "brief", "command", "lines"]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the plan; it stands for `count` of the same."""

    name: str
    depth: int
    verdict: str
    why: str
    count: int = 1

    @property
    def shown(self) -> str:
        """Name of the node, indented, with how many more it stands for."""
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        return f"{'  ' * self.depth}{self.name}{more}"


_COLOURS = {"run": "yellow", "reuse": "green", "skip": None}


@click.command("plan")
@what_to_run
@click.option("--all", "everything", is_flag=True, help="Show every node, instance and iteration.")
@click.option("--json", "as_json", is_flag=True, help="A JSON array of all of them.")
@where_to_compute
@what_to_use_again
@which_workloads
@which_workspace
def command(everything: bool, as_json: bool, **given: Any) -> int:
    """Say what a run of FILE would run, reuse and skip, and why. Nothing runs.

    Calls that ask for more than the executor has are refused, as `run` refuses them.
    """
    # Late, so that the shell completes the command's options at once.
    from radps_dag.cli.screen import show_problem, show_warning
    from radps_dag.runs.preparing import planned_by

    site: dict[str, str] = {}
    planned = planned_by(asked_of(given), show_problem, show_warning, site.update)
    if as_json:
        click.echo(json.dumps([asdict(line) for line in planned], indent=1))
        return 0
    colour = wants_colour()
    for line in lines(_all(planned) if everything else brief(planned), colour):
        click.echo(line)
    click.echo(_sum(planned))
    for path, words in site.items():
        click.echo(f"profile: {path}: {words}")
    return 0


def brief(planned: list[Planned]) -> list[Row]:
    """A row for each stage; below one that runs, what of it does, instances of a node together."""
    rows: list[Row] = []
    alike: dict[tuple[str, str], int] = {}
    for node in planned:
        stage, _, inside = node.path.partition("/")
        if not inside and node.place == stage:
            rows.append(Row(stage, 0, node.verdict, node.why))
        elif node.leaf and node.verdict == "run":
            what = (node.path, "" if "changed" in node.why else node.why)
            if what in alike:
                row = rows[alike[what]]
                rows[alike[what]] = replace(row, count=row.count + 1)
            else:
                alike[what] = len(rows)
                rows.append(Row(node.place, 1, "run", node.why))
    return rows


def _all(planned: list[Planned]) -> list[Row]:
    return [
        Row(
            node.place.rpartition("/")[2] if "/" in node.path else node.place,
            depth,
            node.verdict,
            why,
        )
        for node in planned
        for depth, why in [(node.path.count("/"), node.why)]
    ]


def lines(rows: list[Row], colour: bool) -> Iterator[str]:
    """Lines of the plan, in columns."""
    widest = min(max((len(row.shown) for row in rows), default=0), 60)
    for row in rows:
        verdict = f"{row.verdict:5}"
        if colour:
            verdict = style(verdict, fg=_COLOURS[row.verdict])
        why = f"made by {row.why}" if row.verdict == "reuse" and row.why else row.why
        yield f"{verdict}  {row.shown:{widest}}  {why}".rstrip()


def _sum(planned: list[Planned]) -> str:
    counts = Counter(node.verdict for node in planned if node.leaf)
    return f"{counts['run']} to run, {counts['reuse']} to reuse, {counts['skip']} to skip"
