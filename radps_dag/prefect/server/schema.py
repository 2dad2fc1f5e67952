"""Prefect's migrations to `schema-VERSION.sql`: `python -m radps_dag.prefect.server.schema`."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import tempfile
from pathlib import Path

from radps_dag.prefect.server.database import FIRST_LINE, migrations_digest

__all__ = ["dump", "migrate"]


def migrate(path: Path) -> None:
    """Create a database the slow way. Only in a process that has not used Prefect's database."""
    os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = f"sqlite+aiosqlite:///{path}"
    from prefect.server.database import provide_database_interface

    asyncio.run(provide_database_interface().create_db())


def dump(path: Path) -> str:
    """The statements that make a database like the one given."""
    import prefect

    with sqlite3.connect(path) as connection:
        statements = [
            line
            for line in connection.iterdump()
            if line not in {"BEGIN TRANSACTION;", "COMMIT;"} and "sqlite_sequence" not in line
        ]
    return "\n".join(
        [
            FIRST_LINE + migrations_digest(),
            f"-- The schema of Prefect {prefect.__version__} (Apache-2.0), as its migrations leave",
            "-- an empty database. Made by `python -m radps_dag.prefect.server.schema`.",
            *statements,
            "",
        ]
    )


def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PREFECT_HOME"] = folder
        path = Path(folder) / "prefect.db"
        migrate(path)
        import prefect

        target = Path(__file__).with_name(f"schema-{prefect.__version__}.sql")
        target.write_text(dump(path), encoding="utf-8")
        print(f"wrote {target}", file=sys.stderr)


if __name__ == "__main__":
    _main()
