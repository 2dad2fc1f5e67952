"""Fan-outs: keys, order of results, how many at once, and how many must be good."""

from __future__ import annotations

import pytest
from engine_support import play

from radps_dag.facts import NodeStarted, NodeSucceeded
from radps_dag.problem import InvalidPipeline


def test_outputs_are_lists_in_item_order() -> None:
    """Results stand in the order of the items, whichever ends first."""
    run = play("""
        stages:
          fan:
            for_each: {event: [a, b]}
            run: await_event
            with: {event: "${{ each.event }}", value: "${{ each.event }}${{ each.index }}"}
          early:
            steps:
              b: {run: announce, with: {event: b}}
              a: {run: announce, with: {event: a}, needs: [b]}
        outputs: {values: "${{ stages.fan.value }}", failed: "${{ stages.fan.failed }}"}
    """)
    assert run.outputs == {"values": ["a0", "b1"], "failed": []}


def test_instances_are_named_by_their_items() -> None:
    """The place of an instance says its items; the first of several is the slowest."""
    run = play("""
        stages:
          fan:
            for_each: {spw: [0, 1], pol: [X, Y]}
            max_parallel: 1
            run: give
            with: {value: "${{ each.spw }}${{ each.pol }} ${{ each.index }}"}
        outputs: {values: "${{ stages.fan.value }}"}
    """)
    assert run.started == [
        "fan",
        "fan[spw=0,pol=X]",
        "fan[spw=0,pol=Y]",
        "fan[spw=1,pol=X]",
        "fan[spw=1,pol=Y]",
    ]
    assert run.outputs == {"values": ["0X 0", "0Y 1", "1X 2", "1Y 3"]}
    assert run.all(NodeStarted)[0].total == 4


def test_pairs_come_from_a_list_of_pairs() -> None:
    """Items may be lists or mappings; such instances go by their number, or by the `key`."""
    run = play("""
        params:
          pairs: {type: array, default: [{field: 0, spw: 1}, {field: 1, spw: 0}]}
        stages:
          numbered:
            for_each: {pair: "${{ params.pairs }}"}
            run: give
            with: {value: "${{ each.pair.spw }}"}
          named:
            for_each: {pair: "${{ params.pairs }}"}
            key: f${{ each.pair.field }}s${{ each.pair.spw }}
            run: fail_if
            with: {bad: "${{ each.pair.spw == 1 }}", value: "${{ each.pair.spw }}"}
            min_success: 1
        outputs:
          values: ${{ stages.numbered.value }}
          failed: ${{ stages.named.failed }}
    """)
    assert run.outputs == {"values": [1, 0], "failed": ["f0s1"]}
    assert {"numbered[0]", "numbered[1]", "named[f1s0]"} <= set(run.given)


def test_failed_instances_are_left_out() -> None:
    """The lists hold the good instances; `failed` lists the keys of the others."""
    run = play("""
        stages:
          fan:
            for_each: {i: [0, 1, 2, 3]}
            min_success: 50%
            run: fail_if
            with: {bad: "${{ each.i % 2 == 1 }}", value: "${{ each.i }}"}
        outputs: {values: "${{ stages.fan.value }}", failed: "${{ stages.fan.failed }}"}
    """)
    assert run.outputs == {"values": [0, 2], "failed": ["1", "3"]}
    assert all(fact.tolerated for fact in run.failed.values())


def test_no_items_is_a_success_with_empty_lists() -> None:
    """Over nothing, every output is an empty list, whatever the node is."""
    run = play(
        """
        params: {items: {type: array, default: []}}
        stages:
          task: {for_each: {i: "${{ params.items }}"}, run: give}
          group:
            for_each: {i: "${{ params.items }}"}
            steps: {inside: {run: give}}
            outputs: {value: "${{ steps.inside.value }}"}
          file: {for_each: {i: "${{ params.items }}"}, use: part.yaml, min_success: 3}
          loop:
            for_each: {i: "${{ params.items }}"}
            loop: {max_iterations: 1, on_exhausted: warn}
            run: give
        outputs:
          task: ${{ stages.task.value }}
          group: ${{ stages.group.value }}
          file: ${{ stages.file.out }}
          loop: ${{ [stages.loop.value, stages.loop.outcome, stages.loop.history] }}
          failed: ${{ stages.task.failed }}
        """,
        files={"part.yaml": "stages: {a: {run: give}}\noutputs: {out: 1}"},
    )
    assert run.outputs == {
        "task": [],
        "group": [],
        "file": [],
        "loop": [[], [], []],
        "failed": [],
    }
    assert not run.board.calls


@pytest.mark.parametrize(
    ("items", "key", "message"),
    [
        ("[1, 1]", "", "items 0 and 1 have the same key '1'"),
        ("[1, '1']", "", "items 0 and 1 have the same key '1'"),
        ("[1, 2, 3]", "key: k${{ each.i // 2 }}", "items 1 and 2 have the same key 'k1'"),
        ("{}", "", "for_each.i must be a list, not {}"),
        ("text", "", "for_each.i must be a list, not 'text'"),
    ],
)
def test_items_that_cannot_be_told_apart_are_refused(items: str, key: str, message: str) -> None:
    """Two instances of one key, and what is no list, fail the node before anything runs."""
    run = play(f"""
        stages:
          items: {{run: give, with: {{value: {items}}}}}
          fan:
            for_each: {{i: "${{{{ stages.items.value }}}}"}}
            {key}
            run: give
            with: {{name: inside}}
    """)
    assert run.error == f"fan: FanOutInvalid: {message}"
    assert run.board.calls == ["give"]


def test_max_parallel_is_never_exceeded() -> None:
    """So many instances live at once and no more, though there are slots for all."""
    run = play("""
        stages:
          fan: {for_each: {i: "${{ range(8) }}"}, max_parallel: 2, run: meet}
    """)
    assert run.status == "succeeded"
    assert run.board.most == 2


def test_max_parallel_holds_for_groups_and_batches() -> None:
    """It is a matter of instances, whatever they are and however they are tracked."""
    run = play("""
        params: {limit: {type: integer, default: 2}}
        stages:
          groups:
            for_each: {i: "${{ range(4) }}"}
            max_parallel: ${{ params.limit }}
            steps: {inside: {run: meet}, again: {run: meet, needs: [inside]}}
          batches:
            needs: [groups]
            for_each: {i: "${{ range(12) }}"}
            max_parallel: 2
            batch: 3
            run: meet
    """)
    assert run.status == "succeeded"
    assert run.board.most == 2


def test_defaults_max_parallel_goes_to_fan_outs() -> None:
    """`defaults.max_parallel` bounds every fan-out that says nothing."""
    run = play("""
        defaults: {max_parallel: 1}
        stages: {fan: {for_each: {i: "${{ range(4) }}"}, run: meet, with: {size: 1}}}
    """)
    assert run.status == "succeeded"
    assert run.board.most == 1


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "true", "many"])
def test_max_parallel_must_be_a_count(limit: str) -> None:
    """A limit that only the run can know is checked there."""
    run = play(f"""
        stages:
          limit: {{run: give, with: {{value: {limit}}}}}
          fan:
            for_each: {{i: [1, 2]}}
            max_parallel: ${{{{ stages.limit.value }}}}
            run: give
    """)
    assert run.error.startswith("fan: FanOutInvalid: max_parallel must be an integer of 1 or more")


@pytest.mark.parametrize(
    ("share", "bad", "good"),
    [
        ("100%", 0, True),
        ("100%", 1, False),
        ("75%", 1, True),  # 75 % of 5 is 3.75, so 4
        ("75%", 2, False),
        ("60%", 2, True),
        ("60%", 3, False),
        ("0%", 5, True),
        ("3", 2, True),
        ("3", 3, False),
        ("0", 5, True),
    ],
)
def test_min_success_is_a_share_or_a_count(share: str, bad: int, good: bool) -> None:
    """Enough good instances make the node a success; a share is rounded up."""
    run = play(f"""
        stages:
          fan:
            for_each: {{i: [1, 2, 3, 4, 5]}}
            min_success: {share}
            run: fail_if
            with: {{bad: "${{{{ each.i <= {bad} }}}}", value: "${{{{ each.i }}}}"}}
        outputs: {{values: "${{{{ stages.fan.value }}}}"}}
    """)
    if good:
        assert run.outputs == {"values": list(range(bad + 1, 6))}
    else:
        allowed = bad - 1
        assert run.error.startswith(f"fan: TooFewSucceeded: {bad} of 5 instances failed, {allowed}")


def test_min_success_that_nothing_can_meet() -> None:
    """More good instances than there are items is a mistake, and said before any runs."""
    run = play("""
        stages:
          items: {run: give, with: {value: [1, 2]}}
          fan:
            for_each: {i: "${{ stages.items.value }}"}
            min_success: 3
            run: count
    """)
    assert run.error == "fan: FanOutInvalid: min_success is 3, but there are 2 items"
    assert run.board.counts["count"] == 0


def test_nothing_starts_when_all_is_lost() -> None:
    """When too many have failed, further instances are not started."""
    run = play("""
        stages:
          fan:
            for_each: {i: "${{ range(10) }}"}
            max_parallel: 1
            min_success: 80%
            run: fail_if
            with: {bad: true}
    """)
    assert run.board.counts["fail_if"] == 3
    assert [fact.tolerated for place, fact in run.failed.items() if "[" in place] == [
        True,
        True,
        False,
    ]
    assert "3 of 10 instances failed, 2 may" in run.error


def test_a_batch_gives_what_single_instances_give() -> None:
    """`batch` changes what is tracked, and neither results, facts, nor retries."""
    text = """
        stages:
          fan:
            for_each: {{i: "${{{{ range(7) }}}}"}}
            max_parallel: 1
            min_success: 5
            retries: {{max: 1}}
            batch: {batch}
            run: fail_if
            with: {{bad: "${{{{ each.i in [2, 5] }}}}", value: "${{{{ each.i }}}}"}}
        outputs: {{values: "${{{{ stages.fan.value }}}}", failed: "${{{{ stages.fan.failed }}}}"}}
    """
    single, batched = play(text.format(batch=1)), play(text.format(batch=3))
    assert single.outputs == batched.outputs == {"values": [0, 1, 3, 4, 6], "failed": ["2", "5"]}
    assert single.board.counts == batched.board.counts
    assert [(type(fact), fact.place) for fact in single.facts] == [
        (type(fact), fact.place) for fact in batched.facts
    ]


def test_a_group_runs_once_for_each_item() -> None:
    """Each instance has its own steps, and sees its own item at any depth."""
    run = play("""
        stages:
          fan:
            for_each: {spw: [10, 20]}
            steps:
              first: {run: add, with: {a: "${{ each.spw }}", b: 1}}
              inner:
                for_each: {pol: [1, 2]}
                steps:
                  second:
                    run: give
                    with: {value: ["${{ each.spw }}", "${{ each.pol }}", "${{ steps.first.sum }}"]}
                outputs: {value: "${{ steps.second.value }}", index: "${{ each.index }}"}
            outputs: {values: "${{ steps.inner.value }}", index: "${{ steps.inner.index }}"}
        outputs: {values: "${{ stages.fan.values }}", index: "${{ stages.fan.index }}"}
    """)
    assert run.outputs == {
        "values": [[[10, 1, 11], [10, 2, 11]], [[20, 1, 21], [20, 2, 21]]],
        "index": [[0, 1], [0, 1]],
    }
    assert "fan[spw=20]/inner[pol=2]/second" in run.given


def test_instances_of_groups_do_not_wait_for_each_other() -> None:
    """A failure in one instance leaves the steps of the others alone."""
    run = play("""
        stages:
          fan:
            for_each: {i: [1, 2]}
            min_success: 1
            steps:
              first: {run: fail_if, with: {bad: "${{ each.i == 1 }}"}}
              second: {run: give, needs: [first], with: {value: "${{ each.i }}"}}
            outputs: {value: "${{ steps.second.value }}"}
        outputs: {value: "${{ stages.fan.value }}"}
    """)
    assert run.outputs == {"value": [2]}
    assert "fan[i=1]/second" not in run.started


def test_a_tolerated_fan_out_that_fails_leaves_nothing() -> None:
    """Too few good instances under `continue`: the node has no outputs."""
    run = play("""
        stages:
          fan: {for_each: {i: [1, 2]}, run: fail_if, with: {bad: true}, on_error: continue}
        outputs: {value: "${{ stages.fan.value | default('nothing') }}"}
    """)
    assert run.outputs == {"value": "nothing"}
    assert all(fact.tolerated for fact in run.failed.values())


def test_an_instance_retries_alone() -> None:
    """Retries are a matter of each instance, with its own delays."""
    run = play("""
        stages:
          fan:
            for_each: {i: [1, 2, 3]}
            retries: {max: 2, delay: 1ms, jitter: 1}
            run: fail
            with: {times: "${{ 1 if each.i == 2 else 0 }}", name: "call ${{ each.i }}"}
    """)
    assert run.status == "succeeded"
    assert run.board.counts == {"call 1": 1, "call 2": 2, "call 3": 1}
    assert [fact.place for fact in run.retries] == ["fan[i=2]"]


def test_undeclared_outputs_make_lists_too() -> None:
    """Of a workload that does not say what it returns, the first good instance does."""
    run = play("""
        stages: {fan: {for_each: {i: [1, 2]}, run: loose, with: {a: "${{ each.i }}"}}}
        outputs: {a: "${{ stages.fan.a }}", b: "${{ stages.fan.b }}"}
    """)
    assert run.outputs == {"a": [1, 2], "b": [[2, [2]], [2, [2]]]}


def test_words_in_keys_are_those_of_the_file() -> None:
    """True, false and null are written as in the file."""
    run = play("""
        params: {items: {type: array, default: [true, false, null, 1.5, "a/b]#"]}}
        stages:
          fan:
            for_each: {i: "${{ params.items }}"}
            min_success: 0
            run: fail_if
            with: {bad: true}
        outputs: {failed: "${{ stages.fan.failed }}"}
    """)
    assert run.outputs == {"failed": ["true", "false", "null", "1.5", "a/b]#"]}


def test_too_many_instances_are_refused() -> None:
    """A product that would never end is refused before it is made."""
    run = play("""
        stages:
          fan:
            for_each:
              a: ${{ range(1000) }}
              b: ${{ range(1000) }}
              c: ${{ range(1000) }}
            run: give
    """)
    assert "1000000000 instances are more than" in run.error


def test_each_is_not_seen_where_it_is_not_there_yet() -> None:
    """The items of a node are not there in its own `when`."""
    with pytest.raises(InvalidPipeline, match="each"):
        play("""
            stages: {fan: {for_each: {i: [1]}, when: each.i > 0, run: give}}
        """)


def test_instances_overlap_as_wide_as_there_are_slots() -> None:
    """Without a limit, as many instances run at once as there are slots."""
    run = play(
        "stages: {fan: {for_each: {i: '${{ range(12) }}'}, run: meet, with: {size: 6}}}", slots=6
    )
    assert run.status == "succeeded"
    assert run.board.most == 6


def test_a_fan_out_ends_after_its_instances() -> None:
    """The node as a whole begins before its first instance and ends after its last."""
    run = play("stages: {fan: {for_each: {i: [1, 2, 3]}, run: give}}")
    whole = [run.position(NodeStarted, "fan"), run.position(NodeSucceeded, "fan")]
    for i in (1, 2, 3):
        place = f"fan[i={i}]"
        assert whole[0] < run.position(NodeStarted, place)
        assert run.position(NodeSucceeded, place) < whole[1]


_TWO_WITH_HOLES = """
        stages:
          a:
            for_each: {i: [0, 1, 2, 3]}
            min_success: 50%
            run: fail_if
            with: {bad: "${{ each.i == 1 }}", value: "${{ each.i * 10 }}"}
          b:
            for_each: {i: [3, 2, 1, 0]}
            min_success: 50%
            run: fail_if
            with: {bad: "${{ each.i == 2 }}", value: "${{ each.i * 100 }}"}
"""


def test_keys_name_the_instances_whose_outputs_stand_in_the_lists() -> None:
    """`keys` has the keys of the good instances, in the order of the lists."""
    run = play(
        _TWO_WITH_HOLES
        + """
        outputs: {a: "${{ stages.a.keys }}", b: "${{ zip(stages.b.keys, stages.b.value) }}"}
        """
    )
    assert run.outputs == {"a": ["0", "2", "3"], "b": [["3", 300], ["1", 100], ["0", 0]]}
    assert run.given["a"]["keys"] == ["0", "2", "3"]


def test_instances_are_paired_by_their_keys() -> None:
    """`align` gives the keys that all have, in the order of the first, and what belongs to them;
    what is fanned out over that has those keys."""
    run = play(
        _TWO_WITH_HOLES
        + """
          both:
            for_each: {pair: "${{ align(a=stages.a, b=stages.b) }}"}
            run: give
            with: {value: "${{ [each.pair.a.value, each.pair.b.value] }}"}
        outputs: {values: "${{ stages.both.value }}", keys: "${{ stages.both.keys }}"}
        """
    )
    assert run.outputs == {"values": [[0, 0], [30, 300]], "keys": ["0", "3"]}
    assert "both[3]" in run.given


def test_an_instance_is_looked_up_by_its_key() -> None:
    """`at` takes a key as a text or as the item; of one that failed there is no value."""
    run = play(
        _TWO_WITH_HOLES
        + """
        outputs:
          text: ${{ at(stages.b, '1').value }}
          item: ${{ at(stages.b, 3).value }}
          lost: ${{ at(stages.b, 2).value | default('none') }}
          there: ${{ at(stages.b, 2) is defined }}
        """
    )
    assert run.outputs == {"text": 100, "item": 300, "lost": "none", "there": False}
    run = play(_TWO_WITH_HOLES + '        outputs: {lost: "${{ at(stages.a, 1).value }}"}')
    assert "no instance has the key '1': it has failed" in run.error


def test_what_instances_call_keys_themselves_is_theirs() -> None:
    """An output of the name `keys` that the instances have is not hidden by the fan-out's."""
    run = play("""
        stages:
          group:
            for_each: {i: [0, 1]}
            steps: {inside: {run: give, with: {value: "${{ each.i }}"}}}
            outputs: {keys: "${{ steps.inside.value }}"}
        outputs: {keys: "${{ stages.group.keys }}"}
    """)
    assert run.outputs == {"keys": [0, 1]}


@pytest.mark.parametrize("on_error", ["continue", "skip_dependents"])
def test_a_tolerated_failure_of_the_whole_leaves_no_holes(on_error: str) -> None:
    """`on_error` tolerates the failure of the node; its lists are whole, or are not there."""
    run = play(f"""
        stages:
          fan:
            for_each: {{i: [0, 1]}}
            on_error: {on_error}
            run: fail_if
            with: {{bad: "${{{{ each.i == 1 }}}}", value: "${{{{ each.i }}}}"}}
        outputs: {{values: "${{{{ stages.fan.value | default('no value') }}}}"}}
    """)
    assert run.outputs == {"values": "no value"}
