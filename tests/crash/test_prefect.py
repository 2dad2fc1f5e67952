"""Runs with Prefect of which anything is killed or frozen: each ends, and the results are the same.

`RADPS_DAG_CRASHES=300` disturbs as often; an ordinary test does so a few times. Two at once, with
`RADPS_DAG_FIRST_CRASH` of one above those of the other, take half the time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_pipelines import TRACKED
from crash_support import Ended, Parent, Site
from crash_trial import Trial
from processes_support import alive
from run_support import until

from radps_dag.facts import RunEnded
from radps_dag.prefect import server

CRASHES = int(os.environ.get("RADPS_DAG_CRASHES", "0")) or 3
FIRST = int(os.environ.get("RADPS_DAG_FIRST_CRASH", "0"))
MARK = "RADPS_TEST_CRASH"
# Whom, and by which signal; the first of an ordinary test are the server's.
VICTIMS = [
    ("server", signal.SIGKILL),
    ("server", signal.SIGSTOP),
    ("driver", signal.SIGKILL),
    ("worker", signal.SIGKILL),
]


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    parent = Parent(tmp_path_factory.mktemp("parent"))
    yield parent
    parent.close()
    server.stop(parent.home, force=True)


@pytest.fixture(scope="module")
def undisturbed(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the pipeline gives where nobody disturbs it."""
    site = tracked(parent, tmp_path_factory.mktemp("undisturbed") / "site")
    ended = site.run()
    assert ended.code == 0, ended.err
    return site.outputs()


def tracked(parent: Parent, folder: Path) -> Site:
    site = Site.make(parent, folder, TRACKED)
    site.prefect = True
    site.options = ("--executor=processes", "--max-parallel=2")
    site.variables = {MARK: str(folder)}
    return site


def test_disturbed_at_random(parent: Parent, undisturbed: Any, tmp_path: Path) -> None:
    """Driver, worker or server gone, or the server frozen, at any moment: the run ends by itself,
    resumes to the same outputs, does again nothing that was durable, and leaves no process."""
    done, number = 0, FIRST
    while done < CRASHES:
        site = tracked(parent, tmp_path / str(number))
        disturbed = Disturbed(site, seed=number, first=VICTIMS[number % len(VICTIMS)])
        ended = disturbed.drive(most=min(2, CRASHES - done))
        assert ended.code == 0, ended
        disturbed.check(undisturbed)
        assert until(lambda site=site: not left(site), 20.0), left(site)
        done += max(1, disturbed.count)
        number += 1


class Disturbed(Trial):
    """A run of which something is killed or frozen, from outside."""

    def __init__(self, site: Site, seed: int, first: tuple[str, signal.Signals]) -> None:
        super().__init__(site, seed)
        self._victim = first
        self.count = 0

    def drive(self, most: int) -> Ended:
        ended = self._disturbed(self.site.begin_run())
        while ended.code != 0:
            assert ended.code != 1000, f"it hung: {self._victim}, {ended}"
            assert "Traceback" not in ended.err, ended
            self._look()
            begin = self.site.begin_resume if self._began() else self.site.begin_run
            pid = begin()
            if self.count < most:
                self._victim = self._chance.choice(VICTIMS)
                ended = self._disturbed(pid)
            else:
                ended = self.site.parent.end(pid)
        return ended

    def _disturbed(self, pid: int) -> Ended:
        """The end of a command, of which the victim is struck at a random moment."""
        whom, number = self._victim
        before = len(self.site.facts())
        # Most of the time goes by before the first fact, while Prefect is imported.
        until(lambda: len(self.site.facts()) > before or not alive(pid), 60.0)
        time.sleep(self._chance.uniform(0.0, 3.0))
        struck = self._find(whom, pid)
        if struck and alive(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(struck, number)
                self.count += 1
        ended = self.site.parent.end(pid)
        if whom == "server" and self._chance.random() < 0.8:
            # The next run would have to find out first that it is frozen; now and then it does.
            with contextlib.suppress(ProcessLookupError, TypeError):
                os.kill(struck, signal.SIGKILL)
        if whom == "server":
            # A run that goes on without Prefect ends as it would with it.
            end = self.site.facts()[-1]
            assert isinstance(end, RunEnded) and end.status == "succeeded", (end, ended)
            warnings = ended.err.count("Prefect's server")
            assert warnings <= 1, ended.err
        return ended

    def _find(self, whom: str, driver: int) -> int:
        if whom == "driver":
            return driver
        if whom == "server":
            return server.status(self.site.parent.home).pid or 0
        workers = [
            pid
            for pid, command in left(self.site).items()
            if "radps_dag.executors.worker" in command
        ]
        return self._chance.choice(workers) if workers else 0


def left(site: Site) -> dict[int, str]:
    """The processes that carry the site's mark, but for the server, which stays."""
    mark = f"{MARK}={site.variables[MARK]}".encode()
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (place / "cmdline").read_text().replace("\0", " ")
            if (
                mark in (place / "environ").read_bytes().split(b"\0")
                and "server.main" not in command
            ):
                found[int(place.name)] = command
    return found
