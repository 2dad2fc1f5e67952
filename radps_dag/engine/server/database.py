"""The database of the local server, created at once from a schema that is known."""

from __future__ import annotations

import hashlib
import sqlite3
from importlib import resources
from pathlib import Path

__all__ = [
    "FIRST_LINE",
    "create",
    "migrations_digest",
    "schema_of",
]

FIRST_LINE = "-- migrations sha256:"


def create(path: Path) -> bool:
    """Create an empty database with the schema that Prefect's migrations would lead to.

    The 113 migrations of an empty database take 6 to 12 s; their result is always the same. The
    schema in this package says from which migration files it was made: where Prefect brings
    others, nothing is done here (False), and Prefect migrates as ever.
    """
    schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    first, _, statements = schema.partition("\n")
    if first != FIRST_LINE + migrations_digest():
        return False
    # Complete or absent: it gets its name when everything is on the disk.
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    connection = sqlite3.connect(unfinished)
    try:
        connection.executescript(f"BEGIN;\n{statements}\nCOMMIT;")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    unfinished.replace(path)
    return True


def migrations_digest() -> str:
    """A digest of all of Prefect's migrations for SQLite."""
    import prefect.server.database

    folder = Path(prefect.server.database.__file__).parent / "_migrations"
    digest = hashlib.sha256()
    for path in sorted([folder / "env.py", *(folder / "versions" / "sqlite").glob("*.py")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def schema_of(path: Path) -> list[tuple[str, str, str, str]]:
    """Everything SQLite knows about the schema of a database, in order of its names."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(
            "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY 1, 2"
        ).fetchall()
    finally:
        connection.close()
