"""What runs at once: slots, memory and graphics processors, taken fairly and all at once."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
from engine_support import fault, play, write
from hypothesis import given
from hypothesis import strategies as st

from radps_dag import loader
from radps_dag.engine.slots import Amount, Slots, Turn
from radps_dag.executors.capacity import Offer, memory_for
from radps_dag.executors.threads import Threads
from radps_dag.facts import NodeSucceeded
from radps_dag.language.model import Resources
from radps_dag.opening import settle
from radps_dag.problem import InvalidPipeline
from radps_dag.workloads.contract.registry import Library

LIBRARY = Library("mine", {})


def test_slots_come_in_the_order_of_asking() -> None:
    """First come, first served: a wide call is not starved by narrow ones."""

    async def whole() -> list[str]:
        slots, order = Slots(2), list[str]()
        await slots.take(Amount(2))

        async def ask(name: str, weight: int) -> None:
            await slots.take(Amount(weight))
            order.append(name)
            slots.give(Amount(weight))

        tasks = [asyncio.create_task(ask(*one)) for one in [("wide", 2), ("a", 1), ("b", 1)]]
        await asyncio.sleep(0)
        slots.give(Amount(1))
        await asyncio.sleep(0)
        assert order == []  # a would fit, but wide came first
        slots.give(Amount(1))
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(whole()) == ["wide", "a", "b"]


def test_a_call_that_gives_up_its_place_in_the_queue() -> None:
    """Whoever is cancelled while he waits takes nothing with him, whenever that happens."""

    async def whole() -> None:
        slots = Slots(1)
        await slots.take(Amount(1))
        waiting = asyncio.create_task(slots.take(Amount(1)))
        following = asyncio.create_task(slots.take(Amount(1)))
        await asyncio.sleep(0)
        waiting.cancel()
        # The slot comes free before the cancelled one hears of its end.
        slots.give(Amount(1))
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(following, 5)

    asyncio.run(whole())


def test_a_turn_that_comes_with_the_end_is_given_back() -> None:
    """Whoever is cancelled in the moment his turn comes gives it back."""

    async def whole() -> None:
        slots = Slots(1)
        await slots.take(Amount(1))
        waiting = asyncio.create_task(slots.take(Amount(1)))
        await asyncio.sleep(0)
        slots.give(Amount(1))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(slots.take(Amount(1)), 5)

    asyncio.run(whole())


def test_a_turn_is_taken_and_given_once() -> None:
    """A turn that is taken twice is one turn, and so is one that is given back twice."""

    async def whole() -> None:
        slots = Slots(1)
        turn = Turn(slots, lambda _: Resources())
        await turn.take()
        await asyncio.wait_for(turn.take(), 5)
        turn.give()
        turn.give()
        await slots.take(Amount(1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slots.take(Amount(1)), 0.01)

    asyncio.run(whole())


@pytest.mark.parametrize(("cpus", "weight"), [(0.1, 1), (1, 1), (1.5, 2), (2, 2), (2.5, 3), (9, 4)])
def test_the_weight_of_a_call(cpus: float, weight: int) -> None:
    """A call weighs the processors it asks for, whole ones, from one to all."""
    assert Slots(4).amount(Resources(cpus=cpus)) == Amount(weight)


def test_memory_and_gpus_are_held_too() -> None:
    """A call waits for each quantity that it asks for, and others pass that need none of it."""

    async def whole() -> list[str]:
        slots, order = Slots(5, memory=8, gpus=1), list[str]()
        await slots.take(Amount(1, 6, 1))

        async def ask(name: str, amount: Amount) -> None:
            await slots.take(amount)
            order.append(name)

        asked = [("gpu", Amount(1, 0, 1)), ("large", Amount(1, 4)), ("small", Amount(1, 2))]
        tasks = [asyncio.create_task(ask(*one)) for one in asked]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        # `small` would fit into the memory that is free, but `large` waits for that.
        assert order == []
        tasks.append(asyncio.create_task(ask("none", Amount(1))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert order == ["none"]
        slots.give(Amount(1, 6, 1))
        await asyncio.gather(*tasks)
        return order

    assert asyncio.run(whole()) == ["none", "gpu", "large", "small"]


def test_who_asks_for_more_than_there_is_takes_all() -> None:
    """No request waits for what can never come."""
    slots = Slots(4, memory=8, gpus=0)
    assert slots.amount(Resources(cpus=9, memory=20, gpus=2)) == Amount(4, 8, 0)
    assert slots.amount(Resources(memory=3)) == Amount(1, 3, 0)


@dataclass
class _Asker:
    """A call of the property test."""

    amount: Amount
    task: asyncio.Task[None] | None = None
    held: bool = False


AMOUNTS = st.builds(Amount, st.integers(1, 4), st.integers(0, 8), st.integers(0, 2))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), AMOUNTS),
        st.tuples(st.just("give"), st.integers(0, 30)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
    ),
    max_size=60,
)


@given(STEPS)
def test_no_call_starves_and_none_gets_what_is_not_there(
    steps: list[tuple[str, Amount | int]],
) -> None:
    """Whatever is asked, given back and cancelled in whatever order: never is more taken than there
    is; who waits could start if only those before it ended; in the end all have run."""
    there = Amount(4, 8, 2)

    async def hold(slots: Slots, asker: _Asker) -> None:
        await slots.take(asker.amount)
        asker.held = True

    async def settle() -> None:
        for _ in range(4):
            await asyncio.sleep(0)

    async def whole() -> None:
        slots, askers = Slots(4, 8, 2), list[_Asker]()
        for what, which in [*steps, *[("give", 0)] * len(steps)]:
            running = [one for one in askers if one.held]
            waiting = [one for one in askers if not one.held]
            if isinstance(which, Amount):
                asker = _Asker(which)
                asker.task = asyncio.create_task(hold(slots, asker))
                askers.append(asker)
            elif what == "give" and running:
                ended = running[which % len(running)]
                askers.remove(ended)
                slots.give(ended.amount)
            elif what == "cancel" and waiting:
                gone = waiting[which % len(waiting)]
                askers.remove(gone)
                assert gone.task is not None
                gone.task.cancel()
            await settle()
            taken = sum((one.amount for one in askers if one.held), Amount(0))
            assert taken.fits(there)
            for number, one in enumerate(askers):
                if not one.held:
                    after = [later.amount for later in askers[number + 1 :] if later.held]
                    assert sum(after, one.amount).fits(there), "who came later keeps it waiting"
            first = next((one for one in askers if not one.held), None)
            assert first is None or not first.amount.fits(there - taken), "it could run"
        assert not [one for one in askers if not one.held]

    asyncio.run(whole())


def test_resources_bound_what_runs_at_once() -> None:
    """Calls that ask for half of the memory run two at a time, however many slots there are."""
    text = """
        stages:
          wide:
            for_each: {i: "${{ range(6) }}"}
            run: meet
            resources: RESOURCES
    """
    for resources in ("{memory: 4GB}", "{gpus: 1}"):
        run = play(text.replace("RESOURCES", resources), slots=6, memory=8_000_000_000, gpus=2)
        assert (run.status, run.board.most) == ("succeeded", 2)


def test_calls_of_a_lock_run_one_by_one() -> None:
    """However many slots there are, and from whichever node they come; others run meanwhile."""
    text = """
        stages:
          a: {for_each: {i: "${{ range(4) }}"}, run: meet, batch: 2, with: {size: 1}, resources: L}
          b: {run: meet, with: {size: 1}, resources: L}
          free: {for_each: {i: "${{ range(2) }}"}, run: meet, with: {party: free}}
    """
    run = play(text.replace("L}", "{locks: [archive, disk]}}"), slots=6)
    assert run.status == "succeeded"
    locked = [fact.usage for fact in run.all(NodeSucceeded) if fact.place[0] in "ab" and fact.usage]
    times = sorted((usage.started, usage.published) for usage in locked)
    assert len(times) == 5
    assert all(end <= begin + 1e-3 for (_, end), (begin, _) in pairwise(times))


def test_who_waits_for_a_lock_keeps_nothing_from_others() -> None:
    """The slots are for those that can run; and when the lock comes free, it is the turn of who has
    waited for it, before those that came later."""

    async def whole() -> list[str]:
        slots, order = Slots(1), list[str]()
        await slots.take(Amount(1), ("archive",))

        async def ask(name: str, locks: tuple[str, ...]) -> None:
            await slots.take(Amount(1), locks)
            order.append(name)
            await asyncio.sleep(0)
            slots.give(Amount(1), locks)

        asked = [("first", ("archive",)), ("second", ("archive", "disk")), ("free", ())]
        tasks = [asyncio.create_task(ask(*each)) for each in [*asked, ("late", ())]]
        await asyncio.sleep(0)
        slots.give(Amount(1), ("archive",))
        await asyncio.wait_for(asyncio.gather(*tasks), 5)
        return order

    order = asyncio.run(whole())
    assert order[0] in ("first", "free")
    assert order.index("first") < order.index("second") and order.index("first") < 2


def test_locks_of_who_gives_up_come_free() -> None:
    """Also those that it held already while it waited for another."""

    async def whole() -> None:
        slots = Slots(2)
        await slots.take(Amount(1), ("b",))
        waiting = asyncio.create_task(slots.take(Amount(1), ("a", "b")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(slots.take(Amount(1), ("a",)), 5)

    asyncio.run(whole())


def test_a_further_attempt_asks_for_more() -> None:
    """`attempt` counts from 1; what is asked for is in the usage of each attempt."""
    text = """
        stages:
          a:
            run: give
            retries: {max: 2}
            resources: {memory: "${{ 2 * attempt }}GB", walltime: "${{ 10 * attempt }}m"}
    """
    struck = fault("a", exception="MemoryError", attempts=2)
    run = play(text, memory=6 * 10**9, faults=[struck])
    asked = [fact.usage for fact in (*run.retries, *run.all(NodeSucceeded)) if fact.usage]
    assert [usage.memory for usage in asked] == [2 * 10**9, 4 * 10**9, 6 * 10**9]


def test_what_only_the_run_could_show() -> None:
    """A call that turns out to ask for more than there is, or for what is no amount, fails by name
    before it is made, and is not tried again."""
    text = """
        stages:
          before: {run: give, with: {value: VALUE}}
          a:
            run: give
            retries: {max: 2}
            resources: {memory: "${{ stages.before.value }}"}
    """
    run = play(text.replace("VALUE", "64GB"), memory=6 * 10**9)
    assert run.error == (
        "a: ResourcesMissing: it asks for 64 GB of memory; executor 'threads' offers 6 GB; ask for "
        "less, or say with --memory what there is"
    )
    assert not run.retries and run.board.counts["give"] == 1
    run = play(text.replace("VALUE", "much"))
    assert "`memory` must be an amount of memory such as 4GB or 512MiB" in run.error


def test_the_walltime_ends_a_call() -> None:
    """What a call has asked a machine for is all the time that it gets; the shorter of two limits
    counts."""
    text = """
        stages:
          a: {run: give, timeout: TIMEOUT, resources: {walltime: 50ms}}
    """
    slow = fault("a", delay=20.0)
    run = play(text.replace("TIMEOUT", "10s"), faults=[slow])
    assert run.error == "a: TimeoutError: not finished after 0.05 s, its walltime"
    run = play(text.replace("TIMEOUT", "20ms"), faults=[slow])
    assert run.error == "a: TimeoutError: not finished after 0.02 s"


def test_what_can_never_run_is_refused(tmp_path: Path) -> None:
    """Each call that asks for more than there is, with its line, what it asks and who offers what;
    calls that do not run are left alone."""
    text = """
        stages:
          a:
            steps:
              b: {run: give, resources: {memory: 64GB, gpus: 1}}
          c: {run: give, resources: {memory: 1GB, cpus: 99}}
          d: {run: give, resources: {gpus: 3}}
    """
    pipeline = loader.load(write(tmp_path, text))
    little = Offer("threads", 16_000_000_000, 0).refusals
    with pytest.raises(InvalidPipeline) as caught:
        settle(pipeline, LIBRARY, {}, stages=["a", "c"], refusals=little)
    assert [(one.at.line, one.message) for one in caught.value.problems] == [
        (
            7,
            (
                "'b' asks for 1 GPU; executor 'threads' offers 0; say with --gpus how many there "
                "are, or take a machine that has them"
            ),
        ),
        (
            7,
            (
                "'b' asks for 64 GB of memory; executor 'threads' offers 16 GB; ask for less, or "
                "say with --memory what there is"
            ),
        ),
    ]
    settle(pipeline, LIBRARY, {}, refusals=Offer("threads", 64_000_000_000, 3).refusals)


def test_the_memory_of_this_machine() -> None:
    """It is known, and of a size that machines have; it does not bound what computes elsewhere."""
    assert 10**8 < memory_for(Threads.capabilities) < 10**15
    assert memory_for(replace(Threads.capabilities, here=False)) == sys.maxsize


def test_what_calls_wait_for() -> None:
    """Each call in the queue names the first quantity that is short, with what is kept for those
    before it; one that waits for a lock names the call that holds it, and one that gives up is
    gone."""
    gb = 10**9

    async def whole() -> None:
        slots = Slots(3, memory=16 * gb, gpus=1)
        await slots.take(Amount(1, 10 * gb, 1), ("ms-1",), place="calibrate[2]")
        asked = [
            ("image", Amount(1, 8 * gb), ()),
            ("small", Amount(1, 1 * gb), ()),
            ("mask", Amount(1, 0, 1), ()),
            ("wide", Amount(3), ()),
            ("flag", Amount(1), ("ms-1",)),
        ]
        tasks = [
            asyncio.create_task(slots.take(amount, locks, place=place))
            for place, amount, locks in asked
        ]
        await asyncio.sleep(0)
        assert [(wait.place, wait.resource, wait.words) for wait in slots.waits()] == [
            ("image", "memory", "memory, 8 GB of 16 GB"),
            ("small", "memory", "memory, 1 GB of 16 GB"),
            ("mask", "gpus", "1 of 1 GPU"),
            ("wide", "slots", "3 of 3 slots"),
            ("flag", "lock", "lock ms-1, held by calibrate[2]"),
        ]
        assert (slots.waiting, slots.taken) == (5, 1)
        tasks[0].cancel()
        tasks[4].cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [wait.place for wait in slots.waits()] == ["mask", "wide"]
        for task in tasks:
            task.cancel()

    asyncio.run(whole())
