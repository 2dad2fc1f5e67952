"""Times of a call: when it was ready, waited, began, computed, had published."""

from __future__ import annotations

import json

from engine_support import fault, play

from radps_dag.facts import (
    NodeFailed,
    NodeStarted,
    NodeSucceeded,
    Usage,
    as_json,
    from_json,
)


def test_a_call_that_waits_for_a_slot_does_not_run() -> None:
    """With one slot a call begins when the one before it has ended, though both were ready; its
    seconds are those in which it held its slot."""
    run = play(
        """
        stages:
          wide: {for_each: {i: "${{ range(3) }}"}, run: give}
        """,
        slots=1,
    )
    calls = [fact for fact in run.facts if fact.place.startswith("wide[")]
    assert [type(fact) for fact in calls] == [NodeStarted, NodeSucceeded] * 3
    for started, ended in zip(calls[::2], calls[1::2], strict=True):
        assert isinstance(started, NodeStarted) and isinstance(ended, NodeSucceeded)
        usage = ended.usage
        assert usage is not None and usage.ready is not None and started.ready == usage.ready
        assert usage.ready <= usage.started <= usage.began <= usage.computed <= usage.published
        assert ended.seconds >= usage.placed + usage.computing + usage.publishing - 1e-5
    second, last = (fact for fact in calls[3::2] if isinstance(fact, NodeSucceeded))
    assert last.usage is not None and second.usage is not None
    assert last.usage.waited >= second.usage.computing


def test_each_attempt_has_its_usage() -> None:
    """An attempt that failed and one that another follows say what they used; what did not
    call has no usage, nor has a group that fails of it."""
    run = play(
        """
        stages:
          group:
            steps:
              call: {run: give, retries: {max: 1, delay: 0s}, resources: {cpus: 2, memory: 1MB}}
        """,
        faults=[fault("group/call", exception="ValueError", message="no")],
    )
    (again,) = run.retries
    failed = run.failed
    assert again.usage is not None
    usage = failed["group/call"].usage
    assert usage is not None and again.usage.ready is not None and usage.ready is not None
    assert usage.ready >= again.usage.published - 0.05
    assert (usage.slots, usage.cpus, usage.memory) == (2, 2, 1_000_000)
    assert failed["group"].usage is None


def test_usage_is_kept_and_may_be_absent() -> None:
    """A fact comes back from its JSON with its usage; one that was written before has none."""
    usage = Usage(computing=1.5, ready=10.0, waited=0.5, cpu=1.0, rchar=7, slots=2)
    fact = NodeFailed(
        time=12.0, place="a", error="E", message="m", seconds=2.0, usage=usage, ending="failed"
    )
    record = json.loads(json.dumps(as_json(fact)))
    assert from_json(record) == fact
    del record["usage"]
    former = from_json(record)
    assert isinstance(former, NodeFailed) and former.usage is None
