"""The database of the local server, created at once from a schema that is known."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

from radps_dag.problem import RadpsDagError

__all__ = [
    "FIRST_LINE",
    "create",
    "migrations_digest",
    "refuse_newer",
    "schema_of",
]

FIRST_LINE = "-- migrations sha256:"


def create(path: Path) -> bool:
    """Create an empty database with the schema that Prefect's migrations would lead to.

    The 113 migrations of an empty database take 6 to 12 s; their result is always the same. The
    schemas in this package say from which migration files they were made: where Prefect brings
    others, nothing is done here (False), and Prefect migrates as ever.
    """
    statements = _known(FIRST_LINE + migrations_digest())
    if not statements:
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


def _known(first_line: str) -> str:
    """The statements of the schema that begins with this line; "" where there is none."""
    for file in resources.files(__package__).iterdir():
        if file.name.startswith("schema-"):
            first, _, statements = file.read_text(encoding="utf-8").partition("\n")
            if first == first_line:
                return statements
    return ""


def migrations_digest() -> str:
    """A digest of all of Prefect's migrations for SQLite."""
    import prefect.server.database

    folder = Path(prefect.server.database.__file__).parent / "_migrations"
    digest = hashlib.sha256()
    for path in sorted([folder / "env.py", *(folder / "versions" / "sqlite").glob("*.py")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def refuse_newer(path: Path) -> None:
    """Raise RadpsDagError, in a line, for a database of a Prefect that is newer than this one."""
    import prefect.server.database

    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path)) as connection:
            version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:  # none of Prefect's yet, or damaged: Prefect says what is wrong
        return
    versions = Path(prefect.server.database.__file__).parent / "_migrations" / "versions" / "sqlite"
    revision = re.compile(r"""^revision(?:: str)? = ["'](\w+)["']""", re.MULTILINE)
    revisions = {
        name for file in versions.glob("*.py") for name in revision.findall(file.read_text("utf-8"))
    }
    if version is not None and version[0] not in revisions:
        raise RadpsDagError(
            f"{path.parent}: the database of the local Prefect server is of another version of "
            f"Prefect (revision {version[0]}, which Prefect {prefect.__version__} does not know); "
            "use that version, or delete this directory: it holds nothing but what Prefect's page "
            "shows, and no run depends on it"
        )


def schema_of(path: Path) -> list[tuple[str, str, str, str]]:
    """Everything SQLite knows about the schema of a database, in order of its names."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(
            "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY 1, 2"
        ).fetchall()
    finally:
        connection.close()
