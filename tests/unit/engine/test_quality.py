"""QA scores and verdicts, and trouble from outside."""

from __future__ import annotations

import pytest
from engine_support import fault, play

from radps_dag.facts import NodeFailed, Scored


def qa(score: str, rest: str = "") -> str:
    return f"""
        stages:
          node:
            run: give
            with: {{value: {{n: 0.5, text: some, none: null, yes: true}}}}
            qa:
              metrics:
                m: {{score: "${{{{ {score} }}}}"}}
              warn_below: 0.9
              alert_below: 0.6
              {rest}
    """


@pytest.mark.parametrize(
    ("score", "given", "verdict"),
    [
        ("outputs.value.n", 0.5, "alert"),
        ("0.6", 0.6, "warn"),
        ("0.9", 0.9, "good"),
        ("1", 1.0, "good"),
        ("17", 1.0, "good"),
        ("-2", 0.0, "alert"),
        ("outputs.value.none", None, "none"),
        ("outputs.value.text", -0.1, "error"),
        ("1 / 0", -0.1, "error"),
        ("outputs.value.nothing", -0.1, "error"),
        ("outputs.value.yes", -0.1, "error"),
    ],
)
def test_scores_and_verdicts(score: str, given: float | None, verdict: str) -> None:
    """Scores are bounded to 0 to 1; null is not applicable; what breaks scores -0.1 and does not
    stop the run."""
    run = play(qa(score))
    assert run.status == "succeeded"
    assert [(one.metric, one.score, one.verdict) for one in run.scores] == [("m", given, verdict)]


def test_a_broken_formula_says_why() -> None:
    """The reason of a broken metric is its error."""
    (score,) = play(qa("1 / 0")).scores
    assert score.reason == "division by zero"


@pytest.mark.parametrize(("policy", "ends"), [("continue", "succeeded"), ("fail", "failed")])
def test_on_alert(policy: str, ends: str) -> None:
    """An alert fails the node if it says so, with the metric, its score and the threshold."""
    run = play(qa("outputs.value.n", f"on_alert: {policy}"))
    assert run.status == ends
    if ends == "failed":
        assert run.error == "node: QaFailed: QA metric 'm' scored 0.50, below 0.6"
        assert run.position(Scored, "node") < run.position(NodeFailed, "node")


def test_on_alert_pause_fails_where_nobody_can_be_asked() -> None:
    """As long as nobody can be asked, an alert that asks fails and says so."""
    run = play(qa("0", "on_alert: pause"))
    assert run.error.startswith("node: QaFailed: QA metric 'm' scored 0.00, below 0.6")
    assert "scored 0.00, below 0.6" in run.error


@pytest.mark.parametrize("score", ["1 / 0", "none", "0.7"])
def test_only_an_alert_fails(score: str) -> None:
    """Neither a warning, nor a broken formula, nor what is not applicable is an alert."""
    assert play(qa(score, "on_alert: fail")).status == "succeeded"


def test_an_alert_can_be_tolerated() -> None:
    """A node that fails on its quality has failed as by anything else, and leaves no outputs."""
    run = play("""
        stages:
          node:
            on_error: continue
            run: give
            qa: {metrics: {m: {score: 0}}, alert_below: 0.5, on_alert: fail}
        outputs: {v: "${{ stages.node.value | default('nothing') }}"}
    """)
    assert run.outputs == {"v": "nothing"}
    assert run.failed["node"].tolerated


def test_metrics_tell_value_units_and_reason() -> None:
    """A metric carries what is behind it, and what it applies to."""
    run = play("""
        stages:
          fan:
            for_each: {spw: [3]}
            run: give
            with: {value: 0.25}
            qa:
              metrics:
                flagged:
                  score: ${{ 1 - outputs.value }}
                  value: ${{ outputs.value * 100 }}
                  units: "%"
                  reason: ${{ outputs.value }} of spw ${{ each.spw }} is flagged
                  applies_to: ${{ each.spw }}
                plain: {score: 0.5}
    """)
    flagged, plain = run.scores
    assert flagged.place == "fan[spw=3]"
    assert (flagged.score, flagged.value, flagged.units) == (0.75, 25, "%")
    assert (flagged.reason, flagged.applies_to) == ("0.25 of spw 3 is flagged", "3")
    assert (plain.score, plain.value, plain.units, plain.reason) == (0.5, None, "", "")


def test_quality_of_groups_loops_and_files() -> None:
    """A group is scored by its outputs, a loop by those it keeps and how it went, a file too."""
    run = play(
        """
        stages:
          group:
            steps: {a: {run: give, with: {value: 0.25}}}
            outputs: {x: "${{ steps.a.value }}"}
            qa: {metrics: {m: {score: "${{ outputs.x }}"}}}
          loop:
            loop: {max_iterations: 4, on_exhausted: warn}
            run: give
            with: {value: "${{ loop.index / 10 }}"}
            qa:
              metrics:
                last: {score: "${{ outputs.value }}"}
                effort: {score: "${{ outputs.iterations / 5 }}"}
                went: {score: "${{ 1 if outputs.outcome == 'exhausted' else 0 }}"}
          file:
            use: part.yaml
            qa: {metrics: {m: {score: "${{ outputs.x }}"}}}
        """,
        files={"part.yaml": "stages: {a: {run: give}}\noutputs: {x: 0.75}"},
    )
    assert {(one.place, one.metric, one.score) for one in run.scores} == {
        ("group", "m", 0.25),
        ("loop", "last", 0.4),
        ("loop", "effort", 0.8),
        ("loop", "went", 1.0),
        ("file", "m", 0.75),
    }


def test_an_instance_fails_on_its_own_quality() -> None:
    """The quality of an instance is a matter of that instance."""
    run = play("""
        stages:
          fan:
            for_each: {i: [0.2, 0.8]}
            min_success: 1
            run: give
            with: {value: "${{ each.i }}"}
            qa: {metrics: {m: {score: "${{ outputs.value }}"}}, alert_below: 0.5, on_alert: fail}
        outputs: {values: "${{ stages.fan.value }}", failed: "${{ stages.fan.failed }}"}
    """)
    assert run.outputs == {"values": [0.8], "failed": ["0.2"]}


def test_thresholds_may_be_params() -> None:
    """A threshold that only the run knows is checked there."""
    text = """
        params: {limit: {type: number, default: 0.4}}
        stages:
          node:
            run: give
            qa: {metrics: {m: {score: 0.5}}, alert_below: "${{ params.limit }}", on_alert: fail}
    """
    assert play(text).status == "succeeded"
    assert "below 0.6" in play(text, params={"limit": 0.6}).error
    error = play(text, params={"limit": 60}).error
    assert error.startswith("node: ExpressionError: a threshold must be a number from 0 to 1")


def test_a_failed_node_is_not_scored() -> None:
    """There is no QA of what has no result."""
    run = play("""
        stages: {bad: {run: fail, on_error: continue, qa: {metrics: {m: {score: 1}}}}}
    """)
    assert not run.scores


def test_a_forced_score_takes_the_formula_s_place() -> None:
    """A drill's score is bounded and judged as any other, and says that it is forced."""
    text = """
        stages:
          node:
            run: give
            qa:
              metrics: {m: {score: 1, value: 7}, other: {score: 1}}
              alert_below: 0.5
              on_alert: fail
    """
    run = play(text, faults=[fault("node", scores={"m": 0.1})])
    assert run.error == (
        "node: QaFailed: QA metric 'm' scored 0.10, below 0.5 (forced by an injected fault)"
    )
    assert [(one.metric, one.score, one.value) for one in run.scores] == [
        ("m", 0.1, 7),
        ("other", 1.0, None),
    ]


@pytest.mark.parametrize(
    ("name", "on", "calls"),
    [
        ("ConnectionError", "[OSError]", 2),  # known to Python: its base classes count
        ("ArchiveDown", "[ArchiveDown]", 2),
        ("ArchiveDown", "[OSError]", 1),
    ],
)
def test_injected_exceptions_are_retried_like_others(name: str, on: str, calls: int) -> None:
    """An injected exception is one of the type that it names, in place of the call."""
    run = play(
        f"stages: {{node: {{run: count, retries: {{max: 3, on: {on}}}}}}}",
        faults=[fault("node", exception=name, message="drill", attempts=1)],
    )
    assert run.status == ("succeeded" if calls == 2 else "failed")
    assert run.board.counts["count"] == calls - 1
    told = [(fact.error, fact.message) for fact in run.retries]
    assert told == ([(name, "drill")] if calls == 2 else [])


def test_faults_strike_instances_and_iterations_by_place() -> None:
    """A drill may mean one instance or one iteration."""
    run = play(
        """
        stages:
          fan:
            for_each: {i: [1, 2]}
            min_success: 1
            loop: {max_iterations: 3, on_exhausted: warn}
            run: give
        outputs: {failed: "${{ stages.fan.failed }}"}
        """,
        faults=[fault("fan[i=2]#3", exception="ValueError")],
    )
    assert run.outputs == {"failed": ["2"]}
    assert run.failed["fan[i=2]#3"].error == "ValueError"


def test_a_hanging_call_is_ended_by_its_time_out() -> None:
    """A call that hangs is out of time like any other."""
    run = play(
        "stages: {node: {run: give, timeout: 20ms}}",
        faults=[fault("node", hang=True)],
    )
    assert run.error == "node: TimeoutError: not finished after 0.02 s"
