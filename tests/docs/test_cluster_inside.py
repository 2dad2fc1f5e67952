"""A workload that is a Dask client, as docs/clusters.md has it: its end is that of its call."""

from __future__ import annotations

import re
from pathlib import Path

import psutil
import pytest
from processes_support import wait_for
from repository import ROOT

from radps_dag import run

PAGE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
SUM = "        return float(sum(range(channel)))\n"
OUTPUTS = "outputs:\n  sums: ${{ stages.sums.sums }}\n"
OUTPUTS = "outputs:\n  sums: ${{ stages.sums.sums }}\n"
SECTION = PAGE.partition("## A cluster inside a call")[2]


def block(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)
    assert match is not None
    return match[1]


def write(folder: Path, code: str, stages: str) -> Path:
    (folder / "channels.py").write_text(code, encoding="utf-8")
    file = folder / "p.yaml"
    file.write_text(f"version: 1\nname: inside\n{stages}", encoding="utf-8")
    return file


def test_a_cluster_of_its_own(tmp_path: Path) -> None:
    """It computes, and its processors and memory are those of its call."""
    file = write(tmp_path, block("python"), block("yaml") + OUTPUTS)
    ended = run(
        file,
        workloads=[tmp_path / "channels.py"],
        executor="processes",
        workspace=tmp_path / "w",
        prefect=False,
    )
    assert ended.status == "succeeded", ended.error
    assert ended.outputs["sums"] == [float(sum(range(channel))) for channel in range(8)]


@pytest.mark.slow
def test_its_processes_end_with_the_call(tmp_path: Path) -> None:
    """A time-out while the cluster computes leaves none of it."""
    pids = tmp_path / "pids"
    endless = f"""
        import os, time
        with open({str(pids)!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        time.sleep(1000)
"""
    code = block("python").replace(SUM, endless)
    file = write(tmp_path, code, block("yaml").replace("1h", "40s"))
    ended = run(
        file,
        workloads=[tmp_path / "channels.py"],
        executor="processes",
        workspace=tmp_path / "w",
        prefect=False,
    )
    assert ended.status == "failed" and ended.error is not None
    assert ended.error.error == "TimeoutError"
    found = [int(line) for line in pids.read_text(encoding="utf-8").split()]
    assert found
    wait_for(lambda: not any(map(psutil.pid_exists, found)))
