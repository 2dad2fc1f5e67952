"""The journal as a database keeps it: runs and their rows, read and appended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from math import inf, nextafter
from typing import Any, TypeVar

from radps_dag.facts import Fact
from radps_dag.journal.connections import Connection, Connections, Database
from radps_dag.journal.pins import Pins
from radps_dag.journal.rows import (
    ADVICE,
    CANCELLED,
    Damaged,
    DamagedRun,
    Head,
    Row,
    believed,
    checksum,
    digest,
    to_fact,
)
from radps_dag.journal.statements import (
    ADD,
    CLEAR,
    ENTER,
    FACTS,
    HEADLESS,
    KEYED,
    LEAVE,
    MOVE,
    RUNS,
    WITH_KEY,
    any_of,
)
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError

__all__ = ["Damages", "Head", "Outdated", "Store"]


class Outdated(RadpsDagError):
    """Somebody else has begun to drive the run."""


_RUN = f"{RUNS} WHERE run = :run"
_SINCE = f"{FACTS} WHERE run = :run AND seq > :after ORDER BY seq"

Damages = Callable[[DamagedRun], object]
T = TypeVar("T")


class Store(Connections):
    """The journal of a workspace: reads at any moment, and one writer for each run."""

    def __init__(self, workspace: Workspace, database: Database, name: str, reading: bool) -> None:
        super().__init__(database, name, reading)
        self.workspace = workspace
        self._sound: dict[str, int] = {}  # by run: the row up to which all were checked
        self._pins = Pins(workspace)

    def close(self) -> None:
        """Close all connections, and give up the runs that were pinned."""
        self._pins.release()
        super().close()

    def pin(self, run: str) -> bool:
        """Keep what a run has made from being removed until the store is closed, before its rows
        are read. False where somebody removes it right now."""
        return self.reading or self._pins.take(run)

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
            row = connection.execute(_RUN, {"run": run}).fetchone()
        return None if row is None else self._head(row)

    def create(self, run: str, pipeline: str, time: float) -> bool:
        """Enter a new run, with nothing in it. False where one of that name is there already.

        It is newer than all that are there, also where the clock was set back since.
        """
        with self.begin() as connection:
            moments = connection.execute("SELECT created FROM radps_runs").fetchall()
            # What is no number is damaged, and found out elsewhere.
            latest = max(
                (moment for (moment,) in moments if isinstance(moment, float) and moment < inf),
                default=0.0,
            )
            created = max(time, nextafter(latest, inf))
            return self._enter(connection, Head(run, pipeline, created, 0, 0))

    def forget(self, run: str) -> bool:
        """Take a run out in which nothing has happened. False where something has."""
        with self.begin() as connection:
            done = connection.execute(
                "DELETE FROM radps_runs WHERE run = :run AND last = 0", {"run": run}
            )
        return done.rowcount == 1

    def next_generation(self, run: str) -> int:
        """Make who asks the one that drives the run; whoever drove it before can append no more."""
        with self.begin() as connection:
            head = self._locked(connection, run)
            head = replace(head, generation=head.generation + 1)
            connection.execute(MOVE, _values(head))
        return head.generation

    def append(self, run: str, rows: Sequence[Row], generation: int | None = None) -> int:
        """Append rows, all of them or none, and return the number of the first.

        When this returns they are durable. Raises Outdated where `generation` is over.
        """
        with self.begin() as connection:
            head = self._locked(connection, run)
            if generation is not None and head.generation != generation:
                raise Outdated(
                    f"run {run} is driven by another process since it was resumed elsewhere; "
                    "this one ends"
                )
            return self._add(connection, head, rows)

    def append_once(self, run: str, row: Row) -> Row | None:
        """Append a row unless the run has one of its kind with its key, or is cancelled. What was
        there is returned then."""
        ends = {"run": run, "key": CANCELLED, "kind": "run_ended"}
        with self.begin() as connection:
            head = self._locked(connection, run)
            asked = {**ends, "key": row.key, "kind": row.kind}
            earlier = connection.execute(KEYED, asked).fetchone()
            earlier = earlier or connection.execute(KEYED, ends).fetchone()
            if earlier is None:
                self._add(connection, head, [row])
        return None if earlier is None else self._row(earlier)

    def keyed(self, run: str, key: str, kind: str) -> Row | None:
        """The first row of a run with a key, of a kind."""
        with self.look() as connection:
            values = {"run": run, "key": key, "kind": kind}
            first = connection.execute(KEYED, values).fetchone()
        return None if first is None else self._row(first)

    def _add(self, connection: Connection, head: Head, rows: Sequence[Row]) -> int:
        first = head.last + 1
        values = [
            {
                "run": row.run,
                "seq": seq,
                "time": row.time,
                "place": row.place,
                "kind": row.kind,
                "key": row.key,
                "payload": row.payload,
                "checksum": checksum(row, seq),
            }
            for seq, row in enumerate(rows, start=first)
        ]
        connection.executemany(ADD, values)
        head = replace(head, last=first + len(rows) - 1)
        connection.execute(MOVE, _values(head))
        return first

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
            of_run = connection.execute(_RUN, {"run": run}).fetchone()
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

    def with_key(self, key: str, most: int = 20, damaged: Damages | None = None) -> list[Row]:
        """The newest rows with a key. Those that are damaged are as in `heads`."""
        with self.look() as connection:
            rows = connection.execute(WITH_KEY, {"key": key, "most": most}).fetchall()
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

    def add_run(self, head: Head, rows: Sequence[Row]) -> bool:
        """Enter a whole run that comes from elsewhere. False where it is there already."""
        with self.begin() as connection:
            empty = replace(head, last=0)
            if not self._enter(connection, empty):
                return False
            if rows:
                self._add(connection, empty, rows)
        return True

    def remove(self, heads: Sequence[Head]) -> list[str]:
        """Take runs out with all their rows, in one transaction; those that have got more since, or
        a new driver, stay. The ids of those that are gone are returned."""
        gone: list[str] = []
        with self.begin() as connection:
            for head in heads:
                values = {"run": head.run, "generation": head.generation, "last": head.last}
                if connection.execute(LEAVE, values).rowcount:
                    connection.execute(CLEAR, {"run": head.run})
                    gone.append(head.run)
        for run in gone:
            self._sound.pop(run, None)
        return gone

    def _enter(self, connection: Connection, head: Head) -> bool:
        return connection.execute(ENTER, _values(head)).fetchone() is not None

    def _locked(self, connection: Connection, run: str) -> Head:
        # SQLite has no locks of rows: who writes has the whole file for himself.
        lock = f"{_RUN} FOR UPDATE" if self.postgres else _RUN
        row = connection.execute(lock, {"run": run}).fetchone()
        if row is None:
            raise self._damaged(run, f"run {run} is not in the journal")
        return self._head(row)

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


def _values(head: Head) -> dict[str, Any]:
    """The columns of a head."""
    return {
        "run": head.run,
        "pipeline": head.pipeline,
        "created": head.created,
        "generation": head.generation,
        "last": head.last,
        "checksum": digest(head),
    }
