"""Standard streams that are closed, full or unread: what is lost is told, and ends no run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from journal_support import facts_of_only_run
from run_support import PROGRAM, WORKLOADS, write

GOOD = "stages: {a: {run: give, with: {value: 1}}}"
BAD = "stages: {a: {rn: give}}"
NOTHING_READS = "| true"


def call(directory: Path, streams: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the program with its standard streams as the shell's words say."""
    # `true` ends at once; the program begins when it has.
    wait = "sleep 0.2; " if streams == NOTHING_READS else ""
    script = f'({wait}exec "$@") {streams}'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", script, "sh", *PROGRAM, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["workloads", "--help"])
@pytest.mark.parametrize(
    ("streams", "code", "told"),
    [
        (">&-", 1, "cannot be written (it is closed)"),
        (">/dev/full", 1, "cannot be written (No space left on device)"),
        (NOTHING_READS, 141, ""),
        (">&- 2>&-", 1, ""),
        (">/dev/full 2>/dev/full", 1, ""),
        ("2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        ("<&-", 0, ""),
    ],
)
def test_output_is_not_lost_in_silence(
    command: str, streams: str, code: int, told: str, tmp_path: Path
) -> None:
    """Where the standard output is lost the code is not 0, and one line says why if it can; what
    the standard error does not take changes nothing."""
    done = call(tmp_path, streams, command)
    assert done.returncode == code, done.stderr
    assert (told in done.stderr) if told else done.stderr == ""
    assert done.stderr.count("\n") == bool(told)


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", ">&- 2>&-"])
def test_a_mistake_has_its_code_all_the_same(streams: str, tmp_path: Path) -> None:
    """Whether or not it could be said what is wrong."""
    assert call(tmp_path, streams, "nonsense").returncode == 2
    file = write(tmp_path / "p.yaml", BAD)
    assert call(tmp_path, streams, "run", str(file), "--no-prefect").returncode == 2


@pytest.mark.parametrize(
    ("streams", "option", "code"),
    [
        (">&- 2>&-", "--progress=plain", 0),
        ("2>/dev/full", "--progress=plain", 0),
        (">/dev/full", "--json", 1),
        (">&-", "--json", 1),
        (NOTHING_READS, "--json", 141),
    ],
)
def test_a_run_goes_on(streams: str, option: str, code: int, tmp_path: Path) -> None:
    """A run is worth more than what shows it; but nobody takes a part of its facts for the whole.
    Its journal is written to by nobody else, though its descriptors were free."""
    file = write(tmp_path / "p.yaml", GOOD)
    options = ("--no-prefect", "--workloads", str(WORKLOADS), option)
    done = call(tmp_path, streams, "run", str(file), *options)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    last = facts_of_only_run(tmp_path / ".radps")[-1]
    assert (last["fact"], last["status"]) == ("run_ended", "succeeded")
