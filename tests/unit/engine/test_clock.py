"""How long nodes took, without the time in which they waited for people."""

from __future__ import annotations

import pytest

from radps_dag.engine import clock as clocks
from radps_dag.engine.clock import Clock


def test_a_clock_stands_while_nothing_goes_on_but_questions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A question stops the clocks of what it is in, up to where a call is at work beside it."""
    now = [0.0]
    monkeypatch.setattr(clocks.time, "monotonic", lambda: now[0])
    run = Clock()
    stage, other = Clock(run), Clock(run)
    call = Clock(stage)

    def later(seconds: float) -> None:
        now[0] += seconds

    with call.working():
        later(1)
    with call.asking():
        later(100)
        assert (call.took, stage.took, run.took, other.took) == (1, 1, 1, 101)
        with other.working():
            later(10)
        assert (stage.took, run.took) == (1, 11)
        later(100)
    later(2)
    assert (call.took, stage.took, run.took) == (3, 3, 13)


def test_what_ends_with_a_question_open_waits_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the question fails, the clock goes on with what comes after it."""
    now = [0.0]
    monkeypatch.setattr(clocks.time, "monotonic", lambda: now[0])
    clock = Clock()
    with pytest.raises(TimeoutError), clock.asking():
        now[0] += 50
        raise TimeoutError
    now[0] += 3
    assert clock.took == 3
