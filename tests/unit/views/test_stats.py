"""Statistics of what the nodes of a run used."""

from __future__ import annotations

from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from radps_dag.facts import Fact, NodeStarted, NodeSucceeded, Retrying, Usage
from radps_dag.progress.state import fold
from radps_dag.views.calls import NodeViews
from radps_dag.views.stats import flat, node_stats

T = 100.0


def call(place: str, *usages: Usage | None) -> list[Fact]:
    """A call with an attempt for each usage, the last of which succeeds."""
    facts: list[Fact] = [NodeStarted(time=T, place=place, kind="task", workload="w", ready=T - 1)]
    for number, usage in enumerate(usages[:-1], 2):
        facts.append(
            Retrying(
                time=T + number, place=place, attempt=number, attempts=9, delay=0.0, error="E",
                message="", usage=usage,
            )
        )  # fmt: skip
    facts.append(NodeSucceeded(time=T + 50, place=place, outputs={}, seconds=1.0, usage=usages[-1]))
    return facts


def stats(facts: list[Fact]) -> list[dict[str, object]]:
    views = NodeViews("r")
    for fact in facts:
        views.apply(fact)
    return [flat(node) for node in node_stats(views.places.values())]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=8), st.integers(0, 3))
def test_all_attempts_count(seconds: list[float], former: int) -> None:
    """A node has the median, maximum and sum of all attempts of its instances that were measured;
    one that was not measured counts as an attempt and in nothing else."""
    facts = [
        fact
        for n, value in enumerate(seconds)
        for fact in call(f"a/clean[i={n}]", *[None] * former, Usage(computing=value, ready=T))
    ]
    (row,) = stats(facts)
    assert (row["node"], row["workload"]) == ("a/clean", "w")
    assert row["attempts"] == len(seconds) * (1 + former)
    assert row["measured"] == len(seconds)
    assert row["seconds_median"] == median(seconds)
    assert row["seconds_maximum"] == max(seconds)
    assert row["seconds_sum"] == sum(seconds)
    assert row["peak_rss_maximum"] is None and row["cpu_seconds_sum"] is None


def test_a_run_from_before_is_not_measured() -> None:
    """Calls of which the journal says nothing have no numbers, and the attempts count."""
    (row,) = stats(call("a", None))
    assert (row["attempts"], row["measured"], row["seconds_sum"]) == (1, 0, None)


def test_an_attempt_begins_when_it_has_its_slots() -> None:
    """An attempt was ready, waited, and started when it got its slots, also a further one."""
    usages = [
        Usage(computing=1.0, ready=T, waited=2.0),
        Usage(computing=1.0, ready=T + 9, waited=3.0),
    ]
    views = NodeViews("r")
    for fact in call("a", *usages):
        views.apply(fact)
    first, second = views.places["a"].attempts
    assert (first.ready, first.started) == (T, T + 2)
    assert (second.ready, second.started) == (T + 9, T + 12)


def test_what_waits_for_its_turn_does_not_run() -> None:
    """A group in which no call runs awaits its turn; one with a call that runs does not, nor
    does one that has ended."""
    begun: list[Fact] = [
        NodeStarted(time=T, place="wide", kind="fan_out", total=2),
        NodeStarted(time=T, place="wide[0]", kind="group"),
        NodeStarted(time=T, place="wide[1]", kind="group"),
    ]
    runs = NodeStarted(time=T, place="wide[1]/call", kind="task")
    ends = NodeSucceeded(time=T, place="wide[0]", outputs={}, seconds=1.0)
    for facts, waiting in (
        (begun, {"[0]", "[1]"}),
        ([*begun, runs], {"[0]"}),
        ([*begun, runs, ends], set()),
    ):
        wide = fold(facts).root.children["wide"]
        assert {one.label for one in wide.active.values() if one.awaits_turn} == waiting
