"""Parsl's pool of workers, of which nothing is left where it is killed.

By itself it would leave for ever a process that its workers share: `multiprocessing.Manager`.
"""

from __future__ import annotations

import os
import runpy
from multiprocessing.managers import SyncManager

from radps_dag.executors.interchange import end_with

__all__ = ["main"]


def main() -> None:
    """Run the pool; the process that its workers share ends with it."""
    start = SyncManager.start

    def guarded(manager: SyncManager) -> None:
        start(manager, end_with, (os.getpid(),))

    SyncManager.start = guarded  # type: ignore[method-assign,assignment]  # Parsl gives nothing
    runpy.run_module(
        "parsl.executors.high_throughput.process_worker_pool", run_name="__main__", alter_sys=True
    )


if __name__ == "__main__":
    main()
