"""`radps-dag show`: all about a run, or about a node of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radps_dag.cli import completion
from radps_dag.cli.looking import as_json, looking, page_of_run
from radps_dag.cli.options import which_run, which_workspace
from radps_dag.problem import UsageError

if TYPE_CHECKING:
    from radps_dag.journal.store import Store

__all__ = ["command"]


@click.command("show")
@which_run(required=True)
@click.argument("node", required=False, shell_complete=completion.places)
@click.option("--json", "as_json_", is_flag=True, help="A JSON object instead of text.")
@click.option(
    "--provenance",
    is_flag=True,
    help="The provenance of the results, as W3C PROV-JSON.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["prov", "json"]),
    help="With --provenance: W3C PROV-JSON (default), or plain JSON.",
)
@which_workspace
def command(
    run: str,
    node: str | None,
    as_json_: bool,
    provenance: bool,
    form: str | None,
    workspace: Path,
    store: str | None,
) -> int:
    """Show RUN: params, processes, stages, outputs, versions of software, and machine.

    With NODE, a place such as 'image_cube/clean[spw=2]#3': what it called, inputs and outputs,
    attempts and errors, scores, products. A path or pattern that means several places lists them.
    RUN may be any part of an id that no other run has, or `last`.
    """
    from radps_dag.journal.run_status import find_run

    if provenance and node is not None:
        raise UsageError("--provenance is that of a whole run; leave the node out")
    if form is not None and not provenance:
        raise UsageError("--format says how to show --provenance; give both, or neither")
    with looking(workspace, store) as opened:
        run_id = find_run(opened, run)
        if provenance:
            click.echo(as_json(_provenance(opened, run_id, form or "prov")))
        elif node is None:
            _show_run(opened, run_id, as_json_)
        else:
            _show_node(opened, run_id, node, as_json_)
    return 0


def _provenance(store: Store, run: str, form: str) -> Any:
    from radps_dag.views.provenance import lineage

    story = lineage(store, run)
    if form == "json":
        return story.as_json()
    from radps_dag.views.prov_json import to_prov

    return to_prov(story)


def _show_run(store: Store, run: str, as_json_: bool) -> None:
    from radps_dag.cli.show_text import run_lines
    from radps_dag.views.objects import run_object
    from radps_dag.views.run import view_run

    view = view_run(store, run)
    if as_json_:
        click.echo(as_json(run_object(view)))
    else:
        click.echo("\n".join(run_lines(view, page_of_run(store, run))))


def _show_node(store: Store, run: str, node: str, as_json_: bool) -> None:
    from radps_dag.cli.show_text import list_lines, node_lines
    from radps_dag.journal.claims import driver_of
    from radps_dag.views.calls import view_node
    from radps_dag.views.objects import course_object, node_object
    from radps_dag.views.places import find_places, inside

    directory = store.workspace.run(run)
    driven = bool(driver_of(directory, store))
    courses = find_places(store, run, node, driven=driven)
    if len(courses) > 1:
        if as_json_:
            click.echo(as_json([course_object(course) for course in courses]))
        else:
            click.echo("\n".join(list_lines(courses)))
        return
    place = courses[0].place
    view = view_node(store, run, place, driven=driven)
    if courses[0].status == "reused":
        view.status = "reused"
    within = inside(store, run, place, driven=driven)
    if as_json_:
        click.echo(as_json(node_object(view, within, directory)))
    else:
        click.echo("\n".join(node_lines(view, within, directory)))
