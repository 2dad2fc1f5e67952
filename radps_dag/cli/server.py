"""`radps-dag server`: start, stop or look at the local Prefect server."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from radps_dag.prefect.server import ServerStatus

__all__ = ["command"]

_home = click.option(
    "--home",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Directory of the server's files; default $RADPS_DAG_HOME or ~/.local/state/radps-dag.",
)
_json = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group("server")
def command() -> None:
    """Start, stop or look at the local Prefect server.

    `radps-dag run` starts it by itself where PREFECT_API_URL is not set, and it ends by itself
    when nobody has used it for a while.
    """


@command.command("start")
@_home
@_json
@click.option(
    "--idle-timeout",
    metavar="DURATION",
    help="End after so long without use, such as 8h; default $RADPS_DAG_IDLE_TIMEOUT or 30m.",
)
def start(home: Path | None, as_json: bool, idle_timeout: str | None) -> int:
    """Start the server unless it runs, and say where it is."""
    from radps_dag.prefect import server

    say: Callable[[str], None] = lambda message: click.echo(message, err=True)  # noqa: E731
    seconds = None if idle_timeout is None else server.idle_seconds(idle_timeout)
    server.ensure_server(home, say, seconds).release()
    _show(server.status(home), as_json)
    return 0


@command.command("stop")
@_home
@click.option("--force", is_flag=True, help="Even while a run uses it; the run loses its record.")
def stop(home: Path | None, force: bool) -> int:
    """End the server in order. Does nothing where there is none."""
    from radps_dag.prefect import server

    click.echo("stopped" if server.stop(home, force=force) else "no server runs")
    return 0


@command.command("status")
@_home
@_json
@click.option("--show-auth", is_flag=True, help="With the address that opens the page logged in.")
def status(home: Path | None, as_json: bool, show_auth: bool) -> int:
    """Show the status of the server. Exits 0 if it runs, 1 if not."""
    from radps_dag.prefect import server

    state = server.status(home)
    login = server.login_url(state) if show_auth else None
    _show(state, as_json, login)
    return 0 if state.status == "running" else 1


@command.command("env")
@_home
def env(home: Path | None) -> int:
    """Print the variables that `prefect` needs for the server, which is started if need be.

    They have its password: eval "$(radps-dag server env)" shows it to nobody.
    """
    from radps_dag.prefect import server

    address = server.ensure_server(home, lambda message: click.echo(message, err=True))
    for name, value in server.client_environment(address).items():
        click.echo(f"export {name}={shlex.quote(value)}")
    address.release()
    return 0


def _show(state: ServerStatus, as_json: bool, login: str | None = None) -> None:
    if as_json:
        told: dict[str, Any] = {**asdict(state), "directory": str(state.directory)}
        click.echo(json.dumps(told | ({"login_url": login} if login else {})))
        return
    for line in _lines(state, login):
        click.echo(line)


def _lines(state: ServerStatus, login: str | None) -> list[str]:
    lines = [f"status     {state.status}{', in use' if state.in_use else ''}"]
    if state.ui_url is not None:
        lines.append(f"page       {state.ui_url}")
        lines.append(f"log in     {login or 'radps-dag server status --show-auth tells how'}")
        lines.append(f"api        {state.api_url}")
    if state.pid is not None:
        lines.append(f"process    {state.pid}, Prefect {state.prefect or '?'}")
    if state.idle_timeout is not None:
        lines.append(f"ends       after {_duration(state.idle_timeout)} without use")
    return [*lines, f"directory  {state.directory}"]


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
