"""`radps-dag server`, as a shell sees it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from radps_dag.cli.main import main
from radps_dag.prefect.server import ServerAddress


def exit_code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as raised:
        main([str(argument) for argument in arguments])
    assert isinstance(raised.value.code, int)
    return raised.value.code


def test_status_of_a_running_server(
    prefect_server: ServerAddress, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 0; where it is; the password only when it is asked for."""
    assert exit_code("server", "status") == 0
    told = capsys.readouterr().out
    assert prefect_server.ui_url in told
    assert prefect_server.auth_string not in told
    assert exit_code("server", "status", "--show-auth") == 0
    assert prefect_server.login_url in capsys.readouterr().out


def test_status_for_programs(
    prefect_server: ServerAddress, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON with the same."""
    assert exit_code("server", "status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["pid"]) == ("running", prefect_server.pid)
    assert told["api_url"] == prefect_server.api_url
    assert "login_url" not in told


def test_start_of_a_running_server(
    prefect_server: ServerAddress, capsys: pytest.CaptureFixture[str]
) -> None:
    """Starting what runs shows it."""
    assert exit_code("server", "start", "--json") == 0
    assert json.loads(capsys.readouterr().out)["pid"] == prefect_server.pid


def test_variables_for_prefect(
    prefect_server: ServerAddress, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell that evaluates them finds the server, and may ask it."""
    assert exit_code("server", "env") == 0
    lines = capsys.readouterr().out
    done = subprocess.run(
        ["sh", "-c", 'eval "$VARIABLES"; echo "$PREFECT_API_URL $PREFECT_API_AUTH_STRING"'],
        env={**os.environ, "VARIABLES": lines},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [prefect_server.api_url, prefect_server.auth_string]


def test_no_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status exits 1, stop has nothing to do, and neither creates anything."""
    home = tmp_path / "home"
    assert exit_code("server", "status", "--home", home) == 1
    assert capsys.readouterr().out.startswith("status     stopped")
    assert exit_code("server", "stop", "--home", home) == 0
    assert capsys.readouterr().out == "no server runs\n"
    assert not home.exists()


@pytest.mark.parametrize("duration", ["", "8x", "-5m", "0", "nan", "1e99d"])
def test_no_duration(duration: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A time-out that is no duration is refused in one line, before anything starts."""
    assert exit_code("server", "start", "--idle-timeout", duration) == 2
    assert capsys.readouterr().err.startswith("radps-dag: --idle-timeout: ")
