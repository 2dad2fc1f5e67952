"""The code blocks of the pages, and their commands run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from repository import ROOT

__all__ = ["blocks", "run"]


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A line of the README, without Prefect and without its server."""
    words = [
        str(found)
        for word in shlex.split(line)
        for found in (sorted(folder.glob(word)) if "*" in word else [word])
    ]
    assert words[0] == "radps-dag"
    arguments = [*words[1:], *(["--no-prefect"] if words[1] == "run" else [])]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
        "RADPS_DAG_HOME": str(folder / "home"),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-m", "radps_dag", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
