"""Parsl's interchange, which ends with the process that has started it.

By itself it would go on when the driver was killed, and pilots would wait for calls until their
walltime.
"""

from __future__ import annotations

import os
import runpy
import signal
import threading
import time

__all__ = ["end_with", "main"]

LOOK = 1.0  # seconds between two looks whether the parent is there


def end_with(parent: int) -> None:
    """End this process once it is no longer a child of `parent`."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Run the interchange as long as the driver lives."""
    # A terminal's Ctrl-C goes to all processes; the driver still needs this one to end the pilots.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(os.getppid())
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")


if __name__ == "__main__":
    main()
