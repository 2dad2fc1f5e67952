"""Conditions: what is skipped, and what reads it."""

from __future__ import annotations

from engine_support import play

from radps_dag.facts import NodeStarted, Scored


def test_when_false_skips() -> None:
    """A node whose `when` is false is skipped with all that is inside it, and says why."""
    run = play("""
        params: {deep: {type: boolean, default: false}}
        stages:
          task: {run: give, when: "${{ params.deep }}"}
          group: {when: params.deep, steps: {inside: {run: give}}}
          fan: {when: "${{ params.deep }}", for_each: {i: [1]}, run: give}
          loop: {when: false, loop: {max_iterations: 1, on_exhausted: warn}, run: give}
    """)
    assert run.status == "succeeded"
    assert set(run.skipped) == {"task", "group", "fan", "loop"}
    assert set(run.skipped.values()) == {"its condition is false"}
    assert not run.board.calls and not run.all(NodeStarted)


def test_when_may_read_outputs() -> None:
    """A condition is evaluated when what it reads is there."""
    run = play("""
        stages:
          measure: {run: give, with: {value: 0.4}}
          good: {run: give, when: stages.measure.value > 0.5}
          bad: {run: give, when: stages.measure.value <= 0.5}
    """)
    assert list(run.skipped) == ["good"]
    assert run.before("measure", "bad")


def test_what_needs_a_skipped_node_runs() -> None:
    """Being skipped is not a failure: what `needs` the node runs, after the condition is known."""
    run = play("""
        stages:
          skipped: {run: give, when: false}
          needs_it: {run: give, needs: [skipped]}
    """)
    assert run.started == ["needs_it"]


def test_default_reads_what_is_not_there() -> None:
    """`default` gives another value for a skipped node's output, and its own where there is one."""
    run = play("""
        params: {n: {type: integer, default: 1}}
        stages:
          skipped: {run: give, with: {value: 1}, when: params.n > 1}
          null_value: {run: give, with: {value: null}, when: params.n == 1}
          reader:
            run: give
            with:
              value:
                - ${{ stages.skipped.value | default('other') }}
                - ${{ stages.null_value.value | default('other') }}
                - ${{ stages.skipped.value is defined }}
        outputs: {value: "${{ stages.reader.value }}"}
    """)
    assert run.outputs == {"value": ["other", None, False]}


def test_a_skipped_step_does_not_uncover_one_further_out() -> None:
    """A step hides one of the same id further out also where it is skipped."""
    run = play("""
        stages:
          group:
            steps:
              same: {run: give, with: {value: outer}}
              inner:
                needs: [same]
                steps:
                  same: {run: give, with: {value: inner}, when: false}
                  reader: {run: give, with: {value: "${{ steps.same.value | default('none') }}"}}
                outputs:
                  read: ${{ steps.reader.value }}
                  out: ${{ steps.same.value | default('none') }}
            outputs:
              read: ${{ steps.inner.read }}
              out: ${{ steps.inner.out }}
        outputs: {read: "${{ stages.group.read }}", out: "${{ stages.group.out }}"}
    """)
    assert run.outputs == {"read": "none", "out": "none"}


def test_a_loop_does_not_read_a_step_further_out_for_a_skipped_one() -> None:
    """What a loop evaluates after an iteration sees the iteration's own steps, skipped or not."""
    run = play("""
        stages:
          group:
            steps:
              same: {run: give, with: {value: 5}}
              inner:
                needs: [same]
                loop:
                  max_iterations: 3
                  until: ${{ steps.same.value | default(0) == 5 }}
                  on_exhausted: warn
                steps:
                  same: {run: give, with: {value: 1}, when: "${{ loop.index == 2 }}"}
            outputs: {iterations: "${{ steps.inner.iterations }}"}
        outputs: {iterations: "${{ stages.group.iterations }}"}
    """)
    assert run.outputs == {"iterations": 3}


def test_a_condition_that_cannot_be_evaluated_fails_the_node() -> None:
    """An error in a condition is the node's failure, with the expression's own place."""
    run = play("""
        stages:
          zero: {run: give, with: {value: 0}}
          node: {run: give, when: "${{ 1 / stages.zero.value > 1 }}"}
    """)
    assert run.error.startswith("node: ExpressionError: division by zero (at ")
    assert run.error.endswith("pipeline.yaml:6:32)")
    assert "node" not in run.started


def test_a_condition_that_fails_can_be_tolerated() -> None:
    """`on_error` holds for the condition too."""
    run = play("""
        stages:
          zero: {run: give, with: {value: 0}}
          node: {run: give, when: "${{ 1 / stages.zero.value > 1 }}", on_error: continue}
          other: {run: give, needs: [node]}
    """)
    assert run.status == "succeeded"
    assert run.failed["node"].tolerated


def test_when_of_steps_in_a_fan_out_sees_the_item() -> None:
    """Inside a group that fans out, a step's condition is a matter of each instance."""
    run = play("""
        stages:
          fan:
            for_each: {spw: [1, 2, 3]}
            steps:
              odd: {run: give, with: {value: "${{ each.spw }}"}, when: "${{ each.spw % 2 == 1 }}"}
            outputs: {odd: "${{ steps.odd.value | default(none) }}"}
        outputs: {odd: "${{ stages.fan.odd }}"}
    """)
    assert run.outputs == {"odd": [1, None, 3]}
    assert list(run.skipped) == ["fan[spw=2]/odd"]


def test_a_skipped_node_is_not_scored() -> None:
    """No QA of what did not run."""
    run = play("""
        stages:
          skipped: {run: give, when: false, qa: {metrics: {m: {score: 1}}}}
    """)
    assert not run.all(Scored)
