"""Files of other systems on the command line: what was written, and what could not be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from radps_dag.cli.problems import as_text, wants_colour
from radps_dag.foreign import Draft
from radps_dag.problem import InvalidPipeline, Problem, UsageError

__all__ = ["show_warnings", "write_files"]


def show_warnings(warnings: Iterable[Problem]) -> None:
    """Print what could not be said, a line each, to standard error."""
    import sys

    for warning in warnings:
        click.echo(as_text(warning, wants_colour(sys.stderr)).splitlines()[0], err=True)


def write_files(
    drafts: Iterable[tuple[Path, Draft]],
    folder: Path,
    origin: Path,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Write files, all of which `check` takes, or none; without it they are known to be valid.

    Raises UsageError where a file is in the way, or where one would not be valid.
    """
    texts = {path: draft.text(origin.name) for path, draft in drafts}
    if taken := next((path for path in texts if (folder / path).exists()), None):
        raise UsageError(f"{folder / taken} is there already; name another directory with -o")
    if check is not None:
        _refuse_invalid(texts, origin, check)
    try:
        _lay_out(texts, folder)
    except OSError as error:
        where = error.filename or folder
        raise UsageError(f"{where}: cannot write: {error.strerror or error}") from error


def _refuse_invalid(texts: dict[Path, str], origin: Path, check: Callable[[Path], object]) -> None:
    with TemporaryDirectory(prefix="radps-dag-") as scratch:
        _lay_out(texts, Path(scratch))
        for path in texts:
            try:
                check(Path(scratch) / path)
            except InvalidPipeline as error:
                first = error.problems[0]
                message = f"{origin}: what it says makes no valid {path}: {first.message}"
                raise UsageError(
                    f"{message} (line {first.at.line}: {first.at.text.strip()})"
                ) from None


def _lay_out(texts: dict[Path, str], folder: Path) -> None:
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with (folder / path).open("x", encoding="utf-8") as file:
            file.write(text)
