"""The journal as a database keeps it: runs entered and removed, and rows appended by one writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, nextafter
from typing import Any

from radps_dag.journal.connections import Connection, Database
from radps_dag.journal.pins import Pins
from radps_dag.journal.reader import RUN, Damages, Reader
from radps_dag.journal.rows import CANCELLED, Head, Row, checksum, digest
from radps_dag.journal.statements import ADD, CLEAR, ENTER, KEYED, LEAVE, MOVE
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError

__all__ = ["Damages", "Head", "Outdated", "Store"]


class Outdated(RadpsDagError):
    """Somebody else has begun to drive the run."""


class Store(Reader):
    """The journal of a workspace: reads at any moment, and one writer for each run."""

    def __init__(self, workspace: Workspace, database: Database, name: str, reading: bool) -> None:
        super().__init__(workspace, database, name, reading)
        self._pins = Pins(workspace)

    def close(self) -> None:
        """Close all connections, and give up the runs that were pinned."""
        self._pins.release()
        super().close()

    def pin(self, run: str) -> bool:
        """Keep what a run has made from being removed until the store is closed, before its rows
        are read. False where somebody removes it right now."""
        return self.reading or self._pins.take(run)

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

    def _enter(self, connection: Connection, head: Head) -> bool:
        return connection.execute(ENTER, _values(head)).fetchone() is not None

    def _locked(self, connection: Connection, run: str) -> Head:
        # SQLite has no locks of rows: who writes has the whole file for himself.
        lock = f"{RUN} FOR UPDATE" if self.postgres else RUN
        row = connection.execute(lock, {"run": run}).fetchone()
        if row is None:
            raise self._damaged(run, f"run {run} is not in the journal")
        return self._head(row)


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
