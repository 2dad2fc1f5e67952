"""Address and status of the local server, as others see it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radps_dag.prefect.server.files import ServerFiles
from radps_dag.prefect.server.gate import IDENTITY_PATH
from radps_dag.prefect.server.links import REPORTS_PATH, Links, Table
from radps_dag.prefect.server.login import login_address, new_pass
from radps_dag.prefect.server.settings import private_variables
from radps_dag.storage.locks import Lock

__all__ = ["ServerAddress", "ServerStatus", "answers", "client_environment", "login_url"]


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Address of the server, and the password to it.

    The server counts this process among its users, and stays, until `release` or the end of the
    process, however it comes.
    """

    api_url: str
    auth_string: str = field(repr=False)
    ui_url: str
    pid: int
    prefect_home: Path
    products: Path
    reports: Path
    _lease: Lock = field(repr=False, compare=False)

    @property
    def login_url(self) -> str:
        """The page's address with the password in it: opens the page without asking."""
        return login_address(self.ui_url, self.auth_string)

    def page_of(self, flow_run: str) -> str:
        """The address that opens the page of a flow run, without asking; valid for some days."""
        return self.page_at(f"/runs/flow-run/{flow_run}")

    def page_at(self, path: str) -> str:
        """The same of any page."""
        return login_address(self.ui_url, new_pass(self.auth_string), path)

    def links(self, products: Path, run: str) -> Links:
        """The addresses of products of runs, of which one has its products in this folder."""
        inside = "" if products.name == run else products.name
        runs = products.parent if products.name == run else products.parent.parent
        return Links(Table(self.products, self.auth_string), runs, inside)

    def report_of(self, run: Path) -> str:
        """The address of the report of the run in this directory, without the host; "" where the
        server cannot be told of it."""
        try:
            token = Table(self.reports, self.auth_string, "reports").enter(run)
        except OSError:
            return ""
        return f"{REPORTS_PATH}{token}/index.html"

    def release(self) -> None:
        """Give up the right to use the server, which may then end."""
        self._lease.release()


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The server of a home as seen from outside: `running`, `starting` or `stopped`."""

    status: str
    directory: Path
    pid: int | None = None
    api_url: str | None = None
    ui_url: str | None = None
    prefect: str | None = None
    version: str | None = None
    seconds: float | None = None  # since its start
    idle_timeout: float | None = None  # seconds
    in_use: bool = False


def client_environment(address: ServerAddress) -> dict[str, str]:
    """The variables to set before Prefect is imported, so that it talks to this server only."""
    return private_variables(address.api_url, address.auth_string, address.prefect_home)


def login_url(state: ServerStatus) -> str | None:
    """The address that opens the page of a running server without asking for the password."""
    if state.ui_url is None:
        return None
    return login_address(state.ui_url, ServerFiles(state.directory).auth_string())


def answers(state: dict[str, Any]) -> bool:
    """Whether the server that wrote the state is the one that listens there."""
    if state.get("status") != "ready":
        return False
    import http.client  # not needed to start a server, and not free

    connection = http.client.HTTPConnection("127.0.0.1", state["port"], timeout=5)
    try:
        connection.request("GET", IDENTITY_PATH)
        response = connection.getresponse()
        return response.status == 200 and json.loads(response.read(1000))["id"] == state["id"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return False
    finally:
        connection.close()
