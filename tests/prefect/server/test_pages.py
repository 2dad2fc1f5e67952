"""The address of a run on Prefect's page, asked for later."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from run_support import WORKLOADS, Api, record_of, run, write

from radps_dag.cli.main import main
from radps_dag.prefect.server import ServerAddress, page_of


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command that exits with 0 prints."""
    with pytest.raises(SystemExit) as raised:
        main(list(arguments))
    assert raised.value.code == 0
    return capsys.readouterr().out


FLOW_RUN = "42cfd862-a7fd-405d-852f-c114a1bb9cd8"


@pytest.mark.parametrize(
    ("api", "page"),
    [
        ("https://prefect.example/api", "https://prefect.example"),
        ("http://127.0.0.1:4200/api", "http://127.0.0.1:4200"),
        (
            "https://api.prefect.cloud/api/accounts/a-1/workspaces/w-2",
            "https://app.prefect.cloud/account/a-1/workspace/w-2",
        ),
    ],
)
def test_pages_of_other_servers(
    api: str, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of a server that is not ours is where Prefect has it; nothing is asked."""
    monkeypatch.setenv("RADPS_DAG_HOME", str(tmp_path))
    assert page_of(FLOW_RUN, api) == f"{page}/runs/flow-run/{FLOW_RUN}"


def test_our_server_where_it_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of our own server that has ended it is said that it has, and what starts it."""
    from radps_dag.prefect.server.files import ServerFiles

    monkeypatch.setenv("RADPS_DAG_HOME", str(tmp_path))
    place = ServerFiles.of(None)
    place.make()
    place.write_state({"port": 4321})
    assert "radps-dag server start" in page_of(FLOW_RUN, "http://127.0.0.1:4321/api")


def test_show_and_status_tell_the_page(
    prefect_server: ServerAddress,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """While the server is up, both print an address that logs in and leads to the run; where the
    server has forgotten the run, they say so instead of leading nowhere."""
    file = write(tmp_path / "p.yaml", "stages: {a: {run: give}}")
    ran = run(file, "--workloads", str(WORKLOADS), cwd=tmp_path)
    assert ran.code == 0, ran.err
    monkeypatch.chdir(tmp_path)
    for command in (("show", "last"), ("status", "last")):
        told = said(capsys, *command)
        assert ran.page.partition("#")[0] in told
        given = next(word for word in told.split() if "/login/" in word).partition("#")[2]
        login = f"{prefect_server.ui_url}/radps-dag/login"
        assert httpx.post(login, content=given, trust_env=False).status_code == 200
    record_of(ran, prefect_server)  # what comes after the flow run is gone would be complained of
    Api(prefect_server).delete(ran.flow_run)
    assert "not known to the local Prefect server any more" in said(capsys, "show", "last")
