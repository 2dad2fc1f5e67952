"""A prune is killed by the system, wherever journal and products are: nothing kept is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from pruning_support import Site, check_kept, laid_out
from repository import ROOT, SUPPORT

from radps_dag.pruning import Choice, plan, prune

SHAPE = [[-1, -1, -1], [0, -1, -1]]  # the second run uses one call of the first again


@pytest.mark.parametrize(("journal", "products"), [("sqlite", "directory"), ("postgres", "s3")])
def test_a_kill_at_each_step(
    journal: str, products: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Kept runs are whole after each kill, and a second prune leaves what the first would have."""
    server = request.getfixturevalue("postgres") if journal == "postgres" else None
    bucket = request.getfixturevalue("bucket") if products == "s3" else ""

    def site(name: str) -> Site:
        root = f"{bucket}/{name}" if bucket else ""
        made = Site(tmp_path / name, url=server.database() if server else None, root=root)
        laid_out(made, SHAPE)
        return made

    def pruned(at: Site, step: int) -> subprocess.CompletedProcess[str]:
        at.store.close()
        where = f"{at.folder}|{at.root}"
        program = [sys.executable, str(SUPPORT / "prune_killed.py")]
        done = subprocess.run(
            [*program, str(step), at.url or "", where, "run0"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        at.store = at.open()
        return done

    reference = site("reference")
    done = pruned(reference, 0)
    assert done.returncode == 0, done.stderr
    left, folders = reference.left(), reference.folders()
    reference.store.close()
    assert len(left) == 3  # of six: one of the first run, which the second uses, and its own
    for step in count(1):
        here = site(f"step{step}")
        done = pruned(here, step)
        check_kept(here.store, {"run1"})
        there = {head.run for head in here.store.heads()} & {"run0"}
        prune(here.store, plan(here.store, Choice(tuple(there))))
        check_kept(here.store, {"run1"})
        assert (here.left(), here.folders()) == (left, folders), step
        here.store.close()
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert step > 12
