"""Links that lead out of the directory that a call wrote: what is behind them it has not made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from radps_dag.problem import RadpsDagError

__all__ = ["LeadsOut", "leads_out", "refuse_leading_out"]


class LeadsOut(RadpsDagError):
    """A link leads out of the directory that a call wrote."""


def refuse_leading_out(path: Path, root: Path, hint: str) -> None:
    """Raises LeadsOut for the first link that leads out of `root`: the path itself, or one below
    it. `hint` says what to do."""
    for below in _with_all_below(path):
        if leads_out(below, root):
            raise LeadsOut(
                f"{below} is a link that leads out of {root}, to {os.path.realpath(below)}; {hint}"
            )


def leads_out(path: Path, root: Path | None) -> bool:
    """Whether a path is a link, through however many, to what is not below `root`, if there is
    one."""
    if root is None or not path.is_symlink():
        return False
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _with_all_below(path: Path) -> Iterator[Path]:
    yield path
    if path.is_symlink():
        return
    for folder, folders, names in os.walk(path):
        yield from (Path(folder, name) for name in sorted((*folders, *names)))
