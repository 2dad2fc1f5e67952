"""A directory with a pipeline, the command line in it, and the account of what was executed."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from repository import SUPPORT
from run_support import PROGRAM, write

from radps_dag.cli.main import main

__all__ = ["WORKLOADS", "Desk", "Told", "desk"]

WORKLOADS = SUPPORT / "counted_workloads.py"


@dataclass(frozen=True)
class Told:
    code: int
    out: str
    err: str

    @property
    def facts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def outputs(self) -> dict[str, Any]:
        assert self.code == 0, self.err
        return dict(self.facts[-1]["outputs"])

    @property
    def origins(self) -> dict[str, str]:
        """Calls that ended well, with the run that made them; "" for this one, now."""
        return {
            fact["place"]: fact["made"]["origin"]
            for fact in self.facts
            if fact["fact"] == "node_succeeded" and fact["made"]
        }


@dataclass
class Desk:
    """A directory, the command line in it, and the account of what was executed."""

    directory: Path
    capture: pytest.CaptureFixture[str]

    def pipeline(self, text: str) -> None:
        write(self.directory / "p.yaml", f"version: 1\nname: p\n{text}")

    def command(self, *arguments: str) -> Told:
        self.capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        out, err = self.capture.readouterr()
        return Told(int(ended.value.code or 0), out, err)

    def run(self, *options: str) -> Told:
        modules = ("--workloads", str(WORKLOADS))
        return self.command("run", "p.yaml", "--no-prefect", "--json", *modules, *options)

    def resume(self, *options: str) -> Told:
        return self.command("resume", "--json", *options)

    def plan(self, *options: str) -> dict[str, tuple[str, str]]:
        modules = ("--workloads", str(WORKLOADS))
        told = self.command("plan", "p.yaml", "--json", *modules, *options)
        assert told.code == 0, told.err
        return {one["place"]: (one["verdict"], one["why"]) for one in json.loads(told.out)}

    def apart(self, *arguments: str) -> int:
        """A command in a process of its own, which may be killed."""
        done = subprocess.run([*PROGRAM, *arguments], cwd=self.directory, check=False)
        return done.returncode

    @property
    def executed(self) -> Counter[str]:
        account = self.directory / "executed"
        return Counter(account.read_text().splitlines() if account.exists() else [])


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RADPS_TEST_COUNT", str(tmp_path / "executed"))
    return Desk(tmp_path, capsys)
