"""Pilots and their jobs: in which job a pilot is, and how the job has ended, in words."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["PilotJobs", "ending_of"]

PATIENCE = 10.0  # seconds in which a queue must answer
_TAIL = 4096  # bytes of what a job has said last
# States of Slurm's, in words.
_ENDINGS: Mapping[str, str] = {
    "BOOT_FAIL": "lost a node, which did not start",
    "CANCELLED": "was cancelled",
    "DEADLINE": "has reached its deadline",
    "NODE_FAIL": "lost a node",
    "OUT_OF_MEMORY": "used more memory than it has",
    "PREEMPTED": "was preempted",
    "TIMEOUT": "has reached its walltime",
}
_MEMORY = ("exceeded memory limit", "exceeded job memory limit", "oom-kill", "oom_kill")


class PilotJobs:
    """The jobs of one executor of Parsl's. Parsl itself forgets a pilot when it is lost."""

    def __init__(self, *, slurm: bool) -> None:
        self._slurm = slurm
        self._blocks: dict[str, str] = {}  # by pilot: the number of its job at Parsl

    def look(self, executor: Any) -> None:
        """Take note of the pilots that there are."""
        with contextlib.suppress(Exception):  # of Parsl's, as it ends
            for pilot in executor.connected_managers():
                self._blocks[pilot["manager"]] = pilot["block_id"]

    def ending(self, executor: Any, pilot: str) -> str:
        """The end of the job of a pilot: "job 12 was cancelled"; "" where nobody knows. Takes a
        moment."""
        job = executor.blocks_to_job_id.get(self._blocks.get(pilot, ""), "")
        if not job or not self._slurm:
            return ""
        try:
            done = subprocess.run(  # noqa: S603  # a number of Slurm's own
                ["scontrol", "--oneliner", "show", "job", job],  # noqa: S607  # where sbatch is
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return f"job {job}"
        return f"job {job} {ending_of(done.stdout)}"


def ending_of(told: str) -> str:
    """The end of a job, or what else has become of it, from what `scontrol show job` says."""
    said = dict(word.partition("=")[::2] for word in told.split() if "=" in word)
    state = said.get("JobState", "")
    if _says_memory(said.get("StdErr", "")):
        return _ENDINGS["OUT_OF_MEMORY"]
    if state in _ENDINGS:
        return _ENDINGS[state]
    if said.get("Restarts", "0") != "0":
        return "lost a node, and is in the queue once more"
    if state in ("RUNNING", "COMPLETING"):
        return "runs, but its pilot is not heard of any more"
    code, _, number = said.get("ExitCode", "0:0").partition(":")
    # A shell says of what a signal has killed 128 and the signal.
    killed = int(number or 0) or max(0, int(code) - 128)
    with contextlib.suppress(ValueError):
        return f"has ended: its pilot was killed by {signal.Signals(killed).name}"
    return f"has ended with exit code {code}"


def _says_memory(path: str) -> bool:
    """Whether Slurm says so in what the job has written, where its state does not."""
    try:
        with Path(path).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            words = file.read().decode(errors="replace").lower()
    except OSError:
        return False
    return any(phrase in words for phrase in _MEMORY)
