"""Pins on runs: what a process may still use of them is not removed while it lives."""

from __future__ import annotations

import os

from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError
from radps_dag.storage import locks

__all__ = ["Pins"]


class Pins:
    """The runs that this process may use results of. The kernel frees them when it has gone."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._held: dict[str, locks.Lock] = {}

    def take(self, run: str) -> bool:
        """Pin a run; False where it is being removed. One whose files are elsewhere, or that this
        process may not lock, cannot be removed from here or is used as it is."""
        directory = self._workspace.run(run)
        if run in self._held or not directory.path.is_dir():
            return True
        if not self._held:
            # A process that a workload forks off uses nothing of other runs.
            os.register_at_fork(after_in_child=self.release)
        try:
            lock = locks.take(directory.readers, shared=True)
        except RadpsDagError:
            return True
        if lock is None:
            return False
        self._held[run] = lock
        return True

    def release(self) -> None:
        """Give all up."""
        for lock in self._held.values():
            lock.release()
        self._held.clear()
