"""A workspace's journal, opened to look at runs: shared by `runs`, `status` and `show`."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radps_dag.profile import find_profile

if TYPE_CHECKING:
    from rich.text import Text

    from radps_dag.journal.rows import DamagedRun
    from radps_dag.journal.store import Store

__all__ = [
    "Damage",
    "address",
    "as_json",
    "looking",
    "moment",
    "page_of_run",
    "print_lines",
    "room",
    "width_of_terminal",
]


@contextlib.contextmanager
def looking(
    workspace: Path, store: str | None, *, migrate: bool = False, writing: bool = False
) -> Iterator[Store]:
    """The journal, to be read; with `migrate`, brought up to date before; with `writing`, to be
    written too.

    Raises UsageError where there is none.
    """
    from radps_dag.journal.opening import open_store
    from radps_dag.journal.workspace import Workspace

    profile = find_profile()
    place = Workspace(workspace.resolve(), profile.products or "")
    url = store or profile.store
    if migrate and (url is not None or place.journal.exists()):
        open_store(place, url).close()
    opened = open_store(place, url, reading=True)
    if writing:
        opened.close()  # it is there
        opened = open_store(place, url)
    try:
        yield opened
    finally:
        opened.close()


class Damage:
    """Collects the runs that are damaged, for a list that goes on without them."""

    def __init__(self) -> None:
        self.runs: dict[str, str] = {}

    def __call__(self, error: DamagedRun) -> None:
        """Keep the first error of a run."""
        self.runs.setdefault(error.run, str(error))

    def told(self) -> int:
        """Name each in a line of the standard error; the exit code of the command."""
        for message in self.runs.values():
            click.echo(f"radps-dag: {message}", err=True)
        return 1 if self.runs else 0


def as_json(value: Any) -> str:
    """A value as JSON to read; not a number and infinities are null."""
    from radps_dag.facts import strict_json

    return json.dumps(json.loads(strict_json(value)), indent=2, ensure_ascii=False)


def moment(seconds: float | None) -> str:
    """A time as a person reads it, here and now: `11-25 00:59:43`."""
    if seconds is None:
        return ""
    at = time.localtime(seconds)
    this_year = at.tm_year == time.localtime().tm_year
    return time.strftime("%m-%d %H:%M:%S" if this_year else "%Y-%m-%d %H:%M", at)


def page_of_run(store: Store, run: str) -> str:
    """The address of a run on Prefect's page, or why there is none; "" if it never had one."""
    from radps_dag.facts import Tracked

    facts = [store.fact(row) for row in store.rows(run, kinds=("tracked",))]
    tracked = [fact for fact in facts if isinstance(fact, Tracked) and not fact.told]
    if not tracked:
        return ""
    from radps_dag.prefect.server import page_of

    return page_of(tracked[-1].flow_run, tracked[-1].api)


def width_of_terminal() -> int:
    """Columns that a line may have; where no terminal reads it, as many as are easily read."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100


def room() -> int:
    """Columns that a line may have where nothing is left out for anybody but a terminal."""
    return width_of_terminal() if sys.stdout.isatty() else sys.maxsize


def address(uri: str) -> str:
    """The address of a product, to be copied and opened: a URL, or a path, relative if it is below
    the current directory.

    >>> address((Path("a") / "image 1.fits").resolve().as_uri()), address("s3://bucket/a")
    ('a/image 1.fits', 's3://bucket/a')
    """
    from radps_dag.storage.addresses import redacted
    from radps_dag.storage.remote import is_local, path_of

    if not is_local(uri):
        return redacted(uri)
    path, here = path_of(uri), Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def print_lines(lines: Iterable[Text]) -> None:
    """Lines to the standard output, with their colours if a terminal reads it."""
    from radps_dag.progress.look import console_on, write

    if not sys.stdout.isatty():
        write(sys.stdout, "".join(f"{line.plain.rstrip()}\n" for line in lines))
        return
    console = console_on(sys.stdout, markup=False)
    for line in lines:
        console.print(line, soft_wrap=True)
