"""What used earlier results is shown as reused, and a run that was resumed as one run."""

from __future__ import annotations

import io
from collections.abc import Iterable

from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.facts import (
    Fact,
    Iterated,
    Made,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    Noted,
    RunEnded,
    RunStarted,
    Scored,
)
from radps_dag.progress.frame import Frame
from radps_dag.progress.look import ASCII, UNICODE
from radps_dag.progress.plain import Plain
from radps_dag.progress.state import RunState, fold
from radps_dag.progress.summary import result_line, summary

T = 100.0


def begun(generation: int = 1, time: float = T) -> RunStarted:
    return RunStarted(
        time=time, place="", run="r1", pipeline="p", file="p.yaml", params={},
        library="placeholder", executor="threads", seed=1, generation=generation,
    )  # fmt: skip


def over(status: str = "succeeded", time: float = T + 9) -> RunEnded:
    return RunEnded(time=time, place="", status=status, seconds=9.0)  # type: ignore[arg-type]


def group(place: str, kind: str = "group", **more: object) -> NodeStarted:
    return NodeStarted(time=T, place=place, kind=kind, **more)  # type: ignore[arg-type]


def done(place: str) -> NodeSucceeded:
    return NodeSucceeded(time=T + 1, place=place, outputs={}, seconds=0.028)


def call(place: str, origin: str = "", between: Iterable[Fact] = ()) -> list[Fact]:
    """A call that runs, or that uses the result of another run."""
    return [
        NodeStarted(time=T, place=place, kind="task", origin=origin),
        *between,
        NodeSucceeded(
            time=T + 1, place=place, outputs={}, seconds=60.0, made=Made(key="k", origin=origin)
        ),
    ]


def stage(place: str, *inside: list[Fact], kind: str = "group") -> list[Fact]:
    return [group(place, kind), *(fact for facts in inside for fact in facts), done(place)]


def plain(facts: Iterable[Fact]) -> list[str]:
    stream = io.StringIO()
    listen = Plain(stream)
    for fact in facts:
        listen(fact)
    return [line[10:] for line in stream.getvalue().splitlines() if line[:8].strip()[-1:] == "s"]


OLD = stage("old", call("old/a", "r0"), call("old/b", "r0"))
MIXED = stage("mixed", call("mixed/a", "r0"), call("mixed/b"))


def test_calls_are_counted_in_all_they_are_in() -> None:
    """Each group and the run know how many calls in them ran, and how many were not made again."""
    state = fold([begun(), *OLD, *MIXED])
    counts = {node.place: (node.ran, node.reused) for node in state.root.children.values()}
    assert counts == {"old": (0, 2), "mixed": (1, 1)}
    assert (state.root.ran, state.root.reused) == (1, 3)
    assert state.root.children["old"].is_reused
    assert not state.root.children["mixed"].is_reused


def test_calls_of_forgotten_instances_and_iterations_count() -> None:
    """What ended well and was dropped from the tree goes on counting."""
    facts: list[Fact] = [group("a", "fan_out", total=20)]
    for n in range(20):
        facts += call(f"a[{n}]", "r0" if n % 2 else "")
    facts += [group("b", "loop", total=9)]
    for n in range(1, 4):
        facts += stage(f"b#{n}", call(f"b#{n}/x", "r0"))
        facts.append(Iterated(time=T, place="b", iteration=n, cap=9, score=None))
    state = fold(facts)
    assert (state.root.ran, state.root.reused) == (10, 13)


@examples(60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=30))
def test_a_group_that_begins_anew_counts_anew(rounds: list[tuple[str, bool, bool]]) -> None:
    """However often groups begin again, the run counts the calls of the last time each began."""
    state, expected = RunState(), dict[str, tuple[int, int]]()
    for name, first, second in rounds:
        calls = (call(f"{name}/{n}", "r0" if old else "") for n, old in enumerate((first, second)))
        for fact in stage(name, *calls):
            state.apply(fact)
        expected[name] = (2 - first - second, first + second)
    assert state.root.ran == sum(ran for ran, _ in expected.values())
    assert state.root.reused == sum(reused for _, reused in expected.values())


def test_what_did_not_run_says_so_and_shows_no_time() -> None:
    """The tree says `reused` instead of the seconds that the original took."""
    state = fold([begun(), *OLD, *MIXED, *call("alone", "r0")])
    for symbols in (UNICODE, ASCII):
        head, *rows = [line.plain for line in Frame(symbols).lines(state, T + 2, 90, 20)]
        old, mixed, alone = rows
        assert "4 reused, 1 ran" in head
        assert old.split() == [symbols.reused, "old", "reused"]
        assert mixed.split()[:6] == [
            symbols.status["succeeded"],
            "mixed",
            "1",
            "reused,",
            "1",
            "ran",
        ]
        assert mixed.endswith("28ms")
        assert alone.split() == [symbols.reused, "alone", "reused"]


def test_summary_counts_what_was_reused() -> None:
    """The line of the result says how many calls were reused and how many ran, if any were."""
    state = fold([begun(), *OLD, *MIXED, over()])
    assert "3 reused, 1 ran" in result_line(state, UNICODE).plain
    assert "ran" not in result_line(fold([begun(), *call("a"), over()]), UNICODE).plain
    narrow = [line.plain for line in summary(state, 39, UNICODE, wrap=39)]
    assert narrow[1:3] == [" ✓ p succeeded in 9.0s  · run r1", "   3 reused, 1 ran"]


def test_plain_lines_of_a_stage_that_did_not_run() -> None:
    """One line for a stage whose calls were all reused, with their number."""
    assert plain([begun(), *OLD, *call("alone", "r0")])[1:] == [
        "old  reused, 2 calls",
        "alone  reused",
    ]


def test_plain_lines_of_a_stage_that_ran_in_part() -> None:
    """What ran has its lines, its stage and the groups around it too; what did not has none."""
    inner = stage("s/new", call("s/new/x"))
    facts = stage("s", call("s/a", "r0"), stage("s/old", call("s/old/x", "r0")), inner)
    assert plain([begun(), *facts])[1:] == [
        "s  started",
        "s/new  started",
        "s/new/x  started",
        "s/new/x  done in 1m 00s",
        "s/new  done in 28ms",
        "s  done in 28ms, 2 reused, 1 ran",
    ]


def test_plain_tells_good_scores_of_what_ran_alone() -> None:
    """A good score is no news where nothing ran; a low one is told again."""
    good = Scored(time=T, place="s/a", metric="snr", score=0.95, verdict="good")
    low = Scored(time=T, place="s/a", metric="rms", score=0.2, verdict="alert")
    told = plain([begun(), *stage("s", call("s/a", "r0", [good, low]))])[1:]
    assert told == ["s/a  QA rms: 0.20 alert", "s  reused, 1 call"]


def test_plain_lines_of_wide_fan_outs_and_loops_that_did_not_run() -> None:
    """Neither tenths of instances nor iterations are told of what did not run."""
    facts: list[Fact] = [group("s"), group("s/a", "fan_out", total=20)]
    facts += [fact for n in range(20) for fact in call(f"s/a[{n}]", "r0")]
    facts += [done("s/a"), group("s/b", "loop", total=9)]
    for n in (1, 2):
        outcome = "converged" if n == 2 else ""
        facts += call(f"s/b#{n}", "r0")
        facts.append(Iterated(time=T, place="s/b", iteration=n, cap=9, score=1.0, outcome=outcome))
    facts += [done("s/b"), done("s")]
    assert plain([begun(), *facts])[1:] == ["s  reused, 22 calls"]


def test_plain_tells_of_a_failure_where_it_is() -> None:
    """A stage in which nothing ran before something failed is told to have begun."""
    failed = NodeFailed(time=T, place="s/b", error="E", message="m", seconds=0.0)
    facts = [group("s"), *call("s/a", "r0"), failed]
    assert plain([begun(), *facts])[1:] == ["s  started", "s/b  failed after 0ms: E: m"]


FIRST: list[Fact] = [
    begun(),
    *stage("a", call("a/x")),
    Noted(time=T, place="", message="hot", level="warning"),
    group("b"),
    *call("b/x"),
    NodeFailed(time=T + 2, place="b/y", error="E", message="m", seconds=1.0),
    NodeFailed(time=T + 2, place="b", error="E", message="m", seconds=1.0),
    NodeStopped(time=T + 2, place="c", reason="the run stops", seconds=1.0),
    NodeSkipped(time=T + 2, place="d", reason="its condition is false"),
    over("failed"),
]


def test_a_resumed_run_begins_anew_where_it_had_not_succeeded() -> None:
    """Another process restarts the clock; what failed or was stopped waits, what was done stays."""
    state = fold([*FIRST, begun(2, T + 50)])
    statuses = {node.place: node.status for node in state.root.children.values()}
    assert statuses == {"a": "succeeded", "b": "waiting", "c": "waiting", "d": "skipped"}
    assert (state.end, state.warnings, state.root.failures, state.root.failed) == (None, [], 0, 0)
    assert state.root.elapsed(T + 53) == 3.0
    b = state.find("b")
    assert b is not None and (b.error, b.children) == ("", {})


def test_a_resumed_run_is_counted_once() -> None:
    """Calls, iterations and failures of an earlier process are not added to those of the later."""
    looped: list[Fact] = [group("l", "loop", total=3)]
    for n in (1, 2):
        looped += call(f"l#{n}")
        looped.append(Iterated(time=T, place="l", iteration=n, cap=3, score=None))
    again = [
        NodeStarted(time=T, place=f.place, kind=f.kind, total=f.total, origin="r1")
        if isinstance(f, NodeStarted) and f.kind == "task"
        else NodeSucceeded(
            time=T, place=f.place, outputs={}, seconds=60.0, made=Made(key="k", origin="r1")
        )
        if isinstance(f, NodeSucceeded) and f.made
        else f
        for f in [*looped, done("l"), *stage("a", call("a/x"))]
    ]
    last = stage("b", call("b/x", "r1"), call("b/y"))
    state = fold([*FIRST, *looped, begun(2), *again, *last, over()])
    assert (state.root.ran, state.root.reused, state.root.iterations) == (1, 4, 2)
    assert state.root.failures == 0 and state.root.status == "succeeded"


def test_a_stage_that_the_file_no_longer_has_is_dropped() -> None:
    """A stage of an earlier process of which the last one said nothing is none of the pipeline."""
    state = fold([*FIRST, begun(2), *stage("a", call("a/x", "r1")), over()])
    assert list(state.root.children) == ["a"]


def test_a_process_that_went_away_leaves_nothing_running() -> None:
    """Nodes that a killed process had begun do not run when the next one begins."""
    state = fold([begun(), group("a"), group("a/b", "task"), begun(2)])
    assert not state.root.active
    assert [node.status for node in state.root.walk()] == ["waiting"]


def test_everything_may_be_kept() -> None:
    """A state that is not forgetful has every instance and iteration in its tree."""
    facts: list[Fact] = [group("a", "fan_out", total=20)]
    facts += [fact for n in range(20) for fact in call(f"a[{n}]")]
    state = RunState(forgetful=False)
    for fact in facts:
        state.apply(fact)
    assert len(state.root.children["a"].children) == 20
