"""What a run adds to its context, and what its nodes see of it, through the real engine."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from context_support import Place
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.context import add_to_context, load_context
from radps_dag.facts import Fact, NodeStarted, NodeSucceeded, Noted


@pytest.fixture(params=["threads", "processes", "postgres"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """With each executor, and with each kind of journal."""
    if request.param == "postgres":
        return Place(tmp_path, url=request.getfixturevalue("postgres").database())
    return Place(tmp_path, executor=request.param)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_a_node_adds_those_see_that_wait_for_it(anywhere: Place) -> None:
    """A value lands under its key, and a node that comes later reads it."""
    played = anywhere.play("""
        stages:
          first: {run: note, with: {key: spw_table, value: {"17": [97.5, 99.5]}}}
          second: {run: look, with: {key: spw_table}, needs: [first]}
        outputs: {seen: "${{ stages.second.value }}"}
    """)
    assert played.outputs["seen"] == {"17": [97.5, 99.5]}
    (entry,) = played.context.versions("spw_table")
    assert (entry.place, entry.run, entry.version) == ("first", played.run, 1)
    assert entry.lineage.workload == "note" and entry.lineage.source


def test_what_is_there_by_chance_is_not_seen(place: Place) -> None:
    """A node does not see what a parallel one has added, though it was there before it started."""
    played = place.play(
        """
        stages:
          slow: {run: give, with: {value: 1}}
          parallel: {run: note, with: {key: rms, value: 0.1, then: there}}
          late: {run: give, with: {after: there}}
          reader: {run: look, with: {key: rms, default: nothing}, needs: [slow, late]}
          reader_of_both: {run: look, with: {key: rms}, needs: [slow, parallel]}
        outputs: {alone: "${{ stages.reader.value }}", both: "${{ stages.reader_of_both.value }}"}
    """.replace("there", str(place.root / "there"))
    )
    order = [type(fact).__name__ + fact.place for fact in played.facts]
    assert order.index("NodeSucceededparallel") < order.index("NodeStartedreader")
    assert played.outputs == {"alone": "nothing", "both": 0.1}


def test_levels_around_count(place: Place) -> None:
    """A node sees what those before its group added, also from inside a used file."""
    played = place.play(
        """
        stages:
          first: {run: note, with: {key: a, value: 1}}
          group:
            needs: [first]
            steps:
              one: {run: note, with: {key: b, value: 2}}
              two:
                needs: [one]
                steps:
                  inner: {run: look_around}
                outputs: {seen: "${{ steps.inner.value }}"}
              beside: {run: note, with: {key: c, value: 3}}
            outputs: {seen: "${{ steps.two.seen }}"}
          used: {use: used.yaml, needs: [group]}
        outputs: {group: "${{ stages.group.seen }}", used: "${{ stages.used.seen }}"}
        """,
        files={
            "used.yaml": """
            stages:
              around: {run: look_around}
            outputs: {seen: "${{ stages.around.value }}"}
            """
        },
    )
    assert played.outputs["group"] == {"a": 1, "b": 2}
    assert played.outputs["used"] == {"a": 1, "b": 2, "c": 3}


def test_failed_attempts_add_nothing(anywhere: Place) -> None:
    """Only the attempt that succeeds has added; a node that fails, tolerated or not, has not."""
    played = anywhere.play("""
        stages:
          again:
            run: note_then_fail
            with: {key: solved, value: x, times: 2, log: LOG, name: again}
            retries: {max: 2}
          never:
            run: note_then_fail
            with: {key: lost, value: x, times: 9, log: LOG, name: never}
            on_error: continue
          reader: {run: look_around, needs: [again, never]}
        outputs: {seen: "${{ stages.reader.value }}"}
    """)
    assert played.outputs["seen"] == {"solved": ["x", 3]}
    assert dict(played.context) == {"solved": ["x", 3]}


def test_a_group_that_is_rolled_back_adds_nothing(place: Place) -> None:
    """What the first attempt of a group added is gone with it; so is all of a group that fails."""
    played = place.play("""
        stages:
          again:
            retries: {max: 1}
            steps:
              note: {run: note_then_fail, with: {key: kept, value: x, times: 0, log: LOG, name: a}}
              fail: {run: fail, with: {times: 1, log: LOG, of: "${{ steps.note.value }}"}}
          lost:
            on_error: continue
            steps:
              note: {run: note, with: {key: lost, value: 1}}
              fail: {run: fail, needs: [note]}
          reader: {run: look_around, needs: [again, lost]}
        outputs: {seen: "${{ stages.reader.value }}"}
    """)
    assert played.outputs["seen"] == {"kept": ["x", 2]}
    assert [entry.version for entry in played.context.versions("kept")] == [1]


def test_a_loop_keeps_what_its_kept_iteration_added(place: Place) -> None:
    """Of a loop's iterations the kept one counts, and none of them sees another's."""
    played = place.play("""
        params:
          scores: {type: array, default: [1, 3, 2]}
        stages:
          solve:
            loop:
              max_iterations: 3
              on_exhausted: warn
              keep: best
              score: ${{ params.scores[loop.index - 1] }}
            steps:
              before: {run: look, with: {key: cycle, default: none}}
              note: {run: note, with: {key: cycle, value: "${{ loop.index }}"}, needs: [before]}
              after: {run: look, with: {key: cycle}, needs: [note]}
            outputs: {before: "${{ steps.before.value }}", after: "${{ steps.after.value }}"}
          reader: {run: look, with: {key: cycle}, needs: [solve]}
        outputs:
          before: ${{ stages.solve.before }}
          after: ${{ stages.solve.after }}
          seen: ${{ stages.reader.value }}
    """)
    assert played.outputs == {"before": "none", "after": 2, "seen": 2}
    (entry,) = played.context.versions("cycle")
    assert entry.place == "solve#2/note"


def test_parallel_additions_conflict(place: Place) -> None:
    """Two nodes of which neither waits for the other must not add one key: an error names both."""
    played = place.play("""
        stages:
          one: {run: note, with: {key: flux, value: 1}}
          two: {run: note, with: {key: flux, value: 2}}
    """)
    ((failed, _),) = played.failed.items()  # which of them came second
    other = {"one": "two", "two": "one"}[failed]
    assert f"ContextConflict: context key 'flux' was added at {other} too" in played.error
    assert played.context["flux"] == {"one": 1, "two": 2}[other]


def test_instances_conflict_unless_the_key_is_a_collection(place: Place) -> None:
    """Instances may fill a collection together, in the order of their names whoever is faster."""
    text = """
        CONTEXT
        stages:
          each:
            for_each: {spw: [2, 10, 1]}
            run: note
            with: {key: tables, value: "${{ each.spw }}"}
          more: {run: note, with: {key: tables, value: 0}}
          reader: {run: look, with: {key: tables}, needs: [each, more]}
        outputs: {seen: "${{ stages.reader.value }}"}
    """
    declared = "context: {tables: {type: array, items: {type: integer}, collection: true}}"
    played = place.play(text.replace("CONTEXT", declared))
    assert played.outputs["seen"] == [1, 2, 10, 0]
    assert played.context["tables"] == [1, 2, 10, 0]
    assert "ContextConflict" in place.play(text.replace("CONTEXT", "")).error


def test_who_depends_on_the_first_makes_the_second_version(place: Place) -> None:
    """A later node adds the next version; both stay, with their places."""
    played = place.play("""
        stages:
          one: {run: note, with: {key: flux, value: 1}}
          two: {run: note, with: {key: flux, value: 2, of: "${{ stages.one.value }}"}}
        outputs: {two: "${{ stages.two.value }}"}
    """)
    versions = played.context.versions("flux")
    assert [(one.version, one.value, one.place) for one in versions] == [
        (1, 1, "one"),
        (2, 2, "two"),
    ]
    assert played.context["flux"] == 2


def test_declared_keys_are_checked(anywhere: Place) -> None:
    """A value that is not as the pipeline declares it fails the call, with the key's name."""
    played = anywhere.play("""
        context: {flux: {type: number}}
        stages:
          one: {run: note, with: {key: flux, value: much}}
    """)
    assert "context key 'flux': the value is not as declared" in played.error
    assert "'much' is not of type 'number'" in played.error


def test_an_empty_collection_is_there(place: Place) -> None:
    """A collection to which nobody has added is an empty list."""
    played = place.play("""
        context: {tables: {type: array, collection: true}}
        stages:
          reader: {run: look, with: {key: tables}}
        outputs: {seen: "${{ stages.reader.value }}"}
    """)
    assert played.outputs["seen"] == []
    assert played.context["tables"] == []


def test_products_are_found_by_selection_and_withdrawn(anywhere: Place) -> None:
    """Products of those before are found by kind and selection, those withdrawn are left out."""
    played = anywhere.play("""
        stages:
          tables:
            for_each: {spw: [2, 10, 1]}
            run: make
            with: {kind: caltable, spw: "${{ each.spw }}"}
          other: {run: make, with: {kind: image}}
          all: {run: find, with: {kind: caltable}, needs: [tables]}
          bad: {run: withdraw, with: {product: "${{ stages.tables.product[0] }}"}}
          rest: {run: find, with: {kind: caltable}, needs: [bad]}
          one: {run: find, with: {kind: caltable, spw: 10}, needs: [bad]}
        outputs:
          all: ${{ stages.all.value }}
          rest: ${{ stages.rest.value }}
          one: ${{ stages.one.value }}
    """)
    spws = {name: [one["spw"] for one in found] for name, found in played.outputs.items()}
    assert spws == {"all": [1, 2, 10], "rest": [1, 10], "one": [10]}
    context = played.context
    assert {one["selection"]["spw"] for one in context.products("caltable")} == {1, 10}
    assert [one.withdrawn for one in context.records(spw=2, include_withdrawn=True)] == [
        "it is bad"
    ]
    assert context.latest("image")["kind"] == "image"


def test_products_come_in_the_order_of_the_graph(place: Place) -> None:
    """The latest product is that of the node that depends on the others, whatever it is called."""
    played = place.play("""
        stages:
          group:
            steps:
              zebra: {run: make, with: {kind: caltable, spw: 1}}
              ant: {run: make, with: {kind: caltable, spw: 2, of: "${{ steps.zebra.product }}"}}
            outputs: {last: "${{ steps.ant.product }}"}
          reader: {run: find, with: {kind: caltable}, needs: [group]}
        outputs: {seen: "${{ stages.reader.value }}"}
    """)
    assert [one["spw"] for one in played.outputs["seen"]] == [1, 2]
    record = played.context.records("caltable", spw=2)[0]
    assert [one["selection"]["spw"] for one in record.lineage.inputs] == [1]


REREAD = """
    params: {flux: {type: number, default: 1}, other: {type: number, default: 1}}
    stages:
      first: {run: note, with: {key: flux, value: "${{ params.flux }}", log: LOG, name: first}}
      other: {run: note, with: {key: other, value: "${{ params.other }}", log: LOG, name: other}}
      reader: {run: look, with: {key: flux, log: LOG, name: reader}, needs: [first, other]}
    outputs: {seen: "${{ stages.reader.value }}"}
"""


def test_a_result_is_used_again_while_what_it_read_is_the_same(place: Place) -> None:
    """What a call has read counts: another key may change, and that one must not."""
    first = place.play(REREAD)
    again = place.play(REREAD)
    assert again.computed == []
    assert dict(again.context) == dict(first.context)
    assert again.context.versions("flux")[0].run == first.run
    assert place.play(REREAD, params={"other": 2}).computed == ["other"]
    changed = place.play(REREAD, params={"flux": 5})
    assert changed.computed == ["first", "reader"]
    assert changed.outputs["seen"] == 5


def test_products_that_are_the_same_again_change_nothing(place: Place) -> None:
    """A product made anew with the same content is the same to who looks it up."""
    text = """
        stages:
          table: {run: make, with: {kind: caltable, log: LOG}}
          reader: {run: find, with: {kind: caltable, log: LOG}, needs: [table]}
        outputs: {seen: "${{ stages.reader.value }}"}
    """
    place.play(text)
    assert place.play(text, force=["table"]).computed == ["table"]
    spoilt = text.replace("kind: caltable, log", "kind: caltable, spw: 3, log", 1)
    assert place.play(spoilt).computed == ["table", "reader"]


def test_a_resumed_run_knows_what_an_undisturbed_one_knows(anywhere: Place) -> None:
    """A run that failed halfway and is resumed ends with the same context, each thing once."""
    text = """
        context: {cycles: {type: array, collection: true}}
        stages:
          first: {run: note, with: {key: flux, value: 1}}
          solve:
            needs: [first]
            loop: {max_iterations: 2, on_exhausted: warn}
            steps:
              note: {run: note, with: {key: cycles, value: "${{ loop.index }}"}}
          broken:
            needs: [solve]
            run: fail
            with: {times: TIMES, log: LOG}
          last: {run: look_around, needs: [broken]}
        outputs: {seen: "${{ stages.last.value }}"}
    """
    failed = anywhere.play(text.replace("TIMES", "1"))
    assert dict(failed.context) == {"flux": 1, "cycles": [2]}
    resumed = anywhere.play(text.replace("TIMES", "1"), resume=failed.run)
    assert resumed.computed == ["broken", "last"]
    straight = anywhere.play(text.replace("TIMES", "0"), reuse=False)
    assert resumed.outputs == straight.outputs == {"seen": {"flux": 1, "cycles": [2]}}
    assert [(one.version, one.place) for one in resumed.context.versions("cycles")] == [
        (1, "solve#2/note")
    ]


def test_what_a_resumed_run_no_longer_does_is_gone(place: Place) -> None:
    """A node that the edited file no longer has leaves nothing in the context."""
    text = """
        stages:
          first: {run: note, with: {key: KEY, value: 1}}
          broken: {run: fail, with: {times: 1, log: LOG}, needs: [first]}
    """
    failed = place.play(text.replace("KEY", "old"))
    assert list(failed.context) == ["old"]
    edited = text.replace("first", "other").replace("KEY", "new")
    resumed = place.play(edited, resume=failed.run)
    assert resumed.ended.status == "succeeded"
    assert list(resumed.context) == ["new"]


WAITING = """
    stages:
      first: {run: give, with: {value: 1, after: AFTER}}
      reader: {run: look, with: {key: comment, default: none}, needs: [first]}
    outputs: {seen: "${{ stages.reader.value }}"}
"""


def test_what_comes_from_outside_is_seen_by_what_starts_later(anywhere: Place) -> None:
    """A person adds to a run that goes on; the next call sees it, and the journal says by whom."""
    gate = anywhere.root / "gate"

    def listen(fact: Fact) -> None:
        if isinstance(fact, NodeStarted) and fact.place == "first":
            add_to_context("comment", "look at spw 3", by="ada", **anywhere.where)
            gate.touch()

    played = anywhere.play(WAITING.replace("AFTER", str(gate)), listen=listen)
    assert played.outputs["seen"] == "look at spw 3"
    (entry,) = played.context.versions("comment")
    assert (entry.by, entry.place) == ("ada", "")


def test_instances_that_start_later_see_more(place: Place) -> None:
    """What is added while one instance computes, the next one sees, though they are of one node."""
    gate = place.root / "gate"
    text = """
        stages:
          reader:
            for_each: {spw: [1, 2]}
            max_parallel: 1
            run: look
            with: {key: comment, default: none, after: GATE}
        outputs: {seen: "${{ stages.reader.value }}"}
    """

    def listen(fact: Fact) -> None:
        if isinstance(fact, NodeStarted) and fact.place == "reader[spw=1]":
            add_to_context("comment", "good", workspace=place.workspace)
            gate.touch()

    played = place.play(text.replace("GATE", str(gate)), listen=listen)
    assert played.outputs["seen"][1] == "good"


def test_what_came_from_outside_is_there_when_a_run_is_resumed(anywhere: Place) -> None:
    """Who read the key before it was added reads it again; what did not depend on it does not."""
    text = """
        stages:
          first: {run: give, with: {value: 1}}
          reader: {run: look, with: {key: comment, default: none}, needs: [first]}
          broken: {run: fail, with: {times: 1, log: LOG}, needs: [reader]}
        outputs: {seen: "${{ stages.reader.value }}"}
    """
    failed = anywhere.play(text)
    add_to_context("comment", "good", run=failed.run, **anywhere.where)
    resumed = anywhere.play(text, resume=failed.run)
    assert resumed.outputs["seen"] == "good"
    assert resumed.computed == ["reader", "broken"]
    notes = {one.place: one.message for one in resumed.all(Noted)}
    assert notes == {"reader": "runs again: context key 'comment' changed"}


def test_a_run_that_goes_on_shows_what_is_committed(place: Place) -> None:
    """Who looks from outside while a run goes on sees what has landed, and no more."""
    gate = place.root / "gate"
    seen: list[list[str]] = []

    def listen(fact: Fact) -> None:
        if isinstance(fact, NodeSucceeded) and fact.place == "second":
            seen.append(list(load_context(workspace=place.workspace)))
            gate.touch()

    place.play(
        """
        stages:
          first: {run: note, with: {key: a}}
          second: {run: note, with: {key: b, of: "${{ stages.first.value }}"}}
          third: {run: note, with: {key: c, after: GATE}, needs: [first]}
        """.replace("GATE", str(gate)),
        listen=listen,
    )
    assert "a" in seen[0] and "c" not in seen[0]


def test_where_nobody_asks_nothing_is_kept(place: Place) -> None:
    """A pipeline without such workloads has no context to keep while it runs; its products are
    there all the same when somebody looks."""
    played = place.play("stages: {table: {run: make, with: {kind: caltable, spw: 4}}}")
    assert [one["selection"]["spw"] for one in played.context.products()] == [4]


def test_a_plan_knows_what_is_read(place: Place) -> None:
    """A plan says of a call that read the context that it runs when what it read may change."""
    first = place.play(REREAD).run

    def planned(**params: Any) -> dict[str, tuple[str, str]]:
        return {one.place: (one.verdict, one.why) for one in place.plan(REREAD, params=params)}

    assert {verdict for verdict, _ in planned().values()} == {"reuse"}
    assert planned(flux=7)["reader"] == (
        "run",
        "upstream first will run, and this reads the context",
    )
    place.play(REREAD, params={"flux": 7})
    assert {verdict for verdict, _ in planned(flux=7).values()} == {"reuse"}
    # Not what the last run made, which has read something else.
    assert planned()["reader"] == ("reuse", first)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[tuple[int, ...], ...]:
    """For each of a few nodes, those before it that it needs."""
    size = draw(st.integers(2, 6))
    return tuple(
        tuple(sorted(draw(st.sets(st.integers(0, number - 1), max_size=3)))) if number else ()
        for number in range(size)
    )


def ancestors(needs: tuple[tuple[int, ...], ...], number: int) -> set[int]:
    return {one for near in needs[number] for one in {near} | ancestors(needs, near)}


@pytest.mark.slow
@examples(12)
@given(graphs(), st.integers(1, 4))
def test_what_is_seen_depends_on_the_graph_alone(
    needs: tuple[tuple[int, ...], ...], slots: int
) -> None:
    """Each node sees the additions of its ancestors and no others, with any number of slots."""
    lines = [
        f"  n{number}:\n"
        f"    needs: {json.dumps([f'n{one}' for one in of])}\n"
        "    steps:\n"
        "      look: {run: look_around}\n"
        f"      note: {{run: note, with: {{key: k{number}}}, needs: [look]}}\n"
        '    outputs: {seen: "${{ steps.look.value }}"}'
        for number, of in enumerate(needs)
    ]
    outputs = [f"  n{number}: ${{{{ stages.n{number}.seen }}}}" for number in range(len(needs))]
    text = "\n".join(["stages:", *lines, "outputs:", *outputs])
    with tempfile.TemporaryDirectory() as folder:
        played = Place(Path(folder), slots=slots).play(text)
    seen = {name: set(found) for name, found in played.outputs.items()}
    assert seen == {
        f"n{number}": {f"k{one}" for one in ancestors(needs, number)}
        for number in range(len(needs))
    }


@pytest.mark.slow
@examples(12)
@given(graphs(), st.integers(1, 4))
def test_a_conflict_is_found_if_there_is_one(
    needs: tuple[tuple[int, ...], ...], slots: int
) -> None:
    """Nodes that all add one key conflict if two of them do not wait for each other, however they
    run; otherwise the versions are in the order in which they wait."""
    lines = [
        f"  n{number}: {{run: note, with: {{key: k, value: {number}}}, "
        f"needs: {json.dumps([f'n{one}' for one in of])}}}"
        for number, of in enumerate(needs)
    ]
    with tempfile.TemporaryDirectory() as folder:
        played = Place(Path(folder), slots=slots).play("\n".join(["stages:", *lines]))
    chained = all(number - 1 in ancestors(needs, number) for number in range(1, len(needs)))
    if chained:
        values = [one.value for one in played.context.versions("k")]
        assert values == list(range(len(needs)))
    else:
        assert "ContextConflict" in played.error


def test_a_resumed_run_keeps_the_order_of_what_came_from_outside(anywhere: Place) -> None:
    """What a person added after a node had is the later version, also to who runs when the run is
    resumed, and however often that is."""
    text = """
        stages:
          first: {run: note, with: {key: flux, value: 1}}
          broken: {run: fail, with: {times: 2, log: LOG}, needs: [first]}
          reader: {run: look, with: {key: flux}, needs: [broken]}
          second: {run: note, with: {key: flux, value: 3, of: "${{ stages.reader.value }}"}}
        outputs: {seen: "${{ stages.reader.value }}"}
    """
    failed = anywhere.play(text)
    add_to_context("flux", 2, run=failed.run, **anywhere.where)
    assert anywhere.play(text, resume=failed.run).context["flux"] == 2
    resumed = anywhere.play(text, resume=failed.run)
    assert resumed.outputs["seen"] == 2
    assert [one.value for one in resumed.context.versions("flux")] == [1, 2, 3]
    again = anywhere.play(text, resume=failed.run)
    assert again.computed == []
    assert [one.value for one in again.context.versions("flux")] == [1, 2, 3]


def test_a_withdrawn_product_that_is_made_again_stays_withdrawn(place: Place) -> None:
    """A product whose file was lost is made again at another address; what withdrew it, whether
    it was given the product or has found it, withdraws that one."""
    text = """
        stages:
          table:
            for_each: {spw: [1, 2]}
            run: make
            with: {kind: caltable, spw: "${{ each.spw }}"}
          given: {run: withdraw, with: {product: "${{ stages.table.product[0] }}"}}
          found: {run: withdraw_kind, with: {kind: caltable, spw: 2}, needs: [table]}
          rest: {run: find, with: {kind: caltable}, needs: [given, found]}
        outputs: {rest: "${{ stages.rest.value }}"}
    """
    first = place.play(text)
    assert first.outputs["rest"] == []
    for path in place.workspace.glob("runs/*/products/**/caltable.json"):
        path.unlink()
    for resume in (first.run, None):
        again = place.play(text, resume=resume)
        assert again.outputs["rest"] == []
        assert again.context.products("caltable") == []
        for path in place.workspace.glob("runs/*/products/**/caltable.json"):
            path.unlink()


@pytest.mark.parametrize("how", ["handed_through", "remembered"])
def test_what_hands_through_a_damaged_product_is_not_used_again(how: str, place: Place) -> None:
    """A product that was damaged is made again elsewhere; a call that hands it on, as an output or
    in the context, does so again, and nobody is given the damaged one."""
    text = """
        params: {number: {type: integer, default: 0}}
        stages:
          table: {run: make, with: {kind: caltable}}
          again: {run: HOW, with: {product: "${{ stages.table.product }}"}}
          reader:
            run: read_product
            needs: [again]
            with:
              product: "${{ stages.again.product | default(none) }}"
              number: "${{ params.number }}"
        outputs: {seen: "${{ stages.reader.value }}"}
    """.replace("HOW", how)
    first = place.play(text)
    (file,) = place.workspace.glob("runs/*/products/**/caltable.json")
    file.write_text('"damaged"')
    resumed = place.play(text, resume=first.run)
    assert resumed.computed == ["table", "again"]
    anew = place.play(text, params={"number": 1})
    assert anew.computed == ["reader"]
    assert anew.outputs == resumed.outputs == first.outputs
