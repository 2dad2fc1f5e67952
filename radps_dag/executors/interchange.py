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

__all__ = ["main"]

LOOK = 1.0  # seconds between two looks whether the driver is there


def main() -> None:
    """Run the interchange as long as the driver lives."""
    driver = os.getppid()
    # A terminal's Ctrl-C goes to all processes; the driver still needs this one to end the pilots.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")


if __name__ == "__main__":
    main()
