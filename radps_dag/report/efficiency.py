"""Attempts and slots to how well the slots were used, in the terms of RADPS.

At each moment a slot computes, publishes, is held for a call that no worker has begun, or is idle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from radps_dag.views.calls import Attempt

__all__ = ["Efficiency", "Held", "Stretch", "efficiency", "held_by"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which a process drove the run, with so many slots."""

    start: float
    end: float
    slots: int


@dataclass(frozen=True, slots=True)
class Held:
    """Slots that one attempt held: they waited for a worker, computed, published."""

    started: float
    began: float
    computed: float
    published: float
    slots: int = 1


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Seconds of slots, by what they did; `wall` are those of the run.

    `ramp` is the time until the first moment at which as many slots computed as ever did, `tail`,
    of the stragglers, the time after the last such moment; `span` the time from the first call's
    begin to the last one's end.
    """

    slots: int
    wall: float
    computing: float
    publishing: float
    waiting: float
    idle: float
    ramp: float
    tail: float
    span: float

    @property
    def ideal(self) -> float:
        """T_ideal = W / p: the time if all slots had computed all the time."""
        return self.computing / self.slots

    @property
    def map_reduce(self) -> float:
        """The share of the slots' time that was computing, from the first call to the last."""
        return self.ideal / self.span if self.span else 0.0

    @property
    def end_to_end(self) -> float:
        """The same of the whole run: T_ideal / makespan."""
        return self.ideal / self.wall if self.wall else 0.0


def held_by(attempt: Attempt, until: float) -> Held | None:
    """The slots that an attempt held, `until` at most; of one that has not said so, as if it had
    computed all the time. None where it never began."""
    usage = attempt.usage
    if usage is not None and usage.ready is not None:
        return Held(usage.started, usage.began, usage.computed, usage.published, usage.slots)
    if attempt.started is None:
        return None
    end = max(attempt.started, until if attempt.ended is None else attempt.ended)
    return Held(attempt.started, attempt.started, end, end)


def efficiency(attempts: Iterable[Held], stretches: Sequence[Stretch]) -> Efficiency | None:
    """The efficiency of the attempts on these slots; None where slots are not known, or no call
    was made."""
    if not stretches or not all(stretch.slots for stretch in stretches):
        return None
    within = [part for held in attempts for part in _within(held, stretches)]
    if not within:
        return None
    ramp, tail = _ramp_and_tail(within, stretches)
    return Efficiency(
        slots=stretches[-1].slots,
        wall=sum(stretch.end - stretch.start for stretch in stretches),
        computing=sum((held.computed - held.began) * held.slots for held in within),
        publishing=sum((held.published - held.computed) * held.slots for held in within),
        waiting=sum((held.began - held.started) * held.slots for held in within),
        idle=_idle(within, stretches),
        ramp=ramp,
        tail=tail,
        span=_length(min(held.started for held in within), max(held.published for held in within),
                     stretches),
    )  # fmt: skip


def _within(held: Held, stretches: Sequence[Stretch]) -> Iterator[Held]:
    """The part of it in which its process drove the run."""
    for stretch in stretches:
        if stretch.start <= held.started < stretch.end:
            yield Held(
                held.started,
                min(held.began, stretch.end),
                min(held.computed, stretch.end),
                min(held.published, stretch.end),
                held.slots,
            )
            return


def _idle(held: Sequence[Held], stretches: Sequence[Stretch]) -> float:
    """Seconds of slots that nobody held, moment by moment."""
    total = 0.0
    for stretch in stretches:
        changes = [(stretch.start, 0), (stretch.end, 0)]
        for each in held:
            if stretch.start <= each.started < stretch.end:
                changes += [(each.started, each.slots), (each.published, -each.slots)]
        now, before = 0, stretch.start
        for time, change in sorted(changes):
            total += max(0, stretch.slots - now) * (time - before)
            now, before = now + change, time
    return total


def _ramp_and_tail(held: Sequence[Held], stretches: Sequence[Stretch]) -> tuple[float, float]:
    changes = sorted(
        change
        for slots in held
        for change in ((slots.began, slots.slots), (slots.computed, -slots.slots))
        if slots.computed > slots.began
    )
    begun, ended = stretches[0].start, stretches[-1].end
    now = most = 0
    first, last = begun, ended
    for time, change in changes:
        if now == most and change < 0:
            last = time
        now += change
        if now > most:
            most, first = now, time
    return _length(begun, first, stretches), _length(last, ended, stretches)


def _length(start: float, end: float, stretches: Sequence[Stretch]) -> float:
    """The time between two moments in which a process drove the run."""
    return sum(max(0.0, min(end, stretch.end) - max(start, stretch.start)) for stretch in stretches)
