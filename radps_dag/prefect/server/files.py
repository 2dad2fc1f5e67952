"""Files of the local Prefect server: a private directory per user and machine."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radps_dag.problem import RadpsDagError

__all__ = ["ServerFiles", "home_directory"]


def home_directory(home: Path | None = None) -> Path:
    """`home`, or `$RADPS_DAG_HOME`, or `radps-dag` below the user's state directory."""
    if home is not None:
        return home.expanduser().absolute()
    if own := os.environ.get("RADPS_DAG_HOME"):
        return Path(own).expanduser().absolute()
    state = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a path that is not absolute is to be ignored.
    base = Path(state) if state.startswith("/") else Path("~/.local/state").expanduser()
    return (base / "radps-dag").absolute()


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The files of the server of one home on one machine.

    A home directory can be shared by the machines of a cluster, but a server that listens on the
    loopback interface serves one machine, and SQLite's write-ahead log needs one: so a directory
    per host.
    """

    directory: Path

    @classmethod
    def of(cls, home: Path | None = None) -> ServerFiles:
        """Files of the server of a home, on this machine."""
        host = "".join(c if c.isalnum() or c in "-." else "_" for c in socket.gethostname())
        return cls(home_directory(home) / "server" / (host.lstrip(".") or "localhost"))

    @property
    def lock(self) -> Path:
        """Held by the server for its life: at most one server."""
        return self.directory / "server.lock"

    @property
    def clients(self) -> Path:
        """Held shared by each run that uses the server: an unused server may go."""
        return self.directory / "clients.lock"

    @property
    def log(self) -> Path:
        """Path of the server's log."""
        return self.directory / "server.log"

    @property
    def prefect(self) -> Path:
        """Prefect's own home, so that the user's `~/.prefect` is neither read nor written."""
        return self.directory / "prefect"

    @property
    def database(self) -> Path:
        """Path of Prefect's database."""
        return self.prefect / "prefect.db"

    @property
    def pages(self) -> Path:
        """Prefect's page as it is served; by default it would be written beside the package."""
        return self.directory / "pages"

    @property
    def products(self) -> Path:
        """The directory with a file for each folder of products that the server serves."""
        return self.directory / "products"

    @property
    def reports(self) -> Path:
        """The directory with a file for each run whose report the server serves."""
        return self.directory / "reports"

    @property
    def made(self) -> Path:
        """The directory with the reports that the server has made."""
        return self.directory / "reports-made"

    def make(self) -> None:
        """Create the directories, private to the user; an error names what is in the way."""
        try:
            for directory in (self.directory.parent.parent, self.directory.parent, self.directory):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.prefect.mkdir(mode=0o700, exist_ok=True)
            # An older umask or a copied directory may have left it open to others.
            self.directory.parent.parent.chmod(0o700)
            # Two runs of one process may ask at once.
            probe = self.directory / f".probe-{os.getpid()}-{threading.get_ident()}"
            self._write(probe, "writable")
            probe.unlink()
        except OSError as error:
            raise RadpsDagError(
                f"{error.filename or self.directory}: cannot keep the local Prefect server here "
                f"({error.strerror}); set RADPS_DAG_HOME to a directory that can be written, "
                "or PREFECT_API_URL to a server that runs"
            ) from error

    def read_state(self) -> dict[str, Any]:
        """Read the state that the server recorded last; empty if it cannot be read."""
        try:
            state = json.loads((self.directory / "state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def write_state(self, state: dict[str, Any]) -> None:
        """Replace the state as a whole."""
        temporary = self.directory / f".state-{os.getpid()}"
        self._write(temporary, json.dumps(state))
        temporary.replace(self.directory / "state.json")

    def auth_string(self) -> str:
        """The password of this place's server. Kept, so that a browser need not log in again."""
        path = self.directory / "auth"
        with suppress(FileNotFoundError):
            if text := path.read_text(encoding="ascii").strip():
                return text
        temporary = self.directory / f".auth-{os.getpid()}"
        self._write(temporary, f"radps:{secrets.token_urlsafe(32)}")
        temporary.replace(path)
        return path.read_text(encoding="ascii").strip()

    @staticmethod
    def _write(path: Path, text: str) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
