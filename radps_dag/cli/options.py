"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["which_workloads"]

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)


def which_workloads(command: F) -> F:
    """Where a pipeline's workloads are: `library`, `modules` and `profile_file` of a command."""
    options = (
        click.option("--library", metavar="NAME", help="Use this library of workloads."),
        click.option(
            *("--workloads", "modules"),
            multiple=True,
            type=_PATH,
            metavar="FILE.py",
            help="A file with workloads of your own; may be repeated. It is imported.",
        ),
        click.option(
            *("--profile", "profile_file"),
            type=_PATH,
            metavar="FILE",
            help="Use this profile instead of the nearest radps-dag.toml.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
