"""A fan-out: one instance per item, so many at once, and enough of them good."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from radps_dag.checks.declared import declared_outputs
from radps_dag.engine.attempts import NO_RETRY
from radps_dag.engine.run import Body, NodeContext, NodeScope, Result, value_of, whole_number
from radps_dag.engine.tracker import Label, Untracked
from radps_dag.facts.nodes import is_leaf
from radps_dag.language.expression import key_text
from radps_dag.language.model import MOST_INSTANCES, ForEach, Node
from radps_dag.outcome import NodeError, Stopped

__all__ = ["declared", "fan_out", "instances", "with_keys"]

# The body of the instances, by what is asked when one fails: whether the run goes on without it.
One = Callable[[Callable[[], bool]], Body]

MOST_ASIDE = 500  # instances that wait for people and make room; each costs some looks a second


@dataclass(frozen=True, slots=True)
class _Instance:
    """An item with its stable key; `label` is how a place shows it: `spw=2`."""

    index: int
    key: str
    label: str
    each: Mapping[str, Any]


async def fan_out(node: Node, here: NodeContext, body: One, *, tolerated: bool) -> Result:
    """Run every instance; the outputs are lists in item order, failed instances left out."""
    each = node.for_each
    assert each is not None
    every: list[_Instance] = []

    def count() -> int:
        every.extend(instances(each, here))
        return len(every)

    async def work(here: NodeContext) -> Result:
        run = _Fan(node, each, here, body, every, tolerated).run
        if not is_leaf(node.kind) and "/" not in here.place.path:
            # The stage: what people look for. Its instances are shown inside.
            place = here.place
            label = Label(place.path, place.name, node.description, node.tags)
            return await here.tracker.group(label, run)
        return await run()

    return await NodeScope("fan_out", node.description, count, lambda: tolerated).around(here, work)


def instances(each: ForEach, here: NodeContext) -> Iterator[_Instance]:
    """The instances of a fan-out, in item order. Raises NodeError where the items are none."""
    names = [item.name for item in each.items]
    lists = [_items(item.name, value_of(item.value, here), here) for item in each.items]
    total = math.prod(len(items) for items in lists)
    if total > MOST_INSTANCES:
        raise _invalid(here, f"{total} instances are more than {MOST_INSTANCES}")
    seen: dict[str, int] = {}
    for index, items in enumerate(itertools.product(*lists)):
        values = {**dict(zip(names, items, strict=True)), "index": index}
        key, label = _key(each, here, values, names)
        if key in seen:
            raise _invalid(here, f"items {seen[key]} and {index} have the same key {key!r}")
        seen[key] = index
        yield _Instance(index, key, label, values)


def _items(name: str, items: Any, here: NodeContext) -> list[Any]:
    if not isinstance(items, list):
        raise _invalid(here, f"for_each.{name} must be a list, not {items!r:.80}")
    return items


def _key(
    each: ForEach, here: NodeContext, values: Mapping[str, Any], names: list[str]
) -> tuple[str, str]:
    """The key of an instance: what the file says, else its scalar items, else its number."""
    if each.key is not None:
        key = str(value_of(each.key, here.seeing(here.scope.for_item(values))))
        return key, key
    if any(isinstance(values[name], dict | list) for name in names):
        key = str(values["index"])
        return key, key
    texts = [key_text(values[name]) for name in names]
    labels = (f"{name}={text}" for name, text in zip(names, texts, strict=True))
    return ",".join(texts), ",".join(labels)


def _invalid(here: NodeContext, message: str) -> NodeError:
    return NodeError(here.place.name, "FanOutInvalid", message)


class _Fan:
    """The instances of one fan-out while they run."""

    def __init__(
        self,
        node: Node,
        each: ForEach,
        here: NodeContext,
        body: One,
        instances: list[_Instance],
        tolerated: bool,
    ) -> None:
        self._node = node
        self._each = each
        self._here = here
        self._body = body(self._tolerates_one_more)
        self._instances = instances
        self._tolerated = tolerated
        self._results: dict[int, Mapping[str, Any]] = {}  # outputs alone: there may be 100,000
        self._errors: dict[int, NodeError] = {}
        self._aside: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
        self._allowed = len(instances) - _required(each, len(instances), here)

    async def run(self) -> Result:
        limit = self._limit()
        batches = self._batches()
        if self._each.batch > 1:
            turns = _Turns(batches, -(-limit // self._each.batch) + 1, self._batch(limit))
        else:
            turns = _Turns(batches, limit, self._alone)
            if self._each.max_parallel is None:
                # Our own limit is about work. What the file says is about instances.
                self._aside = turns.aside
        await turns.run()
        if len(self._errors) > self._allowed:
            raise self._too_few()
        if len(self._results) + len(self._errors) < len(self._instances):
            raise Stopped(self._here.place.name, self._here.halt.cause)
        return Result(self._outputs())

    def _limit(self) -> int:
        """The maximum of instances at once: as asked, or enough to keep the executor busy."""
        if self._each.max_parallel is None:
            return 2 * self._here.run.slots.capacity.slots + 8
        limit = value_of(self._each.max_parallel, self._here)
        number = whole_number(limit)
        if number is None or number < 1:
            message = f"max_parallel must be an integer of 1 or more, not {limit!r}"
            raise _invalid(self._here, message)
        return number

    def _batches(self) -> Iterator[tuple[_Instance, ...]]:
        instances = iter(self._instances)
        while batch := tuple(itertools.islice(instances, self._each.batch)):
            yield batch

    async def _alone(self, batch: tuple[_Instance, ...]) -> None:
        await self._run_one(self._here, batch[0])

    def _batch(self, limit: int) -> Callable[[tuple[_Instance, ...]], Awaitable[None]]:
        """One call to the tracker for many instances, which run as they would alone."""
        turns = asyncio.Semaphore(limit)
        inside = self._here.tracked(Untracked())

        async def some(instances: Iterator[_Instance]) -> None:
            # A turn is kept until the batch has no more: so all begin in the order of the items.
            async with turns:
                for instance in instances:
                    await self._run_one(inside, instance)

        async def all_of(batch: tuple[_Instance, ...]) -> None:
            async def together(number: int) -> None:
                del number
                left = iter(batch)
                async with asyncio.TaskGroup() as running:
                    for _ in range(min(limit, len(batch))):
                        running.create_task(some(left))

            span = batch[0].label if len(batch) == 1 else f"{batch[0].label} .. {batch[-1].label}"
            place = self._here.place.instance(span)
            label = Label(place.path, place.name, self._node.description, self._node.tags)
            await self._here.tracker.call(label, NO_RETRY, together)

        return all_of

    async def _run_one(self, here: NodeContext, instance: _Instance) -> None:
        # Not started any more: the run stops, or this node has failed whatever else succeeds.
        if here.halt.cause or len(self._errors) > self._allowed:
            return
        place, scope = here.place.instance(instance.label), here.scope.for_item(instance.each)
        inside = here._replace(place=place, scope=scope, aside=self._aside)
        try:
            result = await self._body(inside)
            self._results[instance.index] = result.outputs
        except Stopped:
            return  # neither good nor bad: not done
        except NodeError as error:
            self._errors[instance.index] = error

    def _tolerates_one_more(self) -> bool:
        return self._tolerated or len(self._errors) < self._allowed

    def _outputs(self) -> dict[str, Any]:
        good = [self._results[index] for index in sorted(self._results)]
        names = list(good[0]) if good else declared(self._node, self._here)
        lists: dict[str, Any] = {name: [outputs.get(name) for outputs in good] for name in names}
        return with_keys(
            lists,
            [item.key for item in self._instances if item.index in self._results],
            [item.key for item in self._instances if item.index in self._errors],
        )

    def _too_few(self) -> NodeError:
        first = self._errors[min(self._errors)]
        count, total = len(self._errors), len(self._instances)
        what = f"{count} of {total} instances failed, {self._allowed} may; the first: {first}"
        return NodeError(
            self._here.place.name, "TooFewSucceeded", what, kinds=("TooFewSucceeded", *first.kinds)
        )


class _Turns:
    """Works through batches with so many at once; what is not started costs nothing.

    Whoever steps aside, because a person has to answer, makes room for one more.
    """

    def __init__(
        self,
        batches: Iterator[tuple[_Instance, ...]],
        limit: int,
        work: Callable[[tuple[_Instance, ...]], Awaitable[None]],
    ) -> None:
        self._batches = batches
        self._limit = limit
        self._work = work
        self._aside = 0
        self._at_work = 0
        self._running = asyncio.TaskGroup()

    async def run(self) -> None:
        async with self._running:
            for _ in range(self._limit):
                self._start()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """While somebody inside waits for a person."""
        self._aside += 1
        if self._aside <= MOST_ASIDE:
            self._start()
        try:
            yield
        finally:
            self._aside -= 1

    def _start(self) -> None:
        first = next(self._batches, None)
        if first is not None:
            self._at_work += 1
            self._running.create_task(self._then(self._work(first)))

    async def _then(self, first: Awaitable[None]) -> None:
        await first
        while self._at_work <= self._limit + min(self._aside, MOST_ASIDE):
            batch = next(self._batches, None)
            if batch is None:
                break
            await self._work(batch)
        self._at_work -= 1


def with_keys(lists: dict[str, Any], keys: list[str], failed: list[str]) -> dict[str, Any]:
    """The outputs of a fan-out: lists, with the keys of who stands in them. Instances that have an
    output of the name `keys` keep it."""
    return {"keys": keys, **lists, "failed": failed}


def _required(each: ForEach, total: int, here: NodeContext) -> int:
    """The number of instances that must be good: a share is rounded up, so that 75 % of 5 is 4."""
    if each.percent:
        return math.ceil(each.min_success * total / 100 - 1e-9)
    if total and each.min_success > total:
        raise _invalid(here, f"min_success is {each.min_success:g}, but there are {total} items")
    return min(total, math.ceil(each.min_success))


def declared(node: Node, here: NodeContext) -> list[str]:
    """The names of a node's outputs, for a fan-out over nothing."""
    names = declared_outputs(node, here.run.job.library.workloads) or ()
    return [*names, *(("outcome", "iterations", "history") if node.loop is not None else ())]
