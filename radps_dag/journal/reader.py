"""Runs and their rows as a database keeps them, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from radps_dag.facts import Fact
from radps_dag.journal.connections import Connections, Database
from radps_dag.journal.rows import (
    ADVICE,
    Damaged,
    DamagedRun,
    Head,
    Row,
    believed,
    digest,
    to_fact,
)
from radps_dag.journal.statements import (
    ELSEWHERE,
    FACTS,
    HEADLESS,
    KEYED,
    RUNS,
    WITH_KEY,
    any_of,
)
from radps_dag.journal.workspace import Workspace

__all__ = ["RUN", "Damages", "Reader"]

RUN = f"{RUNS} WHERE run = :run"
_SINCE = f"{FACTS} WHERE run = :run AND seq > :after ORDER BY seq"

_MOST = 20  # rows of a key that are looked at

Damages = Callable[[DamagedRun], object]
T = TypeVar("T")


class Reader(Connections):
    """The journal of a workspace, read at any moment."""

    def __init__(self, workspace: Workspace, database: Database, name: str, reading: bool) -> None:
        super().__init__(database, name, reading)
        self.workspace = workspace
        self._sound: dict[str, int] = {}  # by run: the row up to which all were checked

    def heads(self, damaged: Damages | None = None) -> list[Head]:
        """All runs, newest first. Those that are damaged are handed to `damaged` and left out, and
        those in which nothing has happened yet are not there.

        Raises DamagedRun where nobody asks for the damaged ones.
        """
        with self.look() as connection:
            rows = connection.execute(f"{RUNS} ORDER BY created DESC, run DESC").fetchall()
            lost = connection.execute(HEADLESS).fetchall()
        heads = [head for head in _sound(rows, self._head, damaged) if head.last]
        for (run,) in lost:
            error = self._damaged(str(run), f"run {run!r} is not in the list of runs")
            if damaged is None:
                raise error
            damaged(error)
        return heads

    def head(self, run: str) -> Head | None:
        """Head of a run; None if there is no such run."""
        with self.look() as connection:
            row = connection.execute(RUN, {"run": run}).fetchone()
        return None if row is None else self._head(row)

    def keyed(self, run: str, key: str, kind: str) -> Row | None:
        """The first row of a run with a key, of a kind."""
        with self.look() as connection:
            values = {"run": run, "key": key, "kind": kind}
            first = connection.execute(KEYED, values).fetchone()
        return None if first is None else self._row(first)

    def rows(
        self, run: str, after: int = 0, kinds: Sequence[str] = (), *, hasty: bool = False
    ) -> Iterator[Row]:
        """The rows of a run in their order. Raises Damaged where any of the run, of whatever kind,
        is damaged or missing; `hasty`: where one of these kinds is damaged."""
        if kinds:
            if not hasty:
                self.check_run(run)
            of_kinds, values = any_of("kind", kinds)
            yield from self._some(
                f"run = :run AND seq > :after AND {of_kinds}",
                {"run": run, "after": after, **values},
            )
        else:
            yield from self._all_rows(run, after)

    def at(self, run: str, places: Collection[str], kinds: Sequence[str]) -> list[Row]:
        """The rows of a run about these places, of these kinds, in their order. Raises Damaged as
        `rows` does."""
        self.check_run(run)
        at_places, values = any_of("place", places)
        of_kinds, more = any_of("kind", kinds)
        wanted = f"run = :run AND {at_places} AND {of_kinds}"
        return list(self._some(wanted, {"run": run, **values, **more}))

    def check_run(self, run: str) -> None:
        """Raises Damaged where a row of a run is not what was written, or one is missing.

        Each is looked at once, so that whoever asks the database about the run may ask first.
        """
        self._all_rows(run, self._sound.get(run, 0))

    def _all_rows(self, run: str, after: int) -> list[Row]:
        """The rows of a run, every one of them checked."""
        # One transaction, so that the two belong together.
        with self.look() as connection:
            of_run = connection.execute(RUN, {"run": run}).fetchone()
            values = connection.execute(_SINCE, {"run": run, "after": after}).fetchall()
        last = 0 if of_run is None else self._head(of_run).last
        rows = list(map(self._row, values))
        for number, row in enumerate(rows, start=after + 1):
            if row.seq != number:
                raise self._damaged(run, f"row {number} of run {run} is missing")
        if after + len(values) < last:
            raise self._damaged(run, f"row {after + len(values) + 1} of run {run} is missing")
        if values and after + len(values) > last:
            raise self._damaged(run, f"run {run} has rows after its last, {last}")
        if after <= self._sound.get(run, 0):
            self._sound[run] = max(last, self._sound.get(run, 0))
        return rows

    def _some(self, wanted: str, values: dict[str, Any]) -> Iterator[Row]:
        with self.look() as connection:
            rows = connection.execute(f"{FACTS} WHERE {wanted} ORDER BY seq", values).fetchall()
        return map(self._row, rows)

    def facts(self, run: str, after: int = 0) -> Iterator[Fact]:
        """Yield the facts of a run, in their order. Raises Damaged."""
        for row in self.rows(run, after):
            yield self.fact(row)

    def fact(self, row: Row) -> Fact:
        """Fact of a row. A row that is damaged raises `DamagedRun`."""
        try:
            return to_fact(row, self.workspace)
        except Damaged as error:
            raise self._damaged(row.run, str(error)) from error

    def with_key(self, key: str, most: int = _MOST, damaged: Damages | None = None) -> list[Row]:
        """The newest rows with a key. Those that are damaged are as in `heads`."""
        with self.look() as connection:
            rows = connection.execute(WITH_KEY, {"key": key, "most": most}).fetchall()
        return list(_sound(rows, self._row, damaged))

    def elsewhere(self, key: str, place: str, run: str, damaged: Damages) -> list[Row]:
        """The newest rows with a key at a place of runs other than this one. Those that are damaged
        are as in `heads`."""
        values = {"key": key, "place": place, "run": run, "most": _MOST}
        with self.look() as connection:
            rows = connection.execute(ELSEWHERE, values).fetchall()
        return list(_sound(rows, self._row, damaged))

    def check(self, *, thorough: bool = False) -> None:
        """Look for damage of the file itself; `thorough`: and of what finds the rows in it.

        Raises Damaged.
        """
        if self.postgres:
            return
        with self.look() as connection:
            what = "integrity_check" if thorough else "quick_check"
            (state,) = connection.execute(f"PRAGMA {what}(1)").fetchone()
        if state != "ok":
            reason = " ".join(str(state).removeprefix("*** in database main ***").split())
            raise Damaged(f"{self.name}: the journal is damaged: {reason}; {ADVICE}")

    def _head(self, row: Sequence[Any]) -> Head:
        """The head of a run. Raises Damaged where it is not what was written."""
        *values, written = row
        head = Head(*values)
        if digest(head) != written:
            raise self._damaged(str(head.run), f"the head of run {head.run!r} is damaged")
        return head

    def _row(self, row: Sequence[Any]) -> Row:
        try:
            return believed(Row(*row))
        except Damaged as error:
            raise self._damaged(str(row[0]), str(error)) from error

    def _damaged(self, run: str, what: str) -> DamagedRun:
        return DamagedRun(f"{self.name}: {what}; {ADVICE}", run)


def _sound(
    rows: Iterable[Sequence[Any]], read: Callable[[Sequence[Any]], T], damaged: Damages | None
) -> Iterator[T]:
    """Read rows; if `damaged` is given, those that are damaged are handed to it and left out."""
    for row in rows:
        try:
            yield read(row)
        except DamagedRun as error:
            if damaged is None:
                raise
            damaged(error)
