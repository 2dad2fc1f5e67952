"""A plan: what would run, be reused or be skipped, and why; from facts made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from past_support import NOW, Past, past

from radps_dag.engine.planning import Planned, reused_groups
from radps_dag.facts import QuestionAnswered, QuestionAsked
from radps_dag.questions.question import identity

__all__ = ["past"]  # a fixture

CHAIN = """
    params: {n: {type: integer, default: 1}}
    stages:
      a: {run: give, with: {value: "${{ params.n }}"}}
      b: {run: give, with: {value: "${{ stages.a.value }}"}}
"""


def told(planned: Mapping[str, Planned]) -> dict[str, str]:
    """The verdict of each place, with the reason where there is one."""
    return {
        place: f"{one.verdict}: {one.why}" if one.why else one.verdict
        for place, one in planned.items()
    }


def test_nothing_is_known(past: Past) -> None:
    """A call that has never run will, and so will what reads it."""
    assert told(past.plan(CHAIN)) == {
        "a": "run: it has not run before",
        "b": "run: upstream a will run",
    }


def test_what_another_run_made(past: Past) -> None:
    """What is there is reused, with the run that made it; a param that changed is told."""
    past.run("first")
    past.made("first", "a", "give", value=1)
    past.made("first", "b", "give", value=1)
    assert told(past.plan(CHAIN)) == {"a": "reuse: first", "b": "reuse: first"}
    assert told(past.plan(CHAIN, params={"n": 2})) == {
        "a": "run: input 'value' changed from 1 to 2",
        "b": "run: upstream a will run",
    }
    assert told(past.plan(CHAIN, force=["b"])) == {"a": "reuse: first", "b": "run: forced"}


def test_what_this_run_made(past: Past) -> None:
    """It is reused without the name of a run."""
    past.made(past.run(NOW), "a", "give", value=1)
    assert told(past.plan(CHAIN)) == {"a": "reuse", "b": "run: it has not run before"}


CONDITIONS = """
    params: {deep: {type: boolean, default: false}}
    stages:
      a: {run: give, with: {value: 3}}
      b: {when: "${{ params.deep }}", run: give}
      c: {when: "${{ stages.a.value > 2 }}", run: give}
"""


def test_conditions(past: Past) -> None:
    """A false one skips; one that reads what is not known yet leaves it open."""
    assert told(past.plan(CONDITIONS)) == {
        "a": "run: it has not run before",
        "b": "skip: its condition is false",
        "c": "run: if its condition holds: upstream a will run",
    }
    past.made(past.run("first"), "a", "give", value=3)
    assert past.plan(CONDITIONS)["c"].why == "it has not run before"


FAN_OUT = """
    params: {items: {type: array, items: {type: integer}, default: [1, 2]}}
    stages:
      a: {for_each: {i: "${{ params.items }}"}, run: give, with: {value: "${{ each.i }}"}}
      b: {run: give, with: {value: "${{ stages.a.value }}"}}
      c: {for_each: {i: "${{ stages.b.value }}"}, run: give, with: {value: "${{ each.i }}"}}
"""


def test_a_fan_out(past: Past) -> None:
    """Each instance for itself; the whole runs if one does. One over unknown items is one line."""
    past.run("first")
    past.made("first", "a[i=1]", "give", value=1)
    assert told(past.plan(FAN_OUT)) == {
        "a": "run: [i=2]: it has not run before",
        "a[i=1]": "reuse: first",
        "a[i=2]": "run: it has not run before",
        "b": "run: upstream a will run",
        "c": "run: upstream b will run",
    }
    past.made("first", "a[i=2]", "give", value=2)
    past.made("first", "b", "give", value=[1, 2])
    planned = past.plan(FAN_OUT)
    assert [planned[place].verdict for place in ("a", "b", "c", "c[i=1]")] == [
        *("reuse", "reuse", "run", "run")
    ]
    assert list(past.plan(FAN_OUT, params={"items": []})) == ["a", "b", "c"]


LOOP = """
    stages:
      a:
        run: give
        with: {value: "${{ state.x }}"}
        loop:
          max_iterations: 3
          state: {x: {init: 1, next: "${{ outputs.value + 1 }}"}}
          until: "${{ outputs.value >= 2 }}"
      b: {run: give, with: {value: "${{ stages.a.value }}"}}
"""


def test_a_loop(past: Past) -> None:
    """It is followed as far as its iterations are known, and to its end where all are."""
    past.run("first")
    past.made("first", "a#1", "give", value=1)
    planned = past.plan(LOOP)
    assert told(planned) == {
        "a": "run: #2: it has not run before",
        "a#1": "reuse: first",
        "a#2": "run: it has not run before",
        "b": "run: upstream a will run",
    }
    past.made("first", "a#2", "give", value=2)
    past.made("first", "b", "give", value=2)
    assert {one.verdict for one in past.plan(LOOP).values()} == {"reuse"}
    assert "a#3" not in past.plan(LOOP)


def test_a_loop_that_would_fail(past: Past) -> None:
    """One that is known not to converge is told as such."""
    past.run("first")
    for number in (1, 2, 3):
        past.made("first", f"a#{number}", "give", value=number)
    planned = past.plan(LOOP.replace(">= 2", ">= 9"))
    assert planned["a"].why == "it would fail: not converged after 3 iterations"
    assert planned["a#3"].verdict == "reuse"
    assert planned["b"].why == "upstream a will run"


GROUPS = """
    stages:
      g:
        steps:
          a: {run: give, with: {value: 1}}
          b: {run: give, with: {value: "${{ steps.a.value }}"}}
        outputs: {value: "${{ steps.b.value }}"}
      u: {use: inner.yaml, with: {x: "${{ stages.g.value }}"}}
"""
INNER = {
    "inner.yaml": """
    params: {x: {type: integer}}
    stages: {c: {run: give, with: {value: "${{ params.x }}"}}}
    outputs: {value: "${{ stages.c.value }}"}
"""
}


def test_groups_and_files(past: Past) -> None:
    """A whole stands before its parts and has their verdict; those in which nothing runs are
    known as a whole."""
    past.run("first")
    past.made("first", "g/a", "give", value=1)
    planned = past.plan(GROUPS, files=INNER)
    assert told(planned) == {
        "g": "run: b: it has not run before",
        "g/a": "reuse: first",
        "g/b": "run: it has not run before",
        "u": "run: upstream g/b will run",
        "u/c": "run: upstream g/b will run",
    }
    assert [one.kind for one in planned.values()] == ["group", "task", "task", "use", "task"]
    assert reused_groups(planned.values()) == set()
    past.made("first", "g/b", "give", value=1)
    planned = past.plan(GROUPS, files=INNER)
    assert planned["u"].verdict == "run"
    assert reused_groups(planned.values()) == {"g"}


def test_what_would_fail(past: Past) -> None:
    """An expression that fails with what is known is the reason of its node alone."""
    text = """
    stages:
      a: {run: give, with: {value: []}}
      b: {run: give, with: {value: "${{ stages.a.value[0] }}"}}
      c: {run: give, with: {value: 1}}
    """
    past.made(past.run("first"), "a", "give", value=[])
    planned = past.plan(text)
    assert planned["b"].why.startswith("it would fail: stages.a.value has 0 items")
    assert planned["c"].why == "it has not run before"


QUESTION = """
    stages:
      a: {pause: {message: good?, input: {keep: {type: boolean}}}}
      b: {when: "${{ stages.a.keep }}", run: give}
"""


def test_a_question(past: Past) -> None:
    """It is asked, and what reads the answer is open; an answer in the journal of the run counts,
    that of another run does not."""
    assert told(past.plan(QUESTION)) == {
        "a": "run: it asks a person",
        "b": "run: if its condition holds: upstream a will run",
    }
    for run, verdict in (("first", "run"), (NOW, "reuse")):
        past.run(run)
        answered(past, run)
        assert past.plan(QUESTION)["a"].verdict == verdict
    assert told(past.plan(QUESTION))["b"] == "skip: its condition is false"


def answered(past: Past, run: str) -> None:
    """The question of the stage `a`, asked and answered in a run."""
    question = identity("a", 0, "good?", {"keep": {"type": "boolean"}}, ())
    past.facts(
        run,
        QuestionAsked(time=2.0, place="a", question=question, message="good?"),
        QuestionAnswered(
            time=3.0, place="a", question=question, values={"keep": False}, by="ann", via="command"
        ),
    )


CHANGED = """
    stages:
      a: {run: give, with: {value: 1}}
      flag: {run: change, needs: [a]}
      b: {run: give, needs: [flag], with: {value: "${{ stages.a.value }}"}}
"""


def test_data_that_are_changed_in_place(past: Past) -> None:
    """What another run changed is changed again, and what waits for that runs after it."""
    past.run("first")
    past.made("first", "a", "give", value=1)
    past.made("first", "flag", "change", made={"revision": "r1"})
    past.made("first", "b", "give", value=1)
    assert told(past.plan(CHANGED)) == {
        "a": "reuse: first",
        "flag": "run: it changes data in place",
        "b": "run: upstream flag will run, and changes data in place",
    }


def test_a_part_of_the_pipeline(past: Past) -> None:
    """Only the stages that are asked for are planned."""
    assert list(past.plan(CHAIN, stages=["a"])) == ["a"]


@pytest.mark.parametrize("value", [None, 0, "", [], {}])
def test_empty_values_are_known(value: Any, past: Past) -> None:
    """What a call gave is known, also where it is nothing."""
    text = """
    stages:
      a: {run: give}
      b: {run: give, with: {value: "${{ stages.a.value }}"}}
    """
    past.run("first")
    past.made("first", "a", "give", gives=value)
    past.made("first", "b", "give", value=value)
    assert told(past.plan(text)) == {"a": "reuse: first", "b": "reuse: first"}
