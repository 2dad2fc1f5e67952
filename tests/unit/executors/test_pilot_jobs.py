"""How jobs of pilots end, in words."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from radps_dag.executors.pilot_jobs import PilotJobs, ending_of


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("JobState=CANCELLED Restarts=0 ExitCode=0:15", "was cancelled"),
        ("JobState=TIMEOUT Restarts=0 ExitCode=0:15", "has reached its walltime"),
        ("JobState=NODE_FAIL Restarts=0 ExitCode=0:0", "lost a node"),
        ("JobState=PENDING Restarts=1", "lost a node, and is in the queue once more"),
        ("JobState=OUT_OF_MEMORY Restarts=0 ExitCode=0:125", "used more memory than it has"),
        (
            "JobState=RUNNING Restarts=0 ExitCode=0:0",
            "runs, but its pilot is not heard of any more",
        ),
        ("JobState=FAILED Restarts=0 ExitCode=137:0", "has ended: its pilot was killed by SIGKILL"),
        ("JobState=FAILED Restarts=0 ExitCode=0:9", "has ended: its pilot was killed by SIGKILL"),
        ("JobState=FAILED Restarts=0 ExitCode=3:0", "has ended with exit code 3"),
        ("JobState=COMPLETED Restarts=0 ExitCode=0:0", "has ended with exit code 0"),
    ],
)
def test_what_slurm_says(told: str, words: str) -> None:
    """A state of Slurm's, or else how the pilot ended, in words."""
    assert ending_of(f"JobId=1 Reason=None {told} StdErr=/nowhere") == words


def test_memory_that_only_the_output_tells(tmp_path: Path) -> None:
    """Slurm without cgroups says of a job that was too large only that it failed; why stands in
    what the job has written."""
    file = tmp_path / "job.err"
    file.write_text(
        "x" * 9000 + "slurmstepd: error: StepId=1.batch exceeded memory limit (2 > 1)\n"
    )
    told = f"JobState=FAILED Restarts=0 ExitCode=0:9 StdErr={file}"
    assert ending_of(told) == "used more memory than it has"


def test_pilots_that_nobody_knows() -> None:
    """Of a pilot that was never seen, and of one whose job is not Slurm's, nothing is said."""

    class Executor:
        blocks_to_job_id: ClassVar = {"0": "12"}

        def connected_managers(self) -> list[dict[str, str]]:
            return [{"manager": "seen", "block_id": "0"}]

    jobs = PilotJobs(slurm=True)
    assert jobs.ending(Executor(), "seen") == ""
    elsewhere = PilotJobs(slurm=False)
    elsewhere.look(Executor())
    assert elsewhere.ending(Executor(), "seen") == ""
