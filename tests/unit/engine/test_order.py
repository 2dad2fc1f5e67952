"""Order, overlap, and what a failure does to the rest."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from engine_support import play

from radps_dag.engine.tracker import Label, Untracked
from radps_dag.facts import NodeFailed, NodeStarted, NodeSucceeded, RunEnded, RunStarted

T = TypeVar("T")


def test_data_gives_the_order() -> None:
    """What reads an output starts when its maker has ended, wherever the two are nested."""
    run = play("""
        stages:
          first: {run: add, with: {a: 1, b: 2}}
          inside:
            steps:
              deep:
                steps:
                  reader: {run: add, with: {a: "${{ stages.first.sum }}", b: 10}}
                outputs: {sum: "${{ steps.reader.sum }}"}
            outputs: {sum: "${{ steps.deep.sum }}"}
          last: {run: add, with: {a: "${{ stages.inside.sum }}", b: 100}}
        outputs: {sum: "${{ stages.last.sum }}"}
    """)
    assert run.outputs == {"sum": 113}
    assert run.before("first", "inside")
    assert run.before("inside/deep/reader", "last")


def test_needs_gives_the_order() -> None:
    """`needs` orders nodes that no data connects."""
    run = play("""
        stages:
          first: {run: give}
          second: {run: give, needs: [first]}
          third: {run: give, needs: [first, second]}
    """)
    assert run.started == ["first", "second", "third"]
    assert run.before("first", "second") and run.before("second", "third")


def test_independent_nodes_overlap() -> None:
    """Nodes that do not depend on each other run at the same time: these wait for each other."""
    run = play("""
        stages:
          one: {run: meet, with: {size: 3}}
          two: {run: meet, with: {size: 3}}
          three: {run: meet, with: {size: 3}}
    """)
    assert run.status == "succeeded"
    assert run.together("one", "three")


def test_independent_groups_overlap() -> None:
    """Groups that do not depend on each other run at the same time, and so do used files."""
    run = play(
        """
        stages:
          group:
            steps:
              early: {run: give}
              late: {run: meet, with: {size: 2}, needs: [early]}
          file: {use: part.yaml}
        """,
        files={"part.yaml": "stages: {only: {run: meet, with: {size: 2}}}"},
    )
    assert run.status == "succeeded"
    assert run.together("group", "file")
    assert run.together("group/late", "file/only")


def test_a_node_waits_for_its_own_sources_only() -> None:
    """A node starts as soon as what it waits for has ended, not when its whole generation has."""
    run = play("""
        stages:
          quick: {run: give}
          slow: {run: await_event, with: {event: go}}
          follows: {run: announce, with: {event: go}, needs: [quick]}
    """)
    assert run.status == "succeeded"
    assert run.position(NodeStarted, "follows") < run.position(NodeSucceeded, "slow")


def test_no_more_calls_at_once_than_slots() -> None:
    """The executor's slots bound how many calls run at once, over the whole tree."""
    run = play(
        """
        stages:
          wide: {for_each: {i: "${{ range(6) }}"}, run: meet}
          group: {steps: {inside: {for_each: {i: "${{ range(6) }}"}, run: meet}}}
        """,
        slots=2,
    )
    assert run.status == "succeeded"
    assert run.board.most == 2


def test_processors_weigh() -> None:
    """A call that asks for two processors takes two slots; one that asks for too many takes all."""
    run = play(
        """
        stages:
          wide:
            for_each: {i: "${{ range(6) }}"}
            run: meet
            resources: {cpus: 2}
          greedy:
            needs: [wide]
            for_each: {i: "${{ range(3) }}"}
            run: meet
            with: {party: alone, size: 1}
            resources: {cpus: 100}
        """,
        slots=5,
    )
    assert run.status == "succeeded"
    assert run.board.most == 2


def test_facts_stand_between_the_run_s() -> None:
    """The first fact is the run's start and the last its end, with status and outputs."""
    run = play("stages: {a: {run: give}}\noutputs: {x: 1}", params={})
    assert isinstance(run.facts[0], RunStarted)
    last = run.facts[-1]
    assert isinstance(last, RunEnded)
    assert (last.status, last.outputs, last.place) == ("succeeded", {"x": 1}, "")


def test_fail_starts_nothing_new_and_lets_the_running_finish() -> None:
    """Under `fail` nothing starts after a failure, and what runs ends in peace."""
    run = play("""
        stages:
          bad: {run: fail}
          running: {run: await_event, with: {event: bad failed}}
          never: {run: give, needs: [running]}
          deep:
            steps:
              running: {run: await_event, with: {event: bad failed}}
              never: {run: give, needs: [running]}
    """)
    assert run.error == "bad: ValueError: it is broken"
    # Both waited for the failure, and so ended after it began; yet nothing followed them.
    assert "running" in run.given and "deep/running" in run.given
    assert not {"never", "deep/never"} & {fact.place for fact in run.facts}
    assert run.stopped["deep"] == "the run stops: bad failed"


def test_the_failure_keeps_its_place_on_the_way_up() -> None:
    """A failure deep inside is told with its own place, type and message by all around it."""
    run = play("""
        stages:
          image:
            steps:
              each_spw:
                for_each: {spw: [1, 2]}
                steps:
                  clean:
                    loop: {max_iterations: 2, on_exhausted: warn}
                    run: fail_if
                    with:
                      bad: ${{ each.spw == 2 and loop.index == 2 }}
                      value: ${{ each.spw }}
    """)
    place = "image/each_spw[spw=2]/clean#2"
    assert run.error == (
        "image/each_spw: TooFewSucceeded: 1 of 2 instances failed, 0 may; "
        f"the first: {place}: ValueError: 2 is bad"
    )
    assert run.failed[place].error == "ValueError"
    assert "ValueError: 2 is bad" in run.failed[place].traceback
    # The traceback is told once, where it happened.
    assert [fact.place for fact in run.all(NodeFailed) if fact.traceback] == [place]


def test_continue_goes_on() -> None:
    """Under `continue` the failure is tolerated, and readers take their default."""
    run = play("""
        stages:
          bad: {run: fail, on_error: continue}
          reader: {run: give, with: {value: "${{ stages.bad.value | default('none') }}"}}
          after: {run: give, needs: [bad]}
        outputs: {value: "${{ stages.reader.value }}"}
    """)
    assert run.outputs == {"value": "none"}
    assert run.failed["bad"].tolerated
    assert "after" in run.given


def test_skip_dependents_skips_all_that_rests_on_it() -> None:
    """Under `skip_dependents` whatever depends on the node by data or needs, however far, is
    skipped, and nothing else is."""
    run = play("""
        stages:
          bad: {run: fail, on_error: skip_dependents}
          by_data: {run: give, with: {value: "${{ stages.bad.value | default(0) }}"}}
          by_needs: {run: give, needs: [bad]}
          group: {needs: [by_needs], steps: {inside: {run: give}}}
          far: {run: give, with: {value: "${{ stages.by_data.value | default(0) }}"}}
          other: {run: give}
        outputs: {far: "${{ stages.far.value | default('nothing') }}"}
    """)
    assert run.outputs == {"far": "nothing"}
    assert run.skipped == {
        "by_data": "bad failed",
        "by_needs": "bad failed",
        "group": "by_needs was skipped",
        "far": "by_data was skipped",
    }
    assert "other" in run.given
    assert "group/inside" not in run.started


@pytest.mark.parametrize("policy", ["continue", "skip_dependents"])
def test_a_tolerated_group_ends_its_own_steps_only(policy: str) -> None:
    """A failure inside a group that the rest can go on without stops that group alone."""
    run = play(f"""
        stages:
          group:
            on_error: {policy}
            steps:
              bad: {{run: fail}}
              never: {{run: give, needs: [bad]}}
          other: {{run: give}}
    """)
    assert run.status == "succeeded"
    assert run.failed["group"].tolerated and not run.failed["group/bad"].tolerated
    assert "group/never" not in run.started and "other" in run.given


def test_defaults_on_error_goes_to_every_node() -> None:
    """`defaults.on_error` is what a node has that says nothing."""
    run = play("""
        defaults: {on_error: continue}
        stages:
          bad: {run: fail}
          worse: {steps: {bad: {run: fail}, next: {run: give, needs: [bad]}}}
    """)
    assert run.status == "succeeded"
    assert "worse/next" in run.given


def test_a_stop_is_no_failure_that_a_group_tolerates() -> None:
    """What ends early because the run stops is not taken for a result: the group around it has
    none, though it goes on without the step's failures."""
    run = play("""
        stages:
          bad: {run: fail}
          group:
            steps:
              inner:
                on_error: continue
                steps:
                  running: {run: await_event, with: {event: bad failed}}
                  never: {run: give, needs: [running]}
            outputs: {done: true}
    """)
    assert run.error == "bad: ValueError: it is broken"
    assert "group" not in run.given
    assert "group" in run.stopped


def test_a_stop_is_no_failure_that_a_fan_out_tolerates() -> None:
    """Instances that end early because the run stops do not count as those that may fail."""
    run = play("""
        stages:
          bad: {run: fail}
          fan:
            for_each: {i: [1, 2]}
            min_success: 0
            steps:
              running: {run: await_event, with: {event: bad failed}}
              never: {run: give, needs: [running]}
    """)
    assert run.error == "bad: ValueError: it is broken"
    assert "fan" not in run.given
    assert "fan" in run.stopped


def test_a_stop_is_not_retried() -> None:
    """A group that ends early because the run stops takes no further attempt, nor its delay."""
    run = play("""
        stages:
          bad: {run: fail}
          group:
            retries: {max: 3, delay: 1h}
            steps:
              running: {run: await_event, with: {event: bad failed}}
              never: {run: give, needs: [running]}
    """)
    assert run.error == "bad: ValueError: it is broken"
    assert not run.retries


def test_a_loop_stops_between_iterations() -> None:
    """A loop that runs while something else fails ends after its iteration."""
    run = play("""
        stages:
          bad: {run: fail}
          loop:
            loop: {max_iterations: 1000, on_exhausted: warn}
            run: await_event
            with: {event: bad failed}
    """)
    assert run.error == "bad: ValueError: it is broken"
    assert "loop" in run.stopped
    assert len(run.iterations) < 10


def test_the_first_failure_is_the_run_s() -> None:
    """Of several failures the run names the first."""
    run = play("""
        stages:
          bad: {run: fail, with: {message: first}}
          late:
            on_error: fail
            for_each: {i: [1, 2]}
            min_success: 0
            steps:
              waiting:
                run: await_event
                with: {event: bad failed, value: "${{ each.i }}"}
                qa: {metrics: {m: {score: 0}}, alert_below: 0.5, on_alert: fail}
    """)
    assert run.error == "bad: ValueError: first"
    assert {"late[i=1]/waiting", "late[i=2]/waiting"} < set(run.failed)


class Swallows(Untracked):
    """A tracker in which the run is cancelled while it tells of the end, and that goes on."""

    async def group(self, label: Label, body: Callable[[], Awaitable[T]]) -> T:
        try:
            return await body()
        finally:
            if not label.path:
                run = asyncio.current_task()
                assert run is not None
                run.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0)


def test_a_signal_while_a_failure_is_told() -> None:
    """What a signal made fail is interrupted, not failed, though the tracker has swallowed the
    cancel: exit code and journal say the same."""
    run = play("stages: {one: {run: fail}}", tracker=Swallows())
    assert run.failed and run.status == "interrupted"
    assert [fact.status for fact in run.all(RunEnded)] == ["interrupted"]
