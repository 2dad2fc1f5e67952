"""`radps-dag import-cab`: cabs of Stimela as tool files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from radps_dag.problem import Location, Problem, UsageError

if TYPE_CHECKING:
    from radps_dag.foreign import Draft

__all__ = ["command"]


@click.command("import-cab")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    *("-o", "--output", "folder"),
    type=click.Path(path_type=Path),
    default=Path("tools"),
    show_default=True,
    metavar="DIR",
    help="Folder for the tool files.",
)
@click.option("--only", multiple=True, metavar="NAME", help="One cab of several. May be repeated.")
def command(file: Path, folder: Path, only: tuple[str, ...]) -> int:
    """Write tool files of the cabs in FILE, which are those of Stimela, such as cult-cargo has.

    What a tool file cannot say is a warning, and a comment in the file. Files that FILE includes
    are looked for beside it and in the folders above.
    """
    from radps_dag.cli.importing import show_warnings, write_files
    from radps_dag.foreign import cab_to_tool, read_cabs
    from radps_dag.foreign.cab_types import Unsayable
    from radps_dag.problem import did_you_mean, there_are

    cabs, warnings = read_cabs(file)
    if unknown := [name for name in only if name not in cabs]:
        hint = did_you_mean(unknown[0], cabs) or f"; {there_are(cabs)}"
        raise UsageError(f"{file}: no cab {unknown[0]!r}{hint}")
    drafts: dict[str, Draft] = {}
    for name, cab in cabs.items():
        if only and name not in only:
            continue
        at = cab.key_at(next(iter(cab))) if cab else Location(cab.source, 1, 1)
        try:
            draft = cab_to_tool(name, cab, at)
            if draft.name in drafts:
                raise Unsayable(f"another one is named {draft.name!r} here")
            _refuse_invalid(draft, file)
        except Unsayable as error:
            message = f"cab {name!r} is left out: {error}"
            warnings.append(Problem(at, "cab", message, severity="warning"))
        else:
            drafts[draft.name] = draft
            warnings += draft.warnings
    show_warnings(warnings)
    if not drafts:
        raise UsageError(f"{file}: none of its cabs can be a tool file")
    paths = [(Path(f"{name}.yaml"), draft) for name, draft in drafts.items()]
    write_files(paths, folder, file)  # each was read above
    for path, _ in paths:
        click.echo(folder / path)
    return 0


def _refuse_invalid(draft: Draft, file: Path) -> None:
    """Raise Unsayable where a tool file would not be valid."""
    from tempfile import TemporaryDirectory

    from radps_dag.cli.importing import write_files
    from radps_dag.foreign.cab_types import Unsayable
    from radps_dag.workloads.tools.reading import read_tool

    with TemporaryDirectory(prefix="radps-dag-") as scratch:
        try:
            write_files([(Path(f"{draft.name}.yaml"), draft)], Path(scratch), file, read_tool)
        except UsageError as error:
            raise Unsayable(str(error).removeprefix(f"{file}: ")) from None
