"""Signals that end a run: a person's second one ends it at once, a program's changes nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: a signal ends the process after a while, whatever it does by then.
TWICE = """
import asyncio, os, signal, sys
from functools import partial
from radps_dag.problem import Interrupted
from radps_dag.runs.signals import run_minding_signals

async def main():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.1)
        print("in order", flush=True)

try:
    told = partial(print, "told", flush=True)
    run_minding_signals(main, told=told, once=sys.argv[1] == "once")
except Interrupted as error:
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(("given", "out"), [("once", "told\nin order\n"), ("often", "told\n")])
def test_a_second_signal(given: str, out: str) -> None:
    """By a person it ends the program where it is; by a worker it is one too many. Before, who is
    to hurry is told of the first one."""
    command = [sys.executable, "-c", TWICE, given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == (out, 143), done.stderr
