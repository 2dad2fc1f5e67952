"""Errors of a database as one line with the journal's name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from radps_dag.journal.rows import ADVICE, Damaged
from radps_dag.problem import RadpsDagError
from radps_dag.storage.addresses import redacted

__all__ = ["told"]


@contextlib.contextmanager
def told(name: str, done: str, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    """A database's `errors` as ours: what could not be `done` with the journal."""
    try:
        yield
    except UnicodeDecodeError as error:
        # Of a text, or even of the words in which SQLite complains of it.
        reason = f"text that is none: {error.reason}"
        raise Damaged(f"{name}: the journal is damaged ({reason}); {ADVICE}") from error
    except errors as error:
        raise _explained(name, done, error) from error


def _explained(name: str, done: str, error: Exception) -> RadpsDagError:
    cause = getattr(error, "orig", None) or error  # SQLAlchemy's have that of the driver inside
    reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    if "malformed" in reason or "not a database" in reason:
        return Damaged(f"{name}: the journal is damaged ({reason}); {ADVICE}")
    hint = "make room, or choose another place with --workspace or --store"
    if "locked" in reason:
        hint = "another process has held it for long; try again"
    elif "://" in name:
        hint = "once the database answers and lets this user in, `radps-dag resume` goes on"
    return RadpsDagError(f"{name}: the journal cannot be {done}: {redacted(reason)}; {hint}")
