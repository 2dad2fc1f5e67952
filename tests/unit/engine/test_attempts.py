"""Attempts: which failures get another one, how long it waits, and how long each may take."""

from __future__ import annotations

import asyncio
import time

import pytest
from engine_support import fault, play

from radps_dag.engine.attempts import LONGEST_DELAY, NO_RETRY, attempt, plan
from radps_dag.facts import NodeFailed, NodeStarted, NodeStopped
from radps_dag.language.model import Retries
from radps_dag.outcome import CallFailed, Stopped, TimedOut


def test_an_attempt_follows_a_failure() -> None:
    """A node fails when its last attempt does, and each further attempt is told before."""
    run = play("""
        stages:
          enough: {run: fail, with: {times: 2, name: enough}, retries: {max: 2}}
          short: {run: fail, with: {times: 3, name: short}, retries: {max: 2}, on_error: continue}
    """)
    assert run.status == "succeeded"
    assert run.board.counts == {"enough": 3, "short": 3}
    assert "enough" in run.given and "short" in run.failed
    told = [(fact.attempt, fact.attempts) for fact in run.retries if fact.place == "enough"]
    assert told == [(2, 3), (3, 3)]
    assert {(fact.error, fact.message) for fact in run.retries} == {("ValueError", "it is broken")}


@pytest.mark.parametrize(
    ("error", "on", "calls"),
    [
        ("ConnectionError", "[ConnectionError]", 2),
        ("SpecialError", "[SpecialError]", 2),
        ("SpecialError", "[ConnectionError]", 2),  # a base class
        ("SpecialError", "[OSError]", 2),
        ("SpecialError", "[Exception]", 2),
        ("FileNotFoundError", "[ConnectionError]", 1),
        ("ValueError", "[ConnectionError, TimeoutError]", 1),
        ("ValueError", "[TimeoutError, ValueError]", 2),
        ("TimeoutError", "[OSError]", 2),
    ],
)
def test_on_names_exception_types(error: str, on: str, calls: int) -> None:
    """Only the errors that `on` names, by their own class or a base, get another attempt."""
    run = play(f"""
        stages:
          node: {{run: fail, with: {{error: {error}, times: 1}}, retries: {{max: 3, on: {on}}}}}
    """)
    assert run.board.counts["fail"] == calls
    assert run.status == ("succeeded" if calls == 2 else "failed")


def test_defaults_retries_go_to_tasks() -> None:
    """`defaults.retries` is what a task has that says nothing; a group has none by default."""
    run = play("""
        defaults: {retries: {max: 1}}
        stages:
          group:
            on_error: continue
            steps:
              inherits: {run: fail, with: {name: inherits}}
          own: {run: fail, with: {name: own}, retries: {max: 0}, on_error: continue}
    """)
    assert run.board.counts == {"inherits": 2, "own": 1}


def test_delays_are_planned() -> None:
    """The wait before each attempt is delay times backoff each time, the same for a seed."""
    steady = plan(Retries(max=4, delay=2, backoff=3), "seed")
    assert steady.delays == (2, 6, 18, 54)
    assert steady.attempts == 5
    assert plan(None, "seed") is NO_RETRY
    assert plan(Retries(max=0, delay=5), "seed") is NO_RETRY


def test_jitter_adds_a_share_at_random() -> None:
    """Jitter adds up to its share, differently for each place, alike for the same seed."""
    retries = Retries(max=20, delay=10, jitter=0.5)
    one, again, other = plan(retries, "1 a"), plan(retries, "1 a"), plan(retries, "1 b")
    assert one == again
    assert one != other
    assert all(10 <= delay <= 15 for delay in one.delays)
    assert len(set(one.delays)) == 20


def test_no_delay_is_longer_than_a_day() -> None:
    """Backoff stops growing where it has stopped making sense."""
    long = plan(Retries(max=50, delay=1e9, backoff=100, jitter=1), "seed")
    assert max(long.delays) == LONGEST_DELAY


def test_the_facts_tell_the_planned_delays() -> None:
    """The delays of a run are those of its seed, place by place."""
    text = """
        stages:
          node:
            run: fail
            with: {times: 3}
            retries: {max: 3, delay: 1ms, backoff: 2, jitter: 1}
    """
    delays = [fact.delay for fact in play(text, seed=7).retries]
    assert delays == list(plan(Retries(3, 0.001, 2, 1), "7 node").delays)
    assert delays != [fact.delay for fact in play(text, seed=8).retries]


def test_which_errors_are_followed() -> None:
    """A plan follows what it names, never past its end, and never a stop."""
    broken = CallFailed("a", "SpecialError", "x", kinds=("SpecialError", "OSError"))
    named = plan(Retries(max=1, on=("OSError",)), "")
    assert named.again(1, broken) and not named.again(2, broken)
    assert named.again(1, TimedOut("a", 1.0))
    assert not named.again(1, CallFailed("a", "ValueError", "x"))
    assert not plan(Retries(max=1), "").again(1, Stopped("a", "b"))


def test_attempt_raises_the_last_error() -> None:
    """What is raised in the end is what the last attempt raised."""

    async def body(number: int) -> int:
        raise CallFailed("a", "ValueError", f"attempt {number}")

    with pytest.raises(CallFailed, match="attempt 3"):
        asyncio.run(attempt(plan(Retries(max=2), ""), body))


def test_a_retried_attempt_draws_the_same_numbers() -> None:
    """A call's random numbers are those of run and place; its directory is its attempt's own."""
    text = """
        stages:
          a: {run: draw, retries: {max: 1}}
          b: {run: draw}
        outputs:
          a: ["${{ stages.a.number }}", "${{ stages.a.directory }}"]
          b: ["${{ stages.b.number }}", "${{ stages.b.directory }}"]
    """
    clean = play(text, seed=3)
    struck = play(text, seed=3, faults=[fault("a", exception="ValueError", attempts=1)])
    other = play(text, seed=4)
    assert clean.outputs["a"][0] == struck.outputs["a"][0] != other.outputs["a"][0]
    assert clean.outputs["a"][0] != clean.outputs["b"][0]
    assert clean.outputs["a"][1].endswith("products/a")
    assert struck.outputs["a"][1].endswith("products/a.attempt-2")


def test_a_group_retries_as_a_whole() -> None:
    """A further attempt of a group runs all its steps again."""
    run = play("""
        stages:
          group:
            retries: {max: 2}
            steps:
              good: {run: give, with: {name: good}}
              bad: {run: fail, with: {times: 2, name: bad}, needs: [good]}
            outputs: {done: "${{ steps.bad.value is defined }}"}
        outputs: {done: "${{ stages.group.done }}"}
    """)
    assert run.outputs == {"done": True}
    assert run.board.counts == {"good": 3, "bad": 3}
    assert [(fact.place, fact.attempt) for fact in run.retries] == [("group", 2), ("group", 3)]


def test_a_group_s_retries_name_the_step_s_error() -> None:
    """`on` of a group looks at the error of the step that failed."""
    run = play("""
        stages:
          group:
            retries: {max: 1, on: [OSError]}
            steps:
              bad: {run: fail, with: {times: 1, error: SpecialError}}
          other:
            on_error: continue
            retries: {max: 1, on: [OSError]}
            steps:
              bad: {run: fail, with: {times: 1, error: ValueError, name: other}}
          fan:
            retries: {max: 1, on: [OSError]}
            steps:
              inner:
                for_each: {i: [1]}
                run: fail
                with: {times: 1, error: SpecialError, name: inner}
    """)
    assert run.status == "succeeded"
    assert run.board.counts == {"fail": 2, "other": 1, "inner": 2}


def test_steps_of_a_group_retry_within_its_attempts() -> None:
    """The attempts of a step begin anew with each attempt of its group."""
    run = play("""
        stages:
          group:
            retries: {max: 1}
            steps: {bad: {run: fail, with: {times: 3}, retries: {max: 1}}}
    """)
    assert run.status == "succeeded"
    assert run.board.counts == {"fail": 4}
    assert [fact.place for fact in run.retries] == ["group/bad", "group", "group/bad"]


def test_a_used_file_retries_as_a_whole() -> None:
    """Retries of a `use` run its stages again."""
    run = play(
        "stages: {part: {use: part.yaml, retries: {max: 1}}}",
        files={"part.yaml": "stages: {a: {run: fail, with: {times: 1}}}"},
    )
    assert run.status == "succeeded"
    assert run.board.counts == {"fail": 2}


def test_a_task_that_takes_too_long_fails() -> None:
    """An attempt past its limit is a TimeoutError; the call is abandoned, not waited for."""
    begun = time.monotonic()
    run = play("""
        stages:
          slow: {run: await_event, with: {event: never}, timeout: 20ms}
    """)
    assert run.error == "slow: TimeoutError: not finished after 0.02 s"
    # The workload waits 10 s: nobody waited for it.
    assert time.monotonic() - begun < 8


def test_a_time_out_is_of_one_attempt() -> None:
    """A late attempt is followed by another, to `on` as a TimeoutError or an OSError."""
    run = play("""
        stages:
          slow:
            run: await_event
            with: {event: never}
            timeout: 150ms
            retries: {max: 2, on: [TimeoutError]}
            on_error: continue
          named:
            run: await_event
            with: {event: not ever}
            timeout: 150ms
            retries: {max: 2, on: [ValueError]}
            on_error: continue
    """)
    assert run.board.counts == {"await never": 3, "await not ever": 1}


def test_what_waits_for_its_turn_is_not_late() -> None:
    """The limit begins with the call, and not while it waits for a slot."""
    run = play(
        """
        stages:
          fan:
            for_each: {i: "${{ range(30) }}"}
            run: give
            timeout: 5s
        """,
        slots=1,
        faults=[fault("fan", delay=0.002)],
    )
    assert run.status == "succeeded"


def test_an_abandoned_call_gives_its_slot_back() -> None:
    """A call that is out of time does not keep others from their turn."""
    run = play(
        """
        stages:
          slow: {run: await_event, with: {event: never}, timeout: 10ms, on_error: continue}
          next: {run: give, needs: [slow]}
        """,
        slots=1,
    )
    assert run.status == "succeeded"


def test_a_group_that_takes_too_long_fails() -> None:
    """The limit of a group ends all that is inside it, running or waiting."""
    run = play(
        """
        stages:
          group:
            timeout: 30ms
            on_error: continue
            steps:
              slow: {run: await_event, with: {event: never}}
              queued: {for_each: {i: [1, 2, 3]}, run: await_event, with: {event: never}}
              after: {run: give, needs: [slow]}
          other: {run: give, needs: [group]}
        """,
        slots=2,
    )
    assert run.status == "succeeded"
    assert run.failed["group"].error == "TimeoutError"
    assert "group/after" not in run.started
    assert "other" in run.given


def test_what_a_time_out_cancels_is_told() -> None:
    """What a group's time-out ends does not seem to run for ever: each start has its end."""
    run = play("""
        stages:
          group:
            timeout: 30ms
            on_error: continue
            steps:
              inner:
                steps: {slow: {run: await_event, with: {event: never}}}
    """)
    ended = {fact.place for kind in (NodeFailed, NodeStopped) for fact in run.all(kind)}
    assert {fact.place for fact in run.all(NodeStarted)} <= ended | set(run.given)


def test_a_stop_leaves_no_further_attempt() -> None:
    """A task that fails while the run stops is not tried again, whatever it is allowed."""
    run = play("""
        stages:
          bad: {run: fail}
          late:
            run: fail_after
            with: {event: bad failed}
            retries: {max: 3, delay: 1h}
    """)
    assert run.error == "bad: ValueError: it is broken"
    assert not run.retries
    assert run.failed["late"].error == "ValueError"


def test_a_group_is_retried_after_its_time_out() -> None:
    """A group's limit is of one attempt too."""
    run = play("""
        stages:
          group:
            timeout: 300ms
            retries: {max: 1, on: [TimeoutError]}
            on_error: continue
            steps: {slow: {run: await_event, with: {event: never}}}
    """)
    assert run.board.counts == {"await never": 2}


def test_defaults_timeout_goes_to_tasks() -> None:
    """`defaults.timeout` bounds every task that says nothing, and no group."""
    run = play("""
        defaults: {timeout: 10ms}
        stages: {group: {steps: {slow: {run: await_event, with: {event: never}}}}}
    """)
    assert run.error == "group/slow: TimeoutError: not finished after 0.01 s"
