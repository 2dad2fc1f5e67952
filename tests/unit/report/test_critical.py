"""The critical path of graphs whose times are known."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radps_dag.builder import build
from radps_dag.loader import load
from radps_dag.progress.node import NodeState
from radps_dag.report.critical import Span, critical_path
from radps_dag.report.slack import node_slack, place_slack


@dataclass(frozen=True)
class Stage:
    """What a stage is: how long its rounds take, or its instances, and whom it needs."""

    kind: str
    seconds: tuple[int, ...]
    needs: frozenset[int]


@st.composite
def stages(draw: st.DrawFn) -> list[Stage]:
    count = draw(st.integers(1, 7))
    return [
        Stage(
            draw(st.sampled_from(["task", "fan_out", "loop", "group"])),
            tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))),
            draw(st.frozensets(st.integers(0, n - 1), max_size=3)) if n else frozenset(),
        )
        for n in range(count)
    ]


def text(found: list[Stage]) -> str:
    lines = ["version: 1", "name: p", "stages:"]
    for n, one in enumerate(found):
        lines.append(f"  s{n}:")
        if one.needs:
            lines.append(f"    needs: [{', '.join(f's{m}' for m in sorted(one.needs))}]")
        if one.kind == "fan_out":
            lines.append("    for_each: {k: [1, 2, 3, 4]}")
        if one.kind == "loop":
            lines.append('    loop: {max_iterations: 4, until: "${{ true }}"}')
        lines.append("    steps: {inner: {run: f}}" if one.kind == "group" else "    run: f")
    return "\n".join(lines)


class Played:
    """The graph with a slot for everybody: each begins when all that it needs has ended."""

    def __init__(self, found: list[Stage]) -> None:
        self.root = NodeState("", "")
        self.spans: dict[str, Span] = {}
        ends: list[int] = []
        for n, one in enumerate(found):
            start = max((ends[m] for m in one.needs), default=0)
            ends.append(self._play(f"s{n}", one, start))
        self.end = max(ends)

    def _play(self, place: str, one: Stage, start: int) -> int:
        node = self._add(self.root, place, place)
        if one.kind == "fan_out":
            end = start + max(one.seconds)
            for k, seconds in enumerate(one.seconds):
                self._add(node, f"{place}[k={k}]", f"[k={k}]", start, start + seconds)
        elif one.kind == "loop":
            end = start
            for number, seconds in enumerate(one.seconds, 1):
                self._add(node, f"{place}#{number}", f"#{number}", end, end + seconds)
                end += seconds
        elif one.kind == "group":
            end = start + one.seconds[0]
            self._add(node, f"{place}/inner", "inner", start, end)
        else:
            end = start + one.seconds[0]
        self.spans[place] = Span(start, end)
        return end

    def _add(self, parent: NodeState, place: str, label: str, *times: int) -> NodeState:
        node = parent.children[label] = NodeState(place, label, parent)
        if times:
            self.spans[place] = Span(*times)
        return node

    def span(self, node: NodeState) -> Span | None:
        return self.spans.get(node.place)


@given(found=stages())
@settings(max_examples=150, deadline=None)
def test_the_path_is_as_long_as_the_run(
    found: list[Stage], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Through fan-outs, loops and groups, each step begins when the one before it ends, and the
    last one ends with the run."""
    folder = tmp_path_factory.mktemp("p")
    (folder / "p.yaml").write_text(text(found), encoding="utf-8")
    played = Played(found)
    steps = critical_path(build(load(folder / "p.yaml")), played.root, played.span, 0.0)
    assert sum(one.seconds for one in steps) == played.end
    assert steps[0].start == 0 and steps[-1].end == played.end
    assert all(one.end == two.start for one, two in itertools.pairwise(steps))
    assert all(one.before == 0 for one in steps)


def test_what_did_not_run_is_passed_through(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A stage behind one that was skipped was held up by what that one waited for."""
    chain = [Stage("task", (3,), frozenset({n - 1} if n else ())) for n in range(3)]
    folder = tmp_path_factory.mktemp("p")
    (folder / "p.yaml").write_text(text(chain), encoding="utf-8")
    played = Played(chain)
    del played.spans["s1"]
    played.spans["s2"] = Span(4, 7)
    steps = critical_path(build(load(folder / "p.yaml")), played.root, played.span, 0.0)
    assert [(one.place, one.before) for one in steps] == [("s0", 0.0), ("s2", 1.0)]


@given(found=stages(), data=st.data())
@settings(max_examples=100, deadline=None)
def test_slack_is_exact(
    found: list[Stage], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What takes longer by its slack does not make the run longer; a second more makes it longer
    by that second. So of a task, of one instance of a fan-out, of one round of a loop."""
    folder = tmp_path_factory.mktemp("p")
    (folder / "p.yaml").write_text(text(found), encoding="utf-8")
    played = Played(found)
    slacks = place_slack(build(load(folder / "p.yaml")), played.root, played.span)
    assert slacks.keys() == played.spans.keys()
    n = data.draw(st.integers(0, len(found) - 1))
    stage = found[n]
    repeated = {"fan_out": "[k={}]", "loop": "#{}"}.get(stage.kind, "")
    part = data.draw(st.integers(0, len(stage.seconds) - 1)) if repeated else 0
    place = f"s{n}{repeated.format(part + (stage.kind == 'loop'))}"
    slack = slacks[place]

    def end_with(more: float) -> float:
        seconds = list(stage.seconds)
        seconds[part] += int(more)
        longer = [*found[:n], replace(stage, seconds=tuple(seconds)), *found[n + 1 :]]
        return Played(longer).end

    assert slack == int(slack) and node_slack(slacks)[f"s{n}"] <= slack
    assert end_with(slack) == played.end
    assert end_with(slack + 1) == played.end + 1


def test_slack_passes_through_what_did_not_run(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A stage before one that was skipped had to end when the one behind that had to begin."""
    chain = [Stage("task", (3,), frozenset({n - 1} if n else ())) for n in range(3)]
    folder = tmp_path_factory.mktemp("p")
    (folder / "p.yaml").write_text(text(chain), encoding="utf-8")
    played = Played(chain)
    del played.spans["s1"]
    slacks = place_slack(build(load(folder / "p.yaml")), played.root, played.span)
    assert slacks == {"s0": 3.0, "s2": 0.0}
