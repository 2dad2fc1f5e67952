"""Any valid pipeline runs to the same result as in the reference interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from engine_support import loaded, write
from engine_workloads import Board, library_of
from examples import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pipeline_strategy import Files, pipelines
from reference import Account, interpret
from reference_play import found
from repository import SUPPORT

from radps_dag.language.params import complete
from radps_dag.prefect.server import ServerAddress, client_environment

UNCHECKED = [HealthCheck.too_slow, HealthCheck.data_too_large]


def _add(a: float, b: float, name: str) -> dict[str, Any]:
    return {"sum": a + b}


def _give(name: str, value: Any = None) -> dict[str, Any]:
    return {"value": value}


def _fail_if(bad: bool, name: str, value: Any = None) -> dict[str, Any]:
    if bad:
        raise ValueError(value)
    return {"value": value}


WORKLOADS = {"add": _add, "give": _give, "fail_if": _fail_if}


def expected(files: Files, params: dict[str, Any]) -> Account:
    """What the reference makes of it."""
    with tempfile.TemporaryDirectory() as directory:
        path = write(Path(directory), files.text, files.files)
        pipeline = loaded(path, library_of(Board()))
        return interpret(pipeline, complete(pipeline, params), WORKLOADS)


def agree(found: Account, expected: Account) -> None:
    """The two come to the same, but for what may come out one way or another."""
    uncertain = tuple(f"{place}{mark}" for place in expected.uncertain for mark in "/[#")

    def certain(account: Account) -> tuple[dict[Any, int], dict[str, int]]:
        ends = {
            end: times
            for end, times in account.ends.items()
            if end[1] not in expected.uncertain and not end[1].startswith(uncertain)
        }
        calls = {
            name: times
            for name, times in account.calls.items()
            if name not in expected.uncertain_calls
        }
        return ends, calls

    assert certain(found) == certain(expected)
    assert found.outputs == expected.outputs


@examples(300, suppress_health_check=UNCHECKED)
@given(files=pipelines(), n=st.integers(0, 5))
def test_any_pipeline_runs_as_in_the_reference(files: Files, n: int) -> None:
    """Same outputs, same nodes skipped and failed, and the same number of calls of each."""
    agree(found(files, {"n": n}), expected(files, {"n": n}))


def test_the_reference_itself() -> None:
    """The reference is right about a pipeline small enough to be done by hand."""
    text = """
        version: 1
        name: by_hand
        params: {n: {type: number, default: 2}}
        stages:
          fan:
            for_each: {i: [1, 2, 3]}
            min_success: 2
            retries: {max: 1}
            run: fail_if
            with: {bad: "${{ each.i == params.n }}", value: "${{ each.i * 10 }}", name: fan}
          loop:
            loop:
              max_iterations: 5
              state: {s: {init: 1, next: "${{ outputs.sum }}"}}
              until: outputs.sum > 50
              score: ${{ 0 - outputs.sum }}
              keep: best
            run: add
            with: {a: "${{ state.s }}", b: "${{ stages.fan.value | sum }}", name: loop}
          skipped: {when: stages.loop.iterations > 2, run: give, with: {name: skipped}}
          bad:
            on_error: skip_dependents
            run: fail_if
            with: {bad: true, name: bad}
          infected: {needs: [bad], run: give, with: {name: infected}}
        outputs: {sum: "${{ stages.loop.sum }}", failed: "${{ stages.fan.failed }}"}
    """
    account = expected(Files(text, {}), {})
    assert account.outputs == {"sum": 41, "failed": ["2"]}
    assert account.calls == {"fan": 4, "loop": 2, "bad": 1}
    assert not account.uncertain
    kinds = Counter({(word, place): times for (word, place, _), times in account.ends.items()})
    assert kinds == {
        ("succeeded", "fan[i=1]"): 1,
        ("failed", "fan[i=2]"): 1,
        ("succeeded", "fan[i=3]"): 1,
        ("succeeded", "fan"): 1,
        ("succeeded", "loop#1"): 1,
        ("succeeded", "loop#2"): 1,
        ("succeeded", "loop"): 1,
        ("skipped", "skipped"): 1,
        ("failed", "bad"): 1,
        ("skipped", "infected"): 1,
    }
    agree(found(Files(text, {}), {}), account)


def some(number: int) -> list[Files]:
    """So many random pipelines of some size, always the same ones."""
    collected: list[Files] = []

    @settings(
        max_examples=20 * number,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=UNCHECKED,
    )
    @given(files=pipelines())
    def collect(files: Files) -> None:
        collected.append(files)

    collect()
    return sorted(collected, key=lambda files: files.text.count("run:"))[-number:]


# Plays pipelines in one process that reports to Prefect: what takes long is its import.
PLAY = """
import json, sys
from engine_support import play
from pipeline_strategy import Files
from radps_dag.prefect.tracker import PrefectTracker, Shown
from reference_play import found

answers = []
for text, files in json.load(sys.stdin):
    account = found(Files(text, files), {}, PrefectTracker(Shown("random")))
    answers.append([account.outputs, list(account.ends.items()), account.calls])
print(json.dumps(answers), file=sys.stderr)
"""


@pytest.mark.parametrize("number", [5])
def test_so_it_does_with_prefect(
    number: int, prefect_server: ServerAddress, tmp_path: Path
) -> None:
    """With Prefect's flows and tasks around everything the results are the same."""
    files = some(number)
    done = subprocess.run(
        [sys.executable, "-c", PLAY],
        input=json.dumps([[one.text, one.files] for one in files]),
        env={
            **os.environ,
            **client_environment(prefect_server),
            "PYTHONPATH": str(SUPPORT),
            "PREFECT_LOGGING_LEVEL": "CRITICAL",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stderr.splitlines()[-1])
    assert len(answers) == number
    for one, (outputs, ends, calls) in zip(files, answers, strict=True):
        account = Account(outputs, Counter({tuple(end): n for end, n in ends}), Counter(calls))
        agree(account, expected(one, {}))
