"""Efficiency of runs whose times are known."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.report.efficiency import Held, Stretch, efficiency

CALLS = st.lists(
    st.tuples(
        st.floats(0, 20), st.floats(0, 2), st.floats(0.01, 9), st.floats(0, 2), st.integers(1, 3)
    ),
    min_size=1,
    max_size=30,
)


def scheduled(calls: list[tuple[float, float, float, float, int]], slots: int) -> list[Held]:
    """The calls as a run makes them: each takes its slots when it is ready and they are free."""
    free, now = slots, 0.0
    busy: list[tuple[float, int]] = []
    held = []
    for ready, placed, computing, publishing, wanted in calls:
        taken = min(wanted, slots)
        now = max(now, ready)
        while busy and (busy[0][0] <= now or free < taken):
            end, given_back = heapq.heappop(busy)
            now, free = max(now, end), free + given_back
        began = now + placed
        one = Held(now, began, began + computing, began + computing + publishing, taken)
        free -= taken
        heapq.heappush(busy, (one.published, taken))
        held.append(one)
    return held


@given(CALLS, st.integers(1, 5), st.floats(0, 10), st.lists(st.floats(0.1, 30), max_size=2))
def test_the_slots_add_up(
    calls: list[tuple[float, float, float, float, int]],
    slots: int,
    rest: float,
    pauses: list[float],
) -> None:
    """Computing, publishing, waiting and idle are all the time of all slots, also of a run that was
    interrupted and resumed."""
    held: list[Held] = []
    stretches: list[Stretch] = []
    begin = 1000.0
    for pause in (0.0, *pauses):
        begin += pause
        some = [
            Held(
                *(begin + time for time in (one.started, one.began, one.computed, one.published)),
                one.slots,
            )
            for one in scheduled(calls, slots)
        ]
        end = max(one.published for one in some) + rest
        held += some
        stretches.append(Stretch(begin, end, slots))
        begin = end
    result = efficiency(held, stretches)
    assert result is not None
    parts = result.computing + result.publishing + result.waiting + result.idle
    assert parts == pytest.approx(slots * result.wall, rel=0.01)
    assert result.idle >= -1e-6
    assert 0 <= result.end_to_end <= result.map_reduce + 1e-6 <= 1 + 1e-5
    assert result.ideal <= result.wall + 1e-6


def test_ramp_and_stragglers() -> None:
    """Of two slots the second begins after 2 s and the first has the straggler of 3 s."""
    held = [Held(0, 1, 9, 10), Held(2, 2, 6, 6)]
    result = efficiency(held, [Stretch(0, 10, 2)])
    assert result is not None
    assert (result.computing, result.publishing, result.waiting, result.idle) == (12, 1, 1, 6)
    assert (result.ramp, result.tail) == (2, 4)
    assert (result.ideal, result.end_to_end, result.map_reduce) == (6, 0.6, 0.6)


def test_nothing_is_claimed_of_what_was_not_measured() -> None:
    """Without the number of slots, or without a call, there is no efficiency."""
    assert efficiency([Held(0, 1, 2, 3)], [Stretch(0, 3, 0)]) is None
    assert efficiency([], [Stretch(0, 3, 2)]) is None
