"""`radps-dag executors`: where workloads can compute, and whether they can."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from radps_dag import __version__
from radps_dag.cli import completion
from radps_dag.cli.options import which_workloads
from radps_dag.executors.offers import Offered, offered
from radps_dag.executors.registry import (
    DEFAULT,
    ExecutorChoice,
    choose,
    executors,
    find_executor,
    unready,
)
from radps_dag.plugins import Plugin
from radps_dag.problem import UsageError
from radps_dag.profile import Profile, find_profile
from radps_dag.visible import one_line, style
from radps_dag.workloads.contract.registry import Library, find_library

__all__ = ["command"]

LIMIT = 60.0  # seconds that the call of a test may take


@dataclass(frozen=True, slots=True)
class Row:
    """An executor, with the calls that it makes at once: 0 where only the cluster knows. `unready`
    says what it needs before it can be used, `offers` what it has."""

    name: str
    kind: str
    default: bool
    slots: int
    where: str
    unready: str
    isolates: bool
    ends_calls: bool
    tells_prints: bool
    here: bool
    keeps_limits: bool
    package: str
    version: str
    defined_in: str
    offers: tuple[Offered, ...] = ()

    @property
    def words(self) -> str:
        if self.unready:
            return self.unready
        calls = "worker processes" if self.isolates else "the run's own process"
        late = "ends a call" if self.ends_calls else "leaves a call to itself"
        return f"{_at_once(self.slots)}, in {calls}; a time-out {late}"


@click.group("executors", invoke_without_command=True)
@which_workloads
@click.option("--hosts", is_flag=True, help="Also say what machines, workers and jobs have.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_context
def command(
    context: click.Context,
    library: str | None,
    modules: tuple[Path, ...],
    profile_file: Path | None,
    hosts: bool,
    as_json: bool,
) -> int:
    """List the executors: where workloads can compute, and how many calls at once.

    With --hosts, a cluster that runs is asked for its workers.

    `radps-dag run --executor NAME` takes one, or `executor` in radps-dag.toml.
    """
    if context.invoked_subcommand is not None:
        return 0
    profile = find_profile(profile_file)
    of = find_library(library or profile.library or "placeholder", (*profile.workloads, *modules))
    rows, broken = [], []
    for choice in _choices(profile):
        try:
            row = _row(choice, of, profile)
            rows.append(row)
            if hosts and not row.unready:
                rows[-1] = replace(row, offers=tuple(_offers(choice, row, profile)))
        except UsageError as error:
            broken.append(error)
    click.echo(
        json.dumps([asdict(row) for row in rows], indent=2) if as_json else "\n".join(_lines(rows))
    )
    for problem in broken:
        click.echo(f"radps-dag: {one_line(str(problem))}", err=True)
    return UsageError.exit_code if broken else 0


@command.command("test")
@click.argument("name", shell_complete=completion.executors)
@which_workloads
@click.option("--products", metavar="URL", help="The root for products that the call writes to.")
def test(
    name: str,
    library: str | None,
    modules: tuple[Path, ...],
    profile_file: Path | None,
    products: str | None,
) -> int:
    """Make one call on an executor, and say what is wrong with it.

    The call needs the workloads that a run would need, and writes to the root for products as a
    run would: that of --products or of the profile, or else this directory.
    """
    from radps_dag.executors.trial import try_executor
    from radps_dag.runs.options import products_root

    profile = find_profile(profile_file)
    choice = choose(name, profile.executors, "NAME")
    of = find_library(library or profile.library or "placeholder", (*profile.workloads, *modules))
    root = products_root(products, profile) or Path.cwd().as_uri()
    limit = getattr(choice.settings, "wait", 0.0) + LIMIT
    tried = try_executor(choice, of, profile.max_parallel, root, limit)
    took = f"open after {tried.opened:.1f} s, the call took {tried.took * 1000:.0f} ms"
    click.echo(f"{name}: a call was computed on {tried.host}, process {tried.pid}; {took}")
    click.echo(f"{_at_once(tried.slots)}; library {of.name!r}; products in {root}")
    return 0


def _choices(profile: Profile) -> Iterator[ExecutorChoice]:
    """The kinds, as they are or as the profile has them; then those that it names otherwise."""
    kinds = executors()
    for kind in kinds:
        yield profile.executors.get(kind, ExecutorChoice(kind, kind))
    yield from (choice for name, choice in profile.executors.items() if name not in kinds)


def _row(choice: ExecutorChoice, library: Library, profile: Profile) -> Row:
    executor = find_executor(choice.kind)
    plugin: Plugin = executors()[choice.kind]
    lacks = unready(choice.kind) if choice.settings is None else ""
    slots = profile.max_parallel or getattr(choice.settings, "slots", None)
    return Row(
        name=choice.name,
        kind=choice.kind,
        default=choice.name == (profile.executor or DEFAULT),
        slots=0 if lacks else slots or executor.slots_for(library),
        where=getattr(choice.settings, "where", ""),
        unready=lacks,
        **asdict(executor.capabilities),
        package=plugin.package,
        version=plugin.version or __version__,
        defined_in=plugin.value,
    )


def _offers(choice: ExecutorChoice, row: Row, profile: Profile) -> Iterator[Offered]:
    from radps_dag.executors.capacity import memory_for

    memory = profile.memory or memory_for(find_executor(choice.kind).capabilities)
    here = memory if row.here else None
    return offered(choice, row.slots, here, profile.gpus or 0)


def _at_once(slots: int) -> str:
    if not slots:
        return "as many calls at once as the workers take"
    return f"{slots} calls at once" if slots != 1 else "1 call at once"


def _lines(rows: list[Row]) -> Iterator[str]:
    width = max(len(row.name) for row in rows)
    for row in rows:
        name = style(row.name.ljust(width), bold=True)
        default = " (default)" if row.default else ""
        yield f"{name}  {row.words}{default}"
        if row.name != row.kind:
            yield f"{' ' * width}  {row.kind}: {row.where}"
        else:
            yield f"{' ' * width}  from {row.package} {row.version}: {row.defined_in}"
        for offer in row.offers:
            yield f"{' ' * width}  {one_line(offer.words)}"
