"""The fold of facts to the state of a run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from examples import examples
from facts_demo import STAGES, demo, many_nodes, wide
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.facts import (
    Fact,
    Iterated,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeSucceeded,
    Noted,
    Retrying,
    RunEnded,
    Scored,
    Verdict,
)
from radps_dag.facts.places import parts
from radps_dag.progress.node import NodeState, Quality
from radps_dag.progress.state import RunState, fold

T = 100.0


@dataclass
class Spec:
    """A node of a made-up run: what kind it is, how it ends, how often it is tried."""

    kind: str
    end: str
    attempts: int
    inside: list[Spec] = field(default_factory=list)


_ENDS = st.sampled_from(["good", "good", "good", "failed", "tolerated", "skipped"])
_ATTEMPTS = st.sampled_from([1, 1, 1, 2])
SPECS = st.recursive(
    st.builds(Spec, st.just("task"), _ENDS, _ATTEMPTS),
    lambda inner: st.builds(
        Spec,
        st.sampled_from(["group", "fan_out", "loop"]),
        _ENDS,
        _ATTEMPTS,
        st.lists(inner, max_size=4),
    ),
    max_leaves=15,
)


def facts_of(spec: Spec, place: str, rng: random.Random) -> Iterator[Fact]:
    """What an engine that keeps order says of a node; parts of it are interleaved."""
    if spec.end == "skipped":
        yield NodeSkipped(time=T, place=place, reason="when is false")
        return
    for attempt in range(1, spec.attempts + 1):
        yield NodeStarted(
            time=T, place=place, kind=spec.kind, attempt=attempt, total=len(spec.inside)
        )
        yield from _inside(spec, place, rng)
        if attempt < spec.attempts:
            yield Retrying(
                time=T, place=place, attempt=attempt + 1, attempts=9, delay=1, error="E", message=""
            )
    if spec.end == "good":
        yield NodeSucceeded(time=T, place=place, outputs={}, seconds=1.0)
    else:
        yield NodeFailed(
            time=T, place=place, error="E", message="", seconds=1.0, tolerated=spec.end != "failed"
        )


def _inside(spec: Spec, place: str, rng: random.Random) -> Iterator[Fact]:
    if spec.kind == "loop":
        for n, body in enumerate(spec.inside, 1):
            yield from facts_of(_plain(body, "task", "group"), f"{place}#{n}", rng)
            yield Iterated(time=T, place=place, iteration=n, cap=9, score=float(n))
        return
    joint = {"fan_out": "{}[k={}]", "group": "{}/n{}"}.get(spec.kind, "")
    inside = [
        _plain(s, "task", "group", "loop") if spec.kind == "fan_out" else s for s in spec.inside
    ]
    streams = [facts_of(s, joint.format(place, n), rng) for n, s in enumerate(inside)]
    while streams:
        stream = rng.choice(streams)
        fact = next(stream, None)
        if fact is None:
            streams.remove(stream)
        else:
            yield fact


def _plain(spec: Spec, *kinds: str) -> Spec:
    """An instance is not a fan-out again, and an iteration neither fan-out nor loop."""
    return spec if spec.kind in kinds else replace(spec, kind="group")


class Naive:
    """The same by brute force: the latest status of every place, never forgotten but by a retry."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}

    def apply(self, fact: Fact) -> None:
        match fact:
            case NodeStarted() | Retrying():
                for place in [p for p in self.status if self.holds(fact.place, p)]:
                    del self.status[place]
                self.status[fact.place] = "active"
            case NodeSucceeded():
                self.status[fact.place] = "good"
            case NodeFailed():
                self.status[fact.place] = "failed"
            case NodeSkipped():
                self.status[fact.place] = "skipped"

    @staticmethod
    def holds(outer: str, place: str) -> bool:
        return place.startswith(outer) and place[len(outer) :][:1] in tuple("/[#")

    def counts(self, node: NodeState) -> dict[str, int]:
        depth = len(parts(node.place)) + 1
        found = [
            status
            for place, status in self.status.items()
            if len(parts(place)) == depth and self.holds(node.place, place)
        ]
        return {kind: found.count(kind) for kind in ("good", "failed", "skipped", "active")}

    def failures(self, node: NodeState) -> int:
        failed = [place for place, status in self.status.items() if status == "failed"]
        return sum(
            (place == node.place or self.holds(node.place, place))
            and not any(self.holds(place, other) for other in failed)
            for place in failed
        )


@examples(150)
@given(spec=SPECS, rng=st.randoms(use_true_random=False))
def test_counts_are_those_of_brute_force(spec: Spec, rng: random.Random) -> None:
    """After every fact each remembered node counts what a fold that forgets nothing counts."""
    state, naive = RunState(), Naive()
    for fact in facts_of(spec, "stage", rng):
        state.apply(fact)
        naive.apply(fact)
        for node in state.root.walk():
            counted = {
                "good": node.good,
                "failed": node.failed,
                "skipped": node.skipped,
                "active": len(node.active),
            }
            assert counted == naive.counts(node), node.place
            assert node.failures == naive.failures(node), node.place


@examples(50)
@given(rng=st.randoms(use_true_random=False))
def test_any_order_is_survived(rng: random.Random) -> None:
    """A stream in any order, with anything missing, folds without an error."""
    facts = demo()
    rng.shuffle(facts)
    fold(facts[: rng.randrange(len(facts))])


def test_demo_ends_with_every_stage_ended() -> None:
    """After the last fact of a run nothing is active, and the stages are in the order of facts."""
    state = fold(demo())
    assert state.end is not None and state.root.status == "succeeded"
    assert set(state.root.children) == set(STAGES)
    assert not [node for node in state.root.walk() if node.active or not node.ended]
    assert state.root.children["image_cube"].failures == 1


def test_wide_fan_out_is_forgotten() -> None:
    """Instances that ended well are counted and dropped; those that failed stay."""
    state = fold(wide(500, failing=0.02))
    node = state.find("image_cube/clean")
    assert node is not None
    assert node.good + node.failed == 500
    assert len(node.children) == node.failed == node.failures > 0


def test_cost_of_a_fact_is_independent_of_width() -> None:
    """No fact makes the fold look at the other instances: the nodes it holds stay few."""
    state, most = RunState(), 0
    for fact in wide(3000, width=16, failing=0.0):
        state.apply(fact)
        most = max(most, sum(1 for _ in state.root.walk()))
    assert most <= 2 + 16


def test_iterations_are_replaced() -> None:
    """Of a loop the latest iteration is remembered, with the latest scores."""
    facts: list[Fact] = [NodeStarted(time=T, place="a", kind="loop", total=9)]
    for n in (1, 2, 3):
        facts += [
            NodeStarted(time=T, place=f"a#{n}", kind="task"),
            NodeSucceeded(time=T, place=f"a#{n}", outputs={}, seconds=1.0),
            Iterated(time=T, place="a", iteration=n, cap=9, score=n / 10),
        ]
    node = fold(facts).find("a")
    assert node is not None
    assert (list(node.children), node.iteration, node.scores) == (["#3"], 3, (0.1, 0.2, 0.3))
    assert node.good == 3


def _scored(place: str, score: float, verdict: Verdict) -> Scored:
    return Scored(time=T, place=place, metric="snr", score=score, verdict=verdict)


def test_quality_is_the_worst_inside() -> None:
    """A stage has the lowest score of what is in it, whether QA comes before or after its end."""
    done = NodeSucceeded(time=T, place="s/a", outputs={}, seconds=1.0)
    start = [NodeStarted(time=T, place=place, kind="task") for place in ("s", "s/a")]
    score = _scored("s/a", 0.5, "alert")
    for order in ([score, done], [done, score]):
        stage = fold([*start, *order, _scored("s", 0.8, "warn")]).find("s")
        assert stage is not None and stage.quality == Quality(0.5, "alert")


def test_quality_of_a_loop_is_that_of_its_latest_iteration() -> None:
    """A low score of an early iteration is no blemish once a later one is better."""
    facts: list[Fact] = [NodeStarted(time=T, place="a", kind="loop", total=9)]
    for n, score in ((1, 0.2), (2, 0.95)):
        facts += [
            NodeStarted(time=T, place=f"a#{n}", kind="task"),
            _scored(f"a#{n}", score, "good" if n == 2 else "alert"),
            NodeSucceeded(time=T, place=f"a#{n}", outputs={}, seconds=1.0),
        ]
    node = fold(facts).find("a")
    assert node is not None and node.quality == Quality(0.95, "good")


def test_late_score_of_a_forgotten_instance_counts_for_its_fan_out() -> None:
    """QA stated after an instance ended and was dropped still lowers the fan-out."""
    facts: list[Fact] = [
        NodeStarted(time=T, place="a", kind="fan_out", total=1),
        NodeStarted(time=T, place="a[x]", kind="task"),
        NodeSucceeded(time=T, place="a[x]", outputs={}, seconds=1.0),
        _scored("a[x]", 0.4, "alert"),
    ]
    state = fold(facts)
    node = state.find("a")
    assert node is not None and node.quality.score == 0.4 and not node.children


def test_warnings_are_bounded() -> None:
    """A run that warns without end does not eat the memory; all warnings are counted."""
    state = fold(Noted(time=T, place="", message=str(n), level="warning") for n in range(1000))
    assert (len(state.warnings), state.warned) == (200, 1000)


def test_expected_stages_wait() -> None:
    """Stages that were named beforehand wait until a fact tells of them."""
    state = RunState()
    state.expect(["a", "b"])
    state.apply(NodeStarted(time=T, place="a", kind="group"))
    assert [node.status for node in state.root.children.values()] == ["running", "waiting"]


def test_interrupted_run_has_not_succeeded() -> None:
    """What ran when a run was interrupted is stopped, and what was to come did not run."""
    facts: list[Fact] = [
        NodeStarted(time=T, place="a", kind="task"),
        RunEnded(time=T, place="", status="interrupted", seconds=1.0),
    ]
    state = RunState()
    state.expect(["a", "b"])
    for fact in facts:
        state.apply(fact)
    assert state.root.status == "failed" and not state.root.active
    ran, waited = state.root.children.values()
    assert (ran.status, waited.reason) == ("stopped", "did not run")


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("", []),
        ("a", ["a"]),
        ("a[x/y#1]#2/b", ["a", "[x/y#1]", "#2", "b"]),
        ("a[[0, 1]]/b", ["a", "[[0, 1]]", "b"]),
        ("a[unclosed", ["a", "unclosed"]),
    ],
)
def test_parts(place: str, expected: list[str]) -> None:
    """A place is cut at its joints, not inside the key of an instance; nonsense is no error."""
    assert list(parts(place)) == expected


def test_many_nodes() -> None:
    """A wide pipeline keeps every stage."""
    assert len(fold(many_nodes(200)).root.children) == 50
