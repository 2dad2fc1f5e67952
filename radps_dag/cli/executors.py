"""`radps-dag executors`: where workloads can compute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from radps_dag import __version__
from radps_dag.cli.options import which_workloads
from radps_dag.executors.registry import DEFAULT, executors, find_executor
from radps_dag.plugins import Plugin
from radps_dag.problem import UsageError
from radps_dag.profile import find_profile
from radps_dag.visible import one_line, style
from radps_dag.workloads.contract.registry import Library, find_library

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Row:
    """An executor that can be used here, with the calls that it makes at once."""

    name: str
    default: bool
    slots: int
    isolates: bool
    ends_calls: bool
    tells_prints: bool
    here: bool
    package: str
    version: str
    defined_in: str

    @property
    def words(self) -> str:
        calls = "worker processes" if self.isolates else "the run's own process"
        late = "ends a call" if self.ends_calls else "leaves a call to itself"
        return f"in {calls}; a time-out {late}"


@click.command("executors")
@which_workloads
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def command(
    library: str | None, modules: tuple[Path, ...], profile_file: Path | None, as_json: bool
) -> int:
    """List the executors: where workloads can compute, and how many calls at once.

    `radps-dag run --executor NAME` takes one, or `executor` in radps-dag.toml.
    """
    chosen = find_profile(profile_file)
    of = find_library(library or chosen.library or "placeholder", (*chosen.workloads, *modules))
    rows, broken = [], []
    for plugin in executors().values():
        try:
            default = plugin.name == (chosen.executor or DEFAULT)
            rows.append(_row(plugin, of, chosen.max_parallel, default))
        except UsageError as error:
            broken.append(error)
    click.echo(
        json.dumps([asdict(row) for row in rows], indent=2) if as_json else "\n".join(_lines(rows))
    )
    for problem in broken:
        click.echo(f"radps-dag: {one_line(str(problem))}", err=True)
    return UsageError.exit_code if broken else 0


def _row(plugin: Plugin, library: Library, slots: int | None, default: bool) -> Row:
    executor = find_executor(plugin.name)
    return Row(
        name=plugin.name,
        default=default,
        slots=slots or executor.slots_for(library),
        **asdict(executor.capabilities),
        package=plugin.package,
        version=plugin.version or __version__,
        defined_in=plugin.value,
    )


def _lines(rows: list[Row]) -> Iterator[str]:
    width = max(len(row.name) for row in rows)
    for row in rows:
        name = style(row.name.ljust(width), bold=True)
        slots = f"{row.slots} calls at once" if row.slots != 1 else "1 call at once"
        default = " (default)" if row.default else ""
        yield f"{name}  {slots}, {row.words}{default}"
        yield f"{' ' * width}  from {row.package} {row.version}: {row.defined_in}"
