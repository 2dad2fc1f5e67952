"""Snapshots of data that are changed in place: a call that was killed begins again from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from resume_support import Desk, desk
from run_support import write

from radps_dag.executors.snapshots import SnapshotFailed, discard_snapshots
from radps_dag.problem import UsageError
from radps_dag.workloads import Product, workload

__all__ = ["desk"]  # a fixture

TOOL = """
version: 1
name: append_row
program: [./append.sh]
inputs: {ms: {type: Product}, times: {type: integer, default: 1}}
arguments: ["${{ inputs.ms }}", "${{ inputs.times }}"]
outputs: {ms: {input: ms}}
mutates: [ms]
pass_environment: [RADPS_TEST_COUNT]
"""
# Writes into the file that is there, as programs for MeasurementSets do; the first `times` runs of
# it are killed with their driver, or fail, in the middle.
PROGRAM_TEXT = """#!/bin/sh
printf half >> "$1/table/rows"
echo run >> "$RADPS_TEST_COUNT"
if [ "$(wc -l < "$RADPS_TEST_COUNT")" -le "$2" ]; then HOW; fi
printf ' row\\n' >> "$1/table/rows"
"""
PIPELINE = """
params: {ms: {type: string, format: path, must_exist: true}}
stages:
  change: {run: append_row, with: {ms: {uri: "${{ params.ms }}", kind: test}}}
  more: {run: append_row, with: {ms: "${{ stages.change.ms }}", times: 0}}
"""
OPTIONS = ("--no-prefect", "--quiet")


def laid_out(desk: Desk, how: str, more: str = "", pipeline: str = PIPELINE) -> Path:
    data = desk.directory / "my.ms"
    (data / "table").mkdir(parents=True)
    (data / "table/rows").write_text("first row\n")
    (data / "link").symlink_to("table/rows")
    tools = desk.directory / "tools"
    tools.mkdir()
    write(tools / "append_row.yaml", TOOL + more)
    program = tools / "append.sh"
    program.write_text(PROGRAM_TEXT.replace("HOW", how))
    program.chmod(0o755)
    desk.pipeline(pipeline)
    return data


def start(desk: Desk) -> int:
    return desk.apart("run", "p.yaml", *OPTIONS, "-p", "ms=my.ms")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if "my.ms" in path.name}


@pytest.mark.command
@pytest.mark.parametrize("how", ["copy", "reflink"])
def test_a_killed_change_begins_again(how: str, desk: Desk) -> None:
    """A driver that was killed in the middle, even twice: the run goes on by itself from the data
    as they were, each change is there once, and no snapshot stays."""
    data = laid_out(desk, "kill -9 $PPID; sleep 5", f"snapshot: {how}\n")
    desk.pipeline(PIPELINE.replace("kind: test}}", "kind: test}, times: 2}"))
    assert start(desk) == -9
    assert (data / "table/rows").read_text() == "first row\nhalf"
    assert len(names(desk.directory)) == 2
    assert desk.apart("resume", "--quiet") == -9
    told = desk.resume()
    assert told.code == 0, told.out
    assert "was restored from its snapshot" in told.out
    assert (data / "table/rows").read_text() == "first row\nhalf row\nhalf row\n"
    assert (data / "link").is_symlink()
    assert names(desk.directory) == {"my.ms"}


@pytest.mark.command
@pytest.mark.parametrize("end", ["", ".old", ".part", ".fresh"])
def test_nothing_stays_of_a_process_killed_in_between(end: str, desk: Desk) -> None:
    """While a snapshot was made, restored from or removed: all goes with the call's success."""
    data = laid_out(desk, "kill -9 $PPID; sleep 5", "snapshot: copy\n")
    assert start(desk) == -9
    (snapshot,) = names(desk.directory) - {data.name}
    root = next((desk.directory / ".radps" / "runs").iterdir())
    (desk.directory / snapshot).rename(desk.directory / f"{snapshot}{end}")
    discard_snapshots([data.as_uri()], root / "products", "change")
    assert names(desk.directory) == {"my.ms"}


@pytest.mark.command
def test_without_a_snapshot_a_person_is_told_what_to_restore(desk: Desk) -> None:
    """The message names the data; a snapshot that the tool file asks for since does not help."""
    data = laid_out(desk, "kill -9 $PPID; sleep 5")
    assert start(desk) == -9
    for _ in range(2):
        told = desk.resume()
        assert told.code == 1
        assert f"while it changed data in place ({data}); make sure of the data" in told.out
        write(desk.directory / "tools/append_row.yaml", f"{TOOL}snapshot: copy\n")
    assert (data / "table/rows").read_text() == "first row\nhalf"


@pytest.mark.command
def test_a_further_attempt_begins_from_the_snapshot(desk: Desk) -> None:
    """Retries as well, and the first attempt after a run that failed."""
    data = laid_out(desk, "exit 1", "snapshot: copy\n")
    retried = PIPELINE.replace("kind: test}}", "kind: test}, times: 3}, retries: {max: 1}")
    desk.pipeline(retried)
    assert start(desk) == 1
    assert desk.resume().code == 0
    assert (data / "table/rows").read_text() == "first row\nhalf row\nhalf row\n"
    assert names(desk.directory) == {"my.ms"}


def test_a_snapshot_that_cannot_be_made(desk: Desk) -> None:
    """Nothing begins without it."""
    data = laid_out(desk, "true", "snapshot: copy\n")
    for path in sorted(data.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    desk.pipeline(PIPELINE.replace("${{ params.ms }}", f"{desk.directory}/none.ms"))
    told = desk.run("-p", "ms=my.ms")
    assert told.code == 1
    assert SnapshotFailed.__name__ in told.out
    assert f"{desk.directory}/none.ms is not there; no snapshot can be made of it" in told.out
    assert not desk.executed


@pytest.mark.parametrize(
    ("how", "mutates", "reason"),
    [
        ("hardlink", "ms", "'hardlink' is not one: what a program writes into a file in place"),
        ("rsync", "ms", "'rsync' is not known; write copy or reflink"),
        ("copy", False, "say with 'mutates' which these are"),
    ],
)
def test_what_is_not_a_snapshot(how: str, mutates: str | bool, reason: str) -> None:
    """A hard link changes with the data, and a snapshot is of data that are changed."""

    def change(ms: Product) -> dict[str, str]:
        """Change."""
        return {}

    with pytest.raises(UsageError, match=reason):
        workload(mutates=mutates, snapshot=how)(change)
