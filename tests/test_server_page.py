"""Prefect's page on the local server, in a real browser."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from browser_support import CHROMIUM, QUIET

from radps_dag.engine.server import ServerAddress


def dom(url: str, profile: Path) -> str:
    """What the page at the address is made of, when its scripts have run."""
    assert CHROMIUM is not None
    options = (*QUIET, f"--user-data-dir={profile}", "--virtual-time-budget=20000", "--dump-dom")
    done = subprocess.run([CHROMIUM, *options, url], capture_output=True, text=True, timeout=120)
    return done.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the page with")
def test_the_login_address_opens_the_page(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """Who opens the login address is in, and stays in; a stranger's page gets no data."""
    refused = "Oops"  # what the page says when the server does not tell it anything
    assert refused in dom(f"{prefect_server.ui_url}/runs", tmp_path / "stranger")

    known = tmp_path / "known"
    opened = dom(prefect_server.login_url, known)
    assert "Event Feed" in opened
    assert refused not in opened
    assert refused not in dom(f"{prefect_server.ui_url}/runs", known)
