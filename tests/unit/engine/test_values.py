"""What comes out of a workload, and what a workload may do to the run: nothing."""

from __future__ import annotations

import json

import pytest
from engine_support import play

from radps_dag.facts import as_json


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nan", "NaN"),
        ("infinity", "inf is not a JSON number"),
        ("bytes", "bytes"),
        ("set", "set"),
        ("array", "memoryview"),
        ("object", "object"),
        ("number_as_key", "key"),
        ("nested_nan", "value[0].deep[1]"),
        ("circle", ""),
        ("huge_integer", "integer"),
    ],
)
def test_what_is_no_json_is_refused(kind: str, reason: str) -> None:
    """A value that is not JSON fails the node, at its place and saying where in the value."""
    run = play(f"stages: {{group: {{steps: {{bad: {{run: spoil, with: {{kind: {kind}}}}}}}}}}}")
    assert run.error.startswith("group/bad: OutputInvalid: workload 'spoil' returned ")
    assert reason.lower() in run.error.lower()
    assert len(run.error.splitlines()) == 1
    # What is told of it can be written down.
    for fact in run.facts:
        json.dumps(as_json(fact), allow_nan=False)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("text", "returned a str instead of outputs"),
        ("missing", "returned no output 'value'"),
        ("more", "returned an undeclared output 'vlaue'; did you mean 'value'?"),
    ],
)
def test_what_was_not_declared_is_refused(kind: str, reason: str) -> None:
    """A workload returns what its signature says, and nothing else."""
    run = play(f"stages: {{bad: {{run: mumble, with: {{kind: {kind}}}}}}}")
    assert run.error == f"bad: OutputInvalid: workload 'mumble' {reason}"


def test_half_characters_do_not_harm() -> None:
    """Text that is no Unicode travels as JSON can write it."""
    run = play("stages: {odd: {run: spoil, with: {kind: half_a_character}}}")
    assert run.status in ("succeeded", "failed")
    for fact in run.facts:
        json.dumps(as_json(fact), allow_nan=False).encode()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("SystemExit", "RuntimeError"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("StopIteration", "StopIteration"),
    ],
)
def test_a_workload_cannot_end_the_run(error: str, told: str) -> None:
    """Whatever a workload raises is its own failure, `sys.exit()` too."""
    run = play(f"""
        stages:
          bad: {{run: fail, with: {{error: {error}, message: '3'}}, on_error: continue}}
          other: {{run: give, needs: [bad]}}
    """)
    assert run.status == "succeeded"
    assert run.failed["bad"].error == told
    assert "other" in run.given


def test_an_error_without_words() -> None:
    """An exception that cannot even be printed is a failure like any other."""
    run = play("stages: {bad: {run: fail, with: {error: UnspeakableError}}}")
    assert run.error.startswith("bad: UnspeakableError")


def test_long_messages_stay_on_one_line() -> None:
    """An error is one line; all of it is in the traceback."""
    run = play("""
        stages:
          bad: {run: fail, with: {message: "first\\nsecond"}}
    """)
    assert run.error == "bad: ValueError: first"
    assert "second" in run.failed["bad"].traceback


def test_the_traceback_is_the_author_s() -> None:
    """The traceback begins in the workload: our own frames tell its author nothing."""
    run = play("stages: {bad: {run: fail}}")
    frames = [line for line in run.failed["bad"].traceback.splitlines() if "File" in line]
    assert len(frames) == 1
    assert "engine_workloads.py" in frames[0]


def test_undeclared_outputs_are_read_by_name() -> None:
    """A workload that declares nothing gives what it returns; tuples are lists."""
    run = play("""
        stages: {a: {run: loose}}
        outputs: {b: "${{ stages.a.b }}"}
    """)
    assert run.outputs == {"b": [2, [2]]}


def test_a_missing_output_has_a_place() -> None:
    """What no signature could promise is missed at run time, where it is read."""
    run = play("""
        stages:
          a: {run: loose}
          reader: {run: give, with: {value: "${{ stages.a.c }}"}}
    """)
    assert run.error.startswith("reader: ExpressionError: 'stages.a.c' has no value")
    assert run.error.endswith("pipeline.yaml:6:50)")


@pytest.mark.parametrize(
    "expression",
    [
        "stages.big.value * 1e308",
        "stages.big.value ** 40",
        "'a' ~ (stages.big.value / 0)",
        "stages.big.value.nothing",
        "stages.big.value + 'text'",
        "[1, 2][stages.big.value]",
    ],
)
def test_expressions_that_break_at_run_time_have_a_place(expression: str) -> None:
    """An expression that breaks with the values it got fails its node, with file, line, column."""
    run = play(f"""
        stages:
          big: {{run: give, with: {{value: 1000}}}}
          reader:
            run: give
            with:
              value: ${{{{ {expression} }}}}
    """)
    assert run.error.startswith("reader: ExpressionError: ")
    assert "pipeline.yaml:9:" in run.error
    assert "reader" in run.started


def test_a_workload_may_print() -> None:
    """What a workload writes to its streams is not a part of its result."""
    run = play("stages: {a: {run: say}}\noutputs: {v: '${{ stages.a.value }}'}")
    assert run.outputs == {"v": "words"}


def test_every_fact_is_json() -> None:
    """Each fact of a run can be written as strict JSON and names its kind."""
    run = play("""
        stages:
          fan:
            for_each: {i: [1, 2]}
            min_success: 1
            retries: {max: 1}
            run: fail_if
            with: {bad: "${{ each.i == 2 }}"}
            qa: {metrics: {m: {score: 0.5}}, warn_below: 0.9}
          loop: {loop: {max_iterations: 2, on_exhausted: warn}, run: give}
          skipped: {run: give, when: false}
    """)
    kinds = {json.loads(json.dumps(as_json(fact), allow_nan=False))["fact"] for fact in run.facts}
    assert kinds == {
        "run_started",
        "node_started",
        "node_succeeded",
        "node_failed",
        "node_skipped",
        "retrying",
        "iterated",
        "scored",
        "noted",
        "run_ended",
    }
