"""Prefect's page on the local server, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_support import CHROMIUM, browser
from run_support import Ran, run, write

from radps_dag.prefect.server import ServerAddress

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the page with")

ASKS = """
stages:
  look:
    pause: {message: Good enough?}
"""
ADVERTISED = ("Prefect Cloud", "Upgrade", "Community", "V2", "survey", "not found", "wrong")


@pytest.fixture(scope="module")
def asking(prefect_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run that was left with a question."""
    directory = tmp_path_factory.mktemp("asking")
    file = write(directory / "asking.yaml", ASKS)
    ran = run(file, "--detach-on-pause", cwd=directory)
    assert ran.one("run_ended")["status"] == "paused", ran.err
    return ran


def test_the_login_address_opens_the_runs(
    prefect_server: ServerAddress, asking: Ran, tmp_path: Path
) -> None:
    """Who opens the login address is in, at the list of runs, and stays in; from there to a run
    nothing advertises, and nothing leads to Prefect's newer page, which cannot resume."""
    page = prefect_server.ui_url
    with browser(tmp_path / "known") as tab:
        tab.open(prefect_server.login_url)
        tab.wait_for("Event Feed")
        tab.wait("location.pathname === '/runs'")
        tab.open(page)
        tab.wait("location.pathname === '/runs'")
        for opened in (f"{page}/dashboard", f"{page}/v2/runs/flow-run/{asking.flow_run}"):
            tab.open(opened)
            tab.wait_for("Event Feed")
            assert not [word for word in ADVERTISED if word in tab.text]
        tab.wait_for("Resume")


def test_a_stranger_is_led_to_the_login_and_then_to_the_run(
    prefect_server: ServerAddress, asking: Ran, tmp_path: Path
) -> None:
    """A browser that is not logged in is told how to get in, and told nothing else. What is not
    accepted leaves it there; the password leads to the page that it wanted, and so does the
    address of the run, opened in the same tab."""
    wanted = f"/runs/flow-run/{asking.flow_run}"
    with browser(tmp_path / "stranger") as tab:
        tab.open(prefect_server.ui_url + wanted)
        tab.wait_for("radps-dag show RUN")
        assert not [word for word in (*ADVERTISED, "Dashboard") if word in tab.text]
        tab.open(f"{prefect_server.ui_url}/radps-dag/login{wanted}#ffffff-wrong")
        tab.wait_for("not accepted")
        tab.open(asking.page)
        tab.wait_for("Resume")
        assert tab.run("location.pathname") == wanted
        # Another server may have had this port.
        tab.run("localStorage.setItem('prefect-password', btoa('radps:old'))")
        tab.open(prefect_server.ui_url + wanted)
        tab.wait_for("Log in")
        tab.run(f"document.querySelector('input').value = '{prefect_server.auth_string}'")
        tab.press("Log in")
        tab.wait_for("Resume")
        assert tab.run("location.pathname") == wanted
