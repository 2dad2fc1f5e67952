"""Loops: state, ends, and the iteration that is kept."""

from __future__ import annotations

import pytest
from engine_support import play

from radps_dag.facts import NodeStarted
from radps_dag.problem import InvalidPipeline

# A loop whose score in iteration i is the i-th of a list.
SCORED = """
    params:
      scores: {{type: array, default: {scores}}}
    stages:
      solve:
        loop:
          max_iterations: {cap}
          score: ${{{{ outputs.value }}}}
          {loop}
        run: give
        with: {{value: "${{{{ params.scores[loop.index - 1] }}}}"}}
    outputs:
      value: ${{{{ stages.solve.value }}}}
      outcome: ${{{{ stages.solve.outcome }}}}
      iterations: ${{{{ stages.solve.iterations }}}}
      history: ${{{{ stages.solve.history }}}}
"""


def scored(scores: str, loop: str, cap: int = 5) -> str:
    return SCORED.format(scores=scores, loop=loop, cap=cap)


def test_a_loop_carries_state() -> None:
    """`next` is evaluated with this iteration's steps and the state it started from, and all
    variables change together; a variable without `next` stays."""
    run = play("""
        stages:
          fibonacci:
            loop:
              max_iterations: 6
              state:
                a: {init: 0, next: "${{ state.b }}"}
                b: {init: 1, next: "${{ steps.add.sum }}"}
                c: {init: 100}
              on_exhausted: warn
            steps:
              add: {run: add, with: {a: "${{ state.a }}", b: "${{ state.b }}"}}
            outputs:
              sum: ${{ steps.add.sum }}
              constant: ${{ state.c }}
              index: ${{ loop.index }}
        outputs:
          sum: ${{ stages.fibonacci.sum }}
          constant: ${{ stages.fibonacci.constant }}
          index: ${{ stages.fibonacci.index }}
    """)
    assert run.outputs == {"sum": 13, "constant": 100, "index": 6}


def test_until_ends_a_loop_after_the_iteration_that_fulfils_it() -> None:
    """Do-while: the body runs, then `until` is asked; the first iteration is number 1."""
    run = play(scored("[0.1, 0.5, 0.9, 1.0]", "until: outputs.value > 0.8"))
    assert run.outputs == {
        "value": 0.9,
        "outcome": "converged",
        "iterations": 3,
        "history": [0.1, 0.5, 0.9],
    }
    assert run.started == ["solve", "solve#1", "solve#2", "solve#3"]
    assert [(fact.iteration, fact.score, fact.outcome) for fact in run.iterations] == [
        (1, 0.1, ""),
        (2, 0.5, ""),
        (3, 0.9, "converged"),
    ]
    assert {fact.cap for fact in run.iterations} == {5}
    assert run.all(NodeStarted)[0].total == 5


def test_the_body_runs_once_at_least() -> None:
    """A loop that has converged from the start has run once."""
    run = play(scored("[1]", "until: loop.index >= 1"))
    assert run.outputs["iterations"] == 1


def test_diverged_goes_before_until() -> None:
    """Where both hold in one iteration, the loop has diverged."""
    loop = """until: loop.index == 2
          diverged: loop.index == 2
          on_diverged: warn"""
    run = play(scored("[1, 2]", loop))
    assert run.outputs["outcome"] == "diverged"
    assert run.warnings == ["diverged in iteration 2; last score 2"]


@pytest.mark.parametrize(
    ("limit", "policy", "error"),
    [
        ("on_exhausted: fail", "fail", "NotConverged: not converged after 3 iterations"),
        ("on_exhausted: pause", "fail", "NotConverged: not converged after 3 iterations"),
        ("on_exhausted: warn", "warn", "not converged after 3 iterations"),
    ],
)
def test_what_happens_at_the_cap(limit: str, policy: str, error: str) -> None:
    """At the cap a loop fails or warns, as it says, with the last score."""
    loop = f"until: outputs.value > 5\n          {limit}"
    run = play(scored("[1, 2, 3]", loop, cap=3))
    if policy == "warn":
        assert run.outputs["outcome"] == "exhausted"
        assert run.warnings == [f"{error}; last score 3"]
    else:
        assert run.error.startswith(f"solve: {error}; last score 3")
    assert run.iterations[-1].outcome == "exhausted"


@pytest.mark.parametrize("policy", ["fail", "pause", "warn"])
def test_what_happens_when_it_diverges(policy: str) -> None:
    """A loop that diverges ends at once, and fails or warns as it says."""
    loop = f"""until: outputs.value > 5
          diverged: outputs.value < 1
          on_diverged: {policy}"""
    run = play(scored("[2, 0, 9]", loop, cap=3))
    assert len(run.iterations) == 2
    if policy == "warn":
        assert run.outputs["outcome"] == "diverged"
        assert run.outputs["value"] == 0
    else:
        assert run.error.startswith("solve: Diverged: diverged in iteration 2; last score 0")


def test_exhausted_by_default_fails() -> None:
    """Without a word, a loop that does not converge fails."""
    run = play(scored("[1, 1]", "until: outputs.value > 5", cap=2))
    assert run.error == "solve: NotConverged: not converged after 2 iterations; last score 1"


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ("[1, 3, 2]", 3),
        ("[3, 1, 3]", 3),
        ("[-3, -1, -2]", -1),
        ("[null, 0, null]", 0),
        ("[null, null, null]", None),
    ],
)
def test_keep_best(scores: str, kept: float | None) -> None:
    """`keep: best` gives the outputs of the iteration with the highest score; those without a
    score are kept only where there is no other."""
    run = play(scored(scores, "keep: best\n          on_exhausted: warn", cap=3))
    assert run.outputs["value"] == kept
    assert run.outputs["iterations"] == 3


def test_keep_best_keeps_the_first_of_equals() -> None:
    """Of iterations that are equally good, the first is kept."""
    run = play("""
        stages:
          solve:
            loop: {max_iterations: 3, score: "${{ 1 }}", keep: best, on_exhausted: warn}
            run: count
        outputs: {value: "${{ stages.solve.value }}"}
    """)
    assert run.outputs == {"value": 1}


def test_a_rolled_back_iteration_is_not_kept() -> None:
    """What made it worse is not the result, though it ended the loop."""
    loop = """keep: best
          diverged: outputs.value < 5
          on_diverged: warn"""
    run = play(scored("[7, 9, 3]", loop + "\n          on_exhausted: warn", cap=3))
    assert run.outputs == {
        "value": 9,
        "outcome": "diverged",
        "iterations": 3,
        "history": [7, 9, 3],
    }


@pytest.mark.parametrize("score", ["[1]", "'good'", "true"])
def test_a_score_must_be_a_number(score: str) -> None:
    """A score that is no number fails the loop."""
    run = play(f"""
        stages:
          solve:
            loop: {{max_iterations: 2, score: "${{{{ outputs.value }}}}", on_exhausted: warn}}
            run: give
            with: {{value: {score}}}
    """)
    assert run.error.startswith("solve: LoopInvalid: the loop's score must be a number, not")


@pytest.mark.parametrize("cap", ["-1", "1.5", "true", "many", "10000000"])
def test_a_cap_must_be_a_count(cap: str) -> None:
    """A cap that only the run can know is checked there."""
    run = play(f"""
        stages:
          cap: {{run: give, with: {{value: {cap}}}}}
          solve:
            loop: {{max_iterations: "${{{{ stages.cap.value }}}}", on_exhausted: warn}}
            run: count
    """)
    assert run.error.startswith("solve: LoopInvalid: max_iterations must be an integer from 0 to")


def test_without_an_iteration_the_outputs_are_where_the_state_begins() -> None:
    """What `next` carries has its `init`, what reads nothing of an iteration is itself, and the
    outcome says that there was none."""
    run = play(
        """
        stages:
          rounds: {run: give, with: {value: 0}}
          solve:
            loop:
              max_iterations: ${{ stages.rounds.value }}
              state:
                model: {init: 7, next: "${{ steps.improve.value }}"}
                noise: {init: "${{ stages.rounds.value - 1 }}", next: "${{ outputs.rms }}"}
              until: ${{ steps.improve.value > 10 }}
            steps:
              improve: {run: give, with: {value: "${{ state.model + state.noise }}"}}
            outputs:
              model: ${{ steps.improve.value }}
              rms: ${{ steps.improve.value / 2 }}
              from: ${{ state.model }}
              rounds: ${{ stages.rounds.value }}
          after: {run: give, with: {value: "${{ stages.solve }}"}}
        outputs: {solve: "${{ stages.after.value }}"}
    """.replace('"${{ stages.solve }}"', '["${{ stages.solve.model }}", "${{ stages.solve.rms }}"]')
    )
    assert run.outputs == {"solve": [7, -1]}
    assert run.given["solve"] == {
        "model": 7,
        "rms": -1,
        "from": 7,
        "rounds": 0,
        "outcome": "empty",
        "iterations": 0,
        "history": [],
    }
    assert "solve#1" not in run.started


def test_without_an_iteration_a_call_gives_what_its_state_carries() -> None:
    """A loop on a call can do without an iteration if the state carries all that it returns."""
    run = play("""
        stages:
          rounds: {run: give, with: {value: 0}}
          solve:
            loop:
              max_iterations: ${{ stages.rounds.value }}
              state: {x: {init: 3, next: "${{ outputs.value }}"}}
              on_exhausted: fail
              until: ${{ outputs.value > 5 }}
            run: give
            with: {value: "${{ state.x + 1 }}"}
        outputs: {value: "${{ stages.solve.value }}", how: "${{ stages.solve.outcome }}"}
    """)
    assert run.outputs == {"value": 3, "how": "empty"}


def test_a_loop_that_needs_an_iteration_says_so() -> None:
    """An output that only an iteration gives is named, with what would give it."""
    run = play("""
        stages:
          rounds: {run: give, with: {value: 0}}
          solve:
            loop: {max_iterations: "${{ stages.rounds.value }}", on_exhausted: warn}
            run: count
    """)
    assert "without an iteration there is no output 'value'" in run.error
    assert run.board.counts["count"] == 0


def test_a_loop_for_each_item() -> None:
    """`for_each` and `loop` on one node: a loop for each item, each with a state of its own."""
    run = play("""
        stages:
          solve:
            for_each: {spw: [1, 2, 3]}
            loop:
              max_iterations: 5
              state: {total: {init: "${{ each.spw }}", next: "${{ outputs.sum }}"}}
              until: outputs.sum >= 6
            run: add
            with: {a: "${{ state.total }}", b: "${{ each.spw }}"}
        outputs:
          sums: ${{ stages.solve.sum }}
          iterations: ${{ stages.solve.iterations }}
          outcome: ${{ stages.solve.outcome }}
          failed: ${{ stages.solve.failed }}
    """)
    assert run.outputs == {
        "sums": [6, 6, 6],
        "iterations": [5, 2, 1],
        "outcome": ["converged"] * 3,
        "failed": [],
    }
    assert "solve[spw=2]#2" in run.given
    kinds = {fact.place: fact.kind for fact in run.all(NodeStarted)}
    assert kinds["solve"] == "fan_out"
    assert kinds["solve[spw=2]"] == "loop"
    assert kinds["solve[spw=2]#2"] == "task"


def test_loops_in_loops() -> None:
    """An inner loop starts afresh in every iteration of the outer, sees the outer's state, and
    counts for itself."""
    run = play(
        """
        stages:
          outer:
            loop:
              max_iterations: 3
              state: {seen: {init: [], next: "${{ state.seen + steps.inner.seen }}"}}
              on_exhausted: warn
            steps:
              inner:
                loop:
                  max_iterations: 2
                  state:
                    own: {init: "${{ (state.seen | length) * 100 }}", next: "${{ state.own + 1 }}"}
                  on_exhausted: warn
                run: give
                with: {value: "${{ state.own + loop.index * 10 }}"}
              collect:
                run: give
                with: {value: ["${{ steps.inner.value }}", "${{ loop.index }}"]}
            outputs: {seen: "${{ state.seen }}", last: "${{ steps.collect.value }}"}
        outputs: {seen: "${{ stages.outer.last }}"}
    """.replace("steps.inner.seen", "[steps.inner.value]")
    )
    # Third round: two values seen, so own is 200 and 201; the second inner round is the last.
    assert run.outputs == {"seen": [221, 3]}
    assert [place for place in run.started if "inner" in place][:3] == [
        "outer#1/inner",
        "outer#1/inner#1",
        "outer#1/inner#2",
    ]
    assert run.board.counts["give"] == 9


def test_an_inner_loop_s_body_sees_all_state() -> None:
    """In the body of an inner loop the outer loop's state is in sight, but for names that the
    inner one has too."""
    run = play("""
        stages:
          outer:
            loop:
              max_iterations: 2
              state:
                a: {init: 1, next: "${{ state.a + 1 }}"}
                b: {init: 10, next: "${{ state.b + 10 }}"}
              on_exhausted: warn
            steps:
              inner:
                loop:
                  max_iterations: 2
                  state: {b: {init: 100, next: "${{ state.b + state.a }}"}}
                  on_exhausted: warn
                run: give
                with: {value: ["${{ state.a }}", "${{ state.b }}"]}
            outputs: {value: "${{ steps.inner.value }}", b: "${{ state.b }}"}
        outputs: {value: "${{ stages.outer.value }}", b: "${{ stages.outer.b }}"}
    """)
    assert run.outputs == {"value": [2, 102], "b": 20}


def test_a_loop_of_a_used_file() -> None:
    """A used file loops by what it gives, and sees the state in its params alone."""
    run = play(
        """
        stages:
          clean:
            loop:
              max_iterations: 4
              state: {model: {init: 1, next: "${{ outputs.model }}"}}
              until: outputs.model > 6
            use: part.yaml
            with: {model: "${{ state.model }}"}
        outputs: {model: "${{ stages.clean.model }}", n: "${{ stages.clean.iterations }}"}
        """,
        files={
            "part.yaml": """
            params: {model: {type: number}}
            stages: {double: {run: add, with: {a: "${{ params.model }}", b: "${{ params.model }}"}}}
            outputs: {model: "${{ stages.double.sum }}"}
            """
        },
    )
    assert run.outputs == {"model": 8, "n": 3}


def test_a_failure_in_an_iteration_fails_the_loop() -> None:
    """The loop fails with the iteration's error, at the iteration's place."""
    run = play("""
        stages:
          solve:
            loop: {max_iterations: 5, on_exhausted: warn}
            run: fail_if
            with: {bad: "${{ loop.index == 3 }}", value: 7}
    """)
    assert run.error == "solve#3: ValueError: 7 is bad"
    assert run.board.counts["fail_if"] == 3


def test_retries_are_of_one_iteration() -> None:
    """Each iteration has all the attempts."""
    run = play("""
        stages:
          solve:
            loop: {max_iterations: 3, on_exhausted: warn}
            retries: {max: 1}
            run: fail
            with: {times: 1, name: "call ${{ loop.index }}"}
    """)
    assert run.status == "succeeded"
    assert [fact.place for fact in run.retries] == ["solve#1", "solve#2", "solve#3"]


def test_conditions_of_a_loop_see_skipped_steps() -> None:
    """A step that is skipped in an iteration is absent there, also where it ran before."""
    run = play("""
        stages:
          solve:
            loop:
              max_iterations: 4
              until: ${{ steps.first.value | default('absent') == 'absent' }}
            steps:
              first: {run: give, with: {value: 1}, when: "${{ loop.index == 1 }}"}
        outputs: {n: "${{ stages.solve.iterations }}"}
    """)
    assert run.outputs == {"n": 2}


def test_errors_in_a_loop_s_expressions_have_a_place() -> None:
    """What breaks in `until` or `next` fails the loop, with the expression's place."""
    run = play("""
        stages:
          solve:
            loop: {max_iterations: 3, until: "${{ 1 / outputs.value > 1 }}"}
            run: give
            with: {value: 0}
    """)
    assert run.error.startswith("solve: ExpressionError: division by zero (at ")
    assert run.error.endswith("pipeline.yaml:6:43)")


def test_state_is_not_there_before_the_loop() -> None:
    """`init` cannot read the loop's own state."""
    with pytest.raises(InvalidPipeline, match="before the loop begins"):
        play("""
            stages:
              solve:
                loop:
                  max_iterations: 2
                  state: {a: {init: "${{ state.a }}", next: 1}}
                  until: state.a == 1
                run: give
        """)
