"""Signals that end a run: a person's second one ends it at once, a program's changes nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from radps_dag.problem import Interrupted
from radps_dag.runs.signals import run_minding_signals

TWICE = """
import asyncio, os, signal, sys
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
    run_minding_signals(main, once=sys.argv[1] == "once")
except Interrupted as error:
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(("given", "out"), [("once", "in order\n"), ("often", "")])
def test_a_second_signal(given: str, out: str) -> None:
    """By a person it ends the program where it is; by a worker it is one too many."""
    command = [sys.executable, "-c", TWICE, given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == (out, 143), done.stderr


def test_a_signal_is_told() -> None:
    """What is to hurry hears of it before the run is cancelled."""
    told: list[str] = []

    async def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    with pytest.raises(Interrupted):
        run_minding_signals(main, told=lambda: told.append("told"))
    assert told == ["told", "cancelled"]
