"""A throw-away PostgreSQL server from the system's package: a socket in a folder, no network."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Server", "missing", "serving"]

PATIENCE = 60.0


@dataclass(frozen=True)
class Server:
    """A server that runs; each test makes a database of its own in it."""

    bin: Path
    folder: Path
    account: str | None

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.say("postgres", f"CREATE DATABASE {name}")
        return f"postgresql://tester:secret-word@/{name}?host={self.folder}"

    def say(self, database: str, text: str) -> str:
        """Have the superuser say something, and return the answer."""
        command = [str(self.bin / "psql"), "-h", str(self.folder), "-U", "tester", "-d", database]
        done = _run([*command, "-At", "-v", "ON_ERROR_STOP=1", "-c", text], self.account)
        return done.strip()

    def cut(self, url: str) -> None:
        """Break every connection to a database, and let nobody in again."""
        name = _name(url)
        self.say("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
        self.say("postgres", f"{query}'{name}'")

    def mend(self, url: str) -> None:
        """Let everybody in again."""
        self.say("postgres", f"ALTER DATABASE {_name(url)} ALLOW_CONNECTIONS true")


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def missing() -> str:
    """Why there can be no server here; "" where there can."""
    if _bin() is None:
        return "no PostgreSQL server is installed (Debian: apt-get install postgresql)"
    if os.getuid() == 0 and _account() is None:
        return "PostgreSQL does not run as root, and there is no account 'postgres'"
    return ""


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server, until the end of the block."""
    bin, account = _bin(), _account()
    assert bin is not None
    # Not in pytest's folder: the account may not look into it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="radps-pg-"))
    if account is not None:
        shutil.chown(folder, account)
    data, log = folder / "data", folder / "log"
    try:
        _run(
            [
                *(str(bin / "initdb"), "-D", str(data), "-U", "tester"),
                *("-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"),
            ],
            account,
        )
        process = subprocess.Popen(
            [
                *(str(bin / "postgres"), "-D", str(data), "-k", str(folder)),
                *("-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            cwd=folder,
            user=account,
        )
        try:
            server = Server(bin, folder, account)
            _wait(server, process, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(subprocess.CalledProcessError):
            server.say("postgres", "SELECT 1")
            return
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL does not start: {log.read_text()[-2000:]}")


def _run(command: Sequence[str], account: str | None) -> str:
    done = subprocess.run(
        command, cwd="/", user=account, check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    return done.stdout


def _bin() -> Path | None:
    """The programs of the newest version that is installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: float(path.parts[-3]),
    )
    return found[-1].parent if found else None


def _account() -> str | None:
    """Who the server is to be, where that cannot be whoever runs the tests."""
    if os.getuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return None
