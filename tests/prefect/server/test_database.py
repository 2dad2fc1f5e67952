"""The database that is created at once is the one that Prefect's migrations create."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from radps_dag.prefect.server import database
from radps_dag.problem import RadpsDagError

MIGRATE = """
import sys
from pathlib import Path
from radps_dag.prefect.server.schema import migrate
migrate(Path(sys.argv[1]))
"""


def test_schema_is_that_of_the_migrations(tmp_path: Path) -> None:
    """Every table, column, index and trigger, and the revision: all the same."""
    assert database.create(tmp_path / "known.db")
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path), "DO_NOT_TRACK": "1"}
    migrated = tmp_path / "migrated.db"
    subprocess.run([sys.executable, "-c", MIGRATE, str(migrated)], check=True, env=environment)
    assert _schema(tmp_path / "known.db") == _schema(migrated)
    assert _rows(tmp_path / "known.db") == _rows(migrated)


def test_other_migrations_are_left_to_prefect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a Prefect whose migrations are not those of the schema, nothing is created."""
    monkeypatch.setattr(database, "migrations_digest", lambda: "0" * 64)
    assert not database.create(tmp_path / "prefect.db")
    assert list(tmp_path.iterdir()) == []


def test_a_database_is_complete_or_absent(tmp_path: Path) -> None:
    """What an interrupted creation left behind is not a database, and in nobody's way."""
    (tmp_path / "prefect.unfinished").write_bytes(b"half a database")
    assert database.create(tmp_path / "prefect.db")
    assert [path.name for path in tmp_path.iterdir()] == ["prefect.db"]


def test_the_database_of_another_prefect(tmp_path: Path) -> None:
    """A revision that this Prefect does not know: a line says so, and what may be deleted."""
    path = tmp_path / "prefect.db"
    database.refuse_newer(path)
    assert not path.exists()
    database.create(path)
    database.refuse_newer(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0123456789ab'")
    with pytest.raises(RadpsDagError, match="of another version of Prefect") as caught:
        database.refuse_newer(path)
    line = str(caught.value)
    assert line.startswith(f"{tmp_path}: ") and "delete this directory" in line
    assert "\n" not in line


def _schema(path: Path) -> list[tuple[object, ...]]:
    """The schema, with the constraints of each table sorted: the migrations' order is random."""

    def parts(sql: str) -> tuple[list[str], list[str]]:
        lines = [line.strip().rstrip(", ") for line in sql.splitlines()]
        constraints = [line for line in lines if line.startswith("CONSTRAINT")]
        return [line for line in lines if line not in constraints], sorted(constraints)

    return [(*names, parts(sql)) for *names, sql in database.schema_of(path)]


def _rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        rows = {
            name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in tables
        }
    return {name: found for name, found in rows.items() if found}
