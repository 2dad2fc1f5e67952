"""Runs of a journal to those that a person wants removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from radps_dag.facts import RunEnded
from radps_dag.journal.claims import driver_of
from radps_dag.journal.rows import Damaged, DamagedRun
from radps_dag.journal.run_status import names_of
from radps_dag.journal.store import Head, Store
from radps_dag.journal.workspace import pick

__all__ = ["Choice", "choose", "kept_for_itself", "status_of"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Runs by id, or all that ended before a time (seconds since the epoch), or all but the newest
    ones; of the last two, those that are in both."""

    runs: Sequence[str] | None = None
    before: float | None = None
    keep_last: int | None = None


def choose(
    store: Store, heads: Sequence[Head], choice: Choice, removed: Sequence[str]
) -> list[Head]:
    """The runs of the journal, newest first, that are wanted removed. `removed` may be named too:
    runs that only have files left. Raises UsageError for an id that nothing has."""
    if choice.runs is not None:
        runs = [head.run for head in heads]
        names = {} if set(choice.runs) <= set(runs) else names_of(store)
        ids = {
            runs[0] if wanted == "last" and runs else pick(wanted, [*runs, *removed], names)
            for wanted in choice.runs
        }
        return [head for head in heads if head.run in ids]
    chosen = list(heads[choice.keep_last or 0 :])
    if choice.before is None:
        return chosen
    ends = _last_times(store)
    return [head for head in chosen if ends.get(head.run, head.created) < choice.before]


def _last_times(store: Store) -> Mapping[str, float]:
    query = (
        "SELECT f.run, f.time FROM radps_runs r JOIN radps_facts f"
        " ON f.run = r.run AND f.seq = r.last"
    )
    with store.look() as connection:
        return dict(map(tuple, connection.execute(query).fetchall()))


def status_of(store: Store, head: Head) -> str:
    """Tell how a run ended, without a look at all of its rows."""
    try:
        rows = list(store.rows(head.run, kinds=("run_started", "run_ended"), hasty=True))
        last = store.fact(rows[-1]) if rows else None
    except Damaged:
        return "damaged"
    return last.status if isinstance(last, RunEnded) else "interrupted"


def kept_for_itself(store: Store, head: Head, status: str) -> str:
    """Say why a run stays, whoever wants it removed; "" if nothing speaks for it."""
    directory = store.workspace.run(head.run)
    try:
        driver = driver_of(directory, store)
    except DamagedRun as error:
        return str(error)
    if driver:
        return f"it is driven by {driver}"
    if status == "paused":
        return f"it waits for an answer; `radps-dag cancel {head.run}` ends it for good"
    if store.postgres and not directory.path.is_dir():
        return "its files are not in this workspace"
    return ""
