"""`radps-dag context`: what a run knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radps_dag.cli import completion
from radps_dag.cli.options import which_run, which_workspace
from radps_dag.problem import RadpsDagError
from radps_dag.profile import find_profile

if TYPE_CHECKING:
    from radps_dag.journal.store import Store
    from radps_dag.workloads.contract.knowledge import Snapshot

__all__ = ["command"]


@click.command("context")
@which_run(required=False)
@click.argument("key", required=False)
@click.option(
    "--at",
    metavar="NODE",
    shell_complete=completion.places,
    help="The context that this node saw when it started.",
)
@click.option(
    *("--diff", "other"),
    metavar="RUN",
    shell_complete=completion.runs,
    help="The differences from another run.",
)
@click.option("--products", is_flag=True, help="List the products, also those withdrawn.")
@click.option("--kind", metavar="KIND", help="Only products of this kind, such as caltable.")
@click.option("--spw", metavar="N", help="Only products of this spectral window.")
@click.option("--field", metavar="NAME", help="Only products of this field.")
@click.option(
    "--export",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write all of it to a file, as JSON.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@which_workspace
def command(
    run: str | None,
    key: str | None,
    at: str | None,
    other: str | None,
    products: bool,
    kind: str | None,
    spw: str | None,
    field: str | None,
    file: Path | None,
    as_json: bool,
    workspace: Path,
    store: str | None,
) -> int:
    """Show what RUN, or the last one, knows; or one KEY with all its versions and their origins.

    If the run is still going on, this is what has been committed. A single argument that is not a
    run is a key of the last one.
    """
    from radps_dag.cli import context_views as views
    from radps_dag.context.access import read_context
    from radps_dag.context.export import as_json as exported
    from radps_dag.context.export import differences

    journal = _opened(workspace, store)
    try:
        id, key = _which(journal, run, key)
        snapshot = read_context(journal, id, at)
        if other is not None:
            second = _which(journal, other, "")[0]
            different = list(differences(snapshot, read_context(journal, second, at)))
            views.show_differences(id, second, different, as_json)
            return 0
    finally:
        journal.close()
    if file is not None:
        _write(file, exported(snapshot, id, at or ""))
    elif key is not None:
        views.show_key(id, snapshot, _known(snapshot, key), as_json)
    elif products or kind or spw or field:
        views.show_products(id, _selected(snapshot, kind, spw, field), as_json)
    elif as_json:
        views.show_json(exported(snapshot, id, at or ""))
    else:
        views.show_keys(id, snapshot, at or "")
    return 0


def _opened(workspace: Path, store: str | None) -> Store:
    from radps_dag.journal.opening import open_store
    from radps_dag.journal.workspace import Workspace

    profile = find_profile()
    place = Workspace(workspace.resolve(), profile.products or "")
    return open_store(place, store or profile.store, reading=True)


def _which(journal: Store, run: str | None, key: str | None) -> tuple[str, str | None]:
    """The run and the key that are meant. The whole name of a key says more than a part of an id,
    which begins with a digit."""
    from radps_dag.context.access import read_context
    from radps_dag.journal.run_status import find_run

    if run is not None and key is None and run.isidentifier():
        last = find_run(journal, None)
        if run in read_context(journal, last).keys:
            return last, run
    return find_run(journal, run), key


def _known(snapshot: Snapshot, key: str) -> str:
    from radps_dag.workloads.contract.context import Context

    Context(snapshot)[key]  # says what there is instead
    return key


def _selected(
    snapshot: Snapshot, kind: str | None, spw: str | None, field: str | None
) -> list[Any]:
    from radps_dag.workloads.contract.knowledge import Wanted

    selection: dict[str, Any] = {} if field is None else {"field": field}
    if spw is None:
        return list(snapshot.select(Wanted(kind, selection=selection, include_withdrawn=True)))
    # A number or a name: both may stand in a product.
    numbers = [int(spw)] if spw.lstrip("-").isdecimal() else []
    return [
        record
        for record in snapshot.records
        if any(
            Wanted(kind, selection={**selection, "spw": number}, include_withdrawn=True).fits(
                record
            )
            for number in (spw, *numbers)
        )
    ]


def _write(file: Path, content: dict[str, Any]) -> None:
    try:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise RadpsDagError(
            f"{file}: cannot be written: {error.strerror}; name another file"
        ) from error
    counts = (_count(len(content[f"{what}s"]), what) for what in ("key", "product"))
    click.echo(f"{file}: {', '.join(counts)}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
