"""What of a run's additions survives: the fold of facts against a run told as a tree.

The runs are drawn by hypothesis: tasks, groups with attempts, loops and fan-outs that succeed or
fail, their facts mixed as parallel nodes mix them, cut anywhere and resumed. What should be left
is what the tree itself says, by recursion, without any fact.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.context.fold import Fold
from radps_dag.context.snapshots import snapshot_of
from radps_dag.facts import (
    Added,
    ContextAdded,
    Fact,
    Iterated,
    Made,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    Retrying,
    RunEnded,
    RunStarted,
)


@dataclass(frozen=True)
class Leaf:
    fails: bool = False
    retried: int = 0


@dataclass(frozen=True)
class Branch:
    """A group: its steps by number; `bad` attempts are rolled back before the last."""

    steps: tuple[Any, ...]
    bad: int = 0
    fails: bool = False


@dataclass(frozen=True)
class Loop:
    body: Any
    iterations: int
    kept: tuple[int, ...]  # after each iteration, as a loop that keeps its best one says
    fails: bool = False


@dataclass(frozen=True)
class Fan:
    """Instances of a body; those that are bad fail."""

    body: Any
    size: int
    bad: frozenset[int] = frozenset()
    fails: bool = False


@dataclass(frozen=True)
class Left:
    """A node whose condition is false."""


def kept_numbers(iterations: int) -> st.SearchStrategy[tuple[int, ...]]:
    """After iteration n the one that is kept: n itself, or the one that was kept before."""

    def chain(new: list[bool]) -> tuple[int, ...]:
        kept, best = [], 1
        for number, better in enumerate(new, start=1):
            best = number if better or number == 1 else best
            kept.append(best)
        return tuple(kept)

    return st.lists(st.booleans(), min_size=iterations, max_size=iterations).map(chain)


RARELY = st.integers(0, 5).map(lambda number: number == 0)
LEAVES = st.builds(Leaf, RARELY, st.integers(0, 1))


def bigger(nodes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    groups = st.builds(
        Branch, st.lists(nodes, max_size=3).map(tuple), st.sampled_from([0, 0, 1, 2]), RARELY
    )
    bodies = nodes.map(lambda node: node if isinstance(node, Leaf | Branch) else Branch((node,)))
    loops = st.integers(1, 3).flatmap(
        lambda size: st.builds(Loop, bodies, st.just(size), kept_numbers(size), RARELY)
    )
    # As in the language: what a fan-out repeats may be a loop, and no other fan-out.
    each = st.one_of(bodies, loops)
    fans = st.builds(Fan, each, st.integers(0, 3), st.frozensets(st.integers(0, 2)), RARELY)
    return st.one_of(groups, loops, fans, st.just(Left()))


NODES = st.recursive(LEAVES, bigger, max_leaves=12)
RUNS = st.lists(NODES, min_size=1, max_size=3).map(tuple)


def survivors(node: Any, place: str, attempt: str) -> set[str] | None:
    """What a node leaves; None if it fails. A failure is tolerated by whatever is around it."""
    match node:
        case Leaf(fails=fails):
            return None if fails else {f"{place} {attempt}"}
        case Branch(steps=steps, bad=bad, fails=fails):
            found: set[str] = set()
            for number, step in enumerate(steps):
                found |= survivors(step, f"{place}/s{number}", f"{attempt}{bad}") or set()
            return None if fails else found
        case Loop(body=body, iterations=iterations, kept=kept, fails=fails):
            ends = [survivors(body, f"{place}#{n}", attempt) for n in range(1, iterations + 1)]
            return None if fails or None in ends else ends[kept[-1] - 1]
        case Fan(body=body, size=size, bad=bad, fails=fails):
            found = set()
            for number in range(size):
                if number not in bad or not isinstance(body, Leaf):
                    found |= survivors(body, f"{place}[spw={number}]", attempt) or set()
            return None if fails else found
        case Left():
            return set()
    raise AssertionError(node)


Told = list[Fact]


def told(node: Any, place: str, attempt: str, chance: random.Random) -> tuple[Told, bool]:
    """The facts of a node, and whether it succeeds."""
    match node:
        case Leaf(fails=fails, retried=retried):
            facts: Told = [started(place, "task")]
            facts += [retrying(place, number + 2) for number in range(retried)]
            if fails:
                return [*facts, failed(place)], False
            return [*facts, called(place, f"{place} {attempt}")], True
        case Branch(steps=steps, bad=bad, fails=fails):
            facts = [started(place, "group")]
            for number in range(bad + 1):
                streams = [
                    told(step, f"{place}/s{index}", f"{attempt}{number}", chance)[0]
                    for index, step in enumerate(steps)
                ]
                if number < bad:  # what only this attempt comes to
                    streams.append(told(Leaf(), f"{place}/more", f"{attempt}{number}", chance)[0])
                facts += mixed(streams, chance)
                if number < bad:
                    facts.append(retrying(place, number + 2))
            return [*facts, ended(place, fails)], not fails
        case Loop(body=body, iterations=iterations, kept=kept, fails=fails):
            facts = [started(place, "loop")]
            for number in range(1, iterations + 1):
                inside, good = told(body, f"{place}#{number}", attempt, chance)
                facts += inside
                if not good:
                    return [*facts, failed(place)], False
                facts.append(iterated(place, number, iterations, kept[number - 1]))
            return [*facts, ended(place, fails)], not fails
        case Fan(body=body, size=size, bad=bad, fails=fails):
            facts = [started(place, "fan_out")]
            streams = []
            for number in range(size):
                spoilt = Leaf(fails=True) if number in bad and isinstance(body, Leaf) else body
                streams.append(told(spoilt, f"{place}[spw={number}]", attempt, chance)[0])
            return [*facts, *mixed(streams, chance), ended(place, fails)], not fails
        case Left():
            return [NodeSkipped(time=0, place=place, reason="its condition is false")], True
    raise AssertionError(node)


def mixed(streams: list[Told], chance: random.Random) -> Told:
    """Facts of nodes that run at the same time, each in its own order."""
    waiting = [list(reversed(stream)) for stream in streams if stream]
    facts: Told = []
    while waiting:
        stream = chance.choice(waiting)
        facts.append(stream.pop())
        waiting = [one for one in waiting if one]
    return facts


def started(place: str, kind: Any) -> Fact:
    return NodeStarted(time=0, place=place, kind=kind)


def called(place: str, value: str) -> Fact:
    made = Made(key="k", added=(Added(key="k", value=value),))
    return NodeSucceeded(time=0, place=place, outputs={}, seconds=0, made=made)


def failed(place: str) -> Fact:
    return NodeFailed(time=0, place=place, error="E", message="", seconds=0, tolerated=True)


def ended(place: str, fails: bool) -> Fact:
    return failed(place) if fails else NodeSucceeded(time=0, place=place, outputs={}, seconds=0)


def retrying(place: str, attempt: int) -> Fact:
    return Retrying(
        time=0, place=place, attempt=attempt, attempts=9, delay=0, error="E", message=""
    )


def iterated(place: str, number: int, cap: int, kept: int) -> Fact:
    outcome = "exhausted" if number == cap else ""
    return Iterated(
        time=0, place=place, iteration=number, cap=cap, score=1.0, outcome=outcome, kept=kept
    )


def begun(generation: int) -> Fact:
    return RunStarted(
        time=0,
        place="",
        run="run",
        pipeline="p",
        file="p.yaml",
        params={},
        library="l",
        executor="threads",
        seed=0,
        generation=generation,
    )


def left_by(facts: Iterator[Fact] | Told) -> set[str]:
    fold = Fold()
    for fact in facts:
        fold.add(fact)
    return values(fold)


def values(fold: Fold) -> set[str]:
    return {entry.value for entry in snapshot_of(fold).entries}


def whole(nodes: tuple[Any, ...], seed: int) -> Told:
    chance = random.Random(seed)
    streams = [told(node, f"n{number}", "a", chance)[0] for number, node in enumerate(nodes)]
    return mixed(streams, chance)


def expected(nodes: tuple[Any, ...]) -> set[str]:
    found: set[str] = set()
    for number, node in enumerate(nodes):
        found |= survivors(node, f"n{number}", "a") or set()
    return found


def ends(status: Any = "succeeded") -> Fact:
    return RunEnded(time=0, place="", status=status, seconds=0)


@given(RUNS, st.integers(0, 2**32))
def test_what_is_left_is_what_succeeded(nodes: tuple[Any, ...], seed: int) -> None:
    """Of a run that ended, the additions of calls that count are there, and no others."""
    assert left_by([begun(1), *whole(nodes, seed), ends()]) == expected(nodes)


@given(RUNS, st.integers(0, 2**32), st.lists(st.floats(0, 1), min_size=1, max_size=3), st.data())
def test_a_resumed_run_leaves_the_same(
    nodes: tuple[Any, ...], seed: int, cuts: list[float], data: st.DataObject
) -> None:
    """Cut anywhere, once or more often, and resumed in another order, a run leaves the same."""
    facts: Told = []
    for generation, cut in enumerate(cuts, start=1):
        run = whole(nodes, seed + generation)
        run = run[: int(cut * len(run))]
        facts += [begun(generation), *run]
        if data.draw(st.booleans()):
            running = {fact.place for fact in run if isinstance(fact, NodeStarted)}
            running -= {f.place for f in run if isinstance(f, NodeSucceeded | NodeFailed)}
            facts += [
                NodeStopped(time=0, place=place, reason="", seconds=0)
                for place in sorted(running, reverse=True)
            ]
            facts.append(ends("interrupted"))
    facts += [begun(len(cuts) + 1), *whole(nodes, seed), ends()]
    assert left_by(facts) == expected(nodes)


@given(RUNS, st.integers(0, 2**32), st.integers(0, 2**32))
def test_a_resumed_run_of_an_edited_file_leaves_what_the_new_one_makes(
    nodes: tuple[Any, ...], seed: int, other: int
) -> None:
    """What the edited file does no more leaves nothing, once the resumed run has succeeded."""
    fewer = nodes[: other % (len(nodes) + 1)]
    facts = [begun(1), *whole(nodes, seed), ends("interrupted")]
    facts += [begun(2), *whole(fewer, other), ends()]
    assert left_by(facts) == expected(fewer)


@given(RUNS, st.integers(0, 2**32))
def test_at_every_moment_no_more_than_one_version_of_a_place(
    nodes: tuple[Any, ...], seed: int
) -> None:
    """While a run goes on, each place counts once, and nothing inside a loop that goes on."""
    fold = Fold()
    fold.add(begun(1))
    running: set[str] = set()
    for fact in whole(nodes, seed):
        fold.add(fact)
        if isinstance(fact, NodeStarted) and fact.kind == "loop":
            running.add(fact.place)
        elif isinstance(fact, NodeSucceeded | NodeFailed):
            running.discard(fact.place)
        places = [landed.place for landed in fold.under()]
        assert len(places) == len(set(places))
        assert not any(place.startswith(f"{loop}#") for loop in running for place in places)


@given(RUNS, st.integers(0, 2**32))
def test_who_adds_a_key_is_known_as_long_as_it_counts(nodes: tuple[Any, ...], seed: int) -> None:
    """The calls that added a key are those whose additions count, when the run has ended."""
    fold = Fold()
    for fact in [begun(1), *whole(nodes, seed), ends()]:
        fold.add(fact)
    assert {one.end.made.added[0].value for one in fold.adders("k")} == expected(nodes)  # type: ignore[union-attr]


def test_a_group_that_is_done_again_leaves_what_it_does_now() -> None:
    """When a group ends again after a resume, what it did only before is gone, though the run
    goes on or fails elsewhere."""
    fold = Fold()
    before = [started("g", "group"), called("g/old", "old"), called("g/same", "same")]
    for fact in [begun(1), *before, ends("failed"), begun(2), started("g", "group")]:
        fold.add(fact)
    assert values(fold) == {"old", "same"}
    for fact in [started("g/same", "task"), called("g/same", "same"), ended("g", False)]:
        fold.add(fact)
    assert values(fold) == {"same"}


def test_a_loop_that_is_done_again_shows_nothing_meanwhile() -> None:
    """While a resumed loop goes on, none of its iterations is seen from outside."""
    fold = Fold()
    once = [called("l#1", "1"), iterated("l", 1, 1, 1), ended("l", False)]
    for fact in [begun(1), started("l", "loop"), *once]:
        fold.add(fact)
    assert values(fold) == {"1"}
    for fact in [begun(2), started("l", "loop"), called("l#1", "1")]:
        fold.add(fact)
    assert values(fold) == set()


def test_a_call_that_begins_again_is_not_there() -> None:
    """What a call made counts no more as soon as it is made again."""
    facts: Told = [begun(1), called("n", "old"), begun(2), started("n", "task")]
    assert left_by(facts) == set()


def test_a_key_of_an_instance_may_hold_anything() -> None:
    """A slash or a bracket in the key of an instance divides no place."""
    fold = Fold()
    place = "clean[field=a/b]#c]"
    fold.add(begun(1))
    fold.add(started(place, "task"))
    fold.add(called(place, "x"))
    assert values(fold) == {"x"}
    fold.add(NodeFailed(time=0, place="clean", error="E", message="", seconds=0))
    assert values(fold) == set()


def test_what_comes_from_outside_stays() -> None:
    """What a person added is there whatever fails, and after the run is resumed."""
    outside = ContextAdded(time=0, place="", by="ada", added=Added(key="comment", value="good"))
    facts: Told = [begun(1), outside, started("n0", "group"), failed("n0"), begun(2), ends()]
    assert left_by(facts) == {"good"}


@pytest.mark.parametrize("size", [10, 1000])
def test_a_fact_costs_as_much_as_its_place_is_deep(size: int) -> None:
    """The steps that a fact takes do not grow with what is there already."""
    fold = Fold()
    fold.add(begun(1))
    for number in range(size):
        fold.add(called(f"wide[spw={number}]", str(number)))
    steps = 0
    for part in ("wide[spw=3]", "wide[spw=7]"):

        class Counted(dict):  # type: ignore[type-arg]
            def __contains__(self, key: object) -> bool:
                nonlocal steps
                steps += 1
                return super().__contains__(key)

            def __iter__(self) -> Iterator[Any]:
                raise AssertionError("looked at everything")

        fold._root.children = Counted(fold._root.children)
        fold.add(failed(part))
    assert steps <= 8


@pytest.mark.parametrize("origin", ["", "earlier"])
def test_what_a_call_hands_through_it_has_not_made(origin: str) -> None:
    """A product among the inputs is not the call's own, also where its result is used again and
    speaks of the earlier run's copy."""
    given = {"uri": "file:///run/a/ms.json", "kind": "visibilities", "version": "1"}
    passed = {**given, "uri": "file:///earlier/a/ms.json"} if origin else given
    own = {"uri": "file:///run/b/image.json", "kind": "image"}
    fold = Fold()
    for fact in [
        begun(1),
        NodeStarted(time=0, place="b", kind="task", inputs={"ms": given}),
        NodeSucceeded(
            time=0,
            place="b",
            outputs={"ms": passed, "image": own},
            seconds=0,
            made=Made(key="k", origin=origin),
        ),
    ]:
        fold.add(fact)
    (record,) = snapshot_of(fold).records
    assert record.product == own and record.lineage.inputs == (given,)
