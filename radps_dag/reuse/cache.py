"""Look-up of earlier results: a call whose key is in the journal need not be made again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from radps_dag.context.visibility import Link, Visibility
from radps_dag.facts import Made, NodeFailed, NodeStarted, NodeSucceeded
from radps_dag.faults import Faults
from radps_dag.journal.rows import CHANGES, Row
from radps_dag.journal.store import Store
from radps_dag.outcome import NodeError
from radps_dag.problem import RadpsDagError
from radps_dag.reuse.earlier import EarlierRuns
from radps_dag.reuse.in_place import InPlace
from radps_dag.reuse.keys import Keys
from radps_dag.reuse.query import CachedResult, CacheQuery, Policy, around, patterns
from radps_dag.reuse.reasons import became, differences, from_outside, read_otherwise, unseen
from radps_dag.reuse.results import Results
from radps_dag.reuse.revisions import Revisions
from radps_dag.reuse.verification import damage_in, dependencies_of
from radps_dag.workloads.contract.changing import addresses
from radps_dag.workloads.contract.description import Workload
from radps_dag.workloads.contract.knowledge import Snapshot

__all__ = ["CacheQuery", "CachedResult", "Policy", "ResultCache", "Results", "patterns"]


class ResultCache:
    """Finds results of earlier calls: of this run before it stopped, then of other runs."""

    def __init__(
        self, store: Store, keys: Keys, run: str, pipeline: str, policy: Policy, faults: Faults
    ) -> None:
        self.keys = keys
        self.store = store
        self._run = run
        self._policy = policy
        self._faults = faults
        self._runs = EarlierRuns(store, run, pipeline, others_count=policy.reuse)
        self._own = self._runs.own
        self._contents_of: set[str] = set()
        self._again: set[str] = set()
        self.revisions = Revisions(Visibility())
        self.in_place = InPlace(store, run, self._runs.leave_out)
        self.in_place.on_fact(store.fact(row) for row in self._own.in_place)
        keys.look_up = self._learn_contents
        keys.altered = self.in_place.is_others
        keys.changed = self.in_place.path_of_others
        keys.before = lambda uri: self.in_place.before(uri, keys.now_outside)

    def begin(self, sight: Visibility, adopted: Mapping[str, str]) -> None:
        """A run, or a plan of one, begins: `adopted` are the runs of stages that it does not do."""
        self.revisions = Revisions(sight)
        for stage, run in adopted.items():
            for place, row in self._runs.results(run).made.items():
                if around(place)[0].partition("[")[0].partition("#")[0] == stage:
                    self.note(place, self._known(row))

    async def look(self, place: str, arguments: Mapping[str, Any]) -> None:
        """Look at what a call is given from outside, which may take a while. Raises NodeError."""
        if self.keys.knows_all(arguments):
            return
        try:
            await asyncio.to_thread(self.keys.from_outside, arguments)
        except RadpsDagError as error:
            raise _failure(place, error) from error

    def ask(
        self,
        place: str,
        workload: Workload,
        arguments: Mapping[str, Any],
        seed: str,
        cached: bool,
        context: Snapshot | None = None,
        link: Link | None = None,
    ) -> CacheQuery:
        """The call with its key; `link` is where it stands in the graph. Raises NodeError."""
        revisions = self.revisions.seen(link, place)
        try:
            key = self.keys.key(workload, arguments, seed, revisions.values())
        except RadpsDagError as error:
            raise _failure(place, error) from error
        source = self.keys.source(workload)
        named = [arguments.get(name) for name in workload.changes]
        changes: set[str] = set()
        for address in addresses(named) if named else ():
            changes.update(self.keys.entries(address))
        return CacheQuery(
            place=place,
            workload=workload,
            arguments=arguments,
            key=key,
            source=source,
            cached=cached,
            context=context,
            revisions=revisions,
            changes=tuple(sorted(changes)),
        )

    def note(self, place: str, result: CachedResult) -> None:
        """Take note that a result is used again."""
        if result.made.revision:
            self.revisions.note(place, result.made.revision)

    def find(self, asked: CacheQuery) -> CachedResult | None:
        """Find the reusable result of such a call, without a look at its files."""
        return next(self._found(asked), None)

    def _found(self, asked: CacheQuery) -> Iterator[CachedResult]:
        """All that such calls made and that may be used again, each lying elsewhere: where the
        files of the latest are gone, those of an earlier one may be there."""
        seen: set[str] = set()
        for row in self._rows(asked):
            result = self._fitting(row, asked)
            if result is not None and result.made.workdir not in seen:
                seen.add(result.made.workdir)
                yield result

    def _rows(self, asked: CacheQuery) -> Iterator[Row]:
        if self._policy.forces(asked.place) or self._is_again(asked.place) or asked.upstream:
            return
        own = self._own.made.get(asked.place)
        if own is not None:
            yield own
        if self._barred(asked):
            return
        if (row := self._runs.at(asked.place)) is not None:
            yield row
        yield from self._runs.with_key(asked.key, asked.place)

    def _barred(self, asked: CacheQuery) -> str:
        """Say why results of other runs may not be used for a call; "" if they may."""
        struck = "a fault may strike it" if self._faults.strikes(asked.place) else ""
        return self._policy.bars(asked) or struck

    @property
    def damaged(self) -> dict[str, str]:
        """Runs of which nothing is used again, and why."""
        return self._runs.damaged

    def tell(self, warn: Callable[[str], object]) -> None:
        """Have it called, once for each, with the runs of which nothing is used again."""
        self._runs.tell(warn)

    @property
    def empty(self) -> bool:
        """Whether there is nothing that could be used again."""
        return not self._own.made and not (self._policy.reuse and self._runs.others)

    def had(self, place: str) -> bool:
        """Whether this run had made the call of a place before it was resumed."""
        return place in self._own.made

    def interrupted(self, asked: CacheQuery) -> bool:
        """Whether the process that drove this run before went while it made the call."""
        return asked.place in self._own.going and not self._policy.forces(asked.place)

    def had_snapshots(self, asked: CacheQuery) -> bool:
        """Whether the call that was interrupted had begun as this one would: after snapshots."""
        rows = [row for row in self._own.in_place if row.place == asked.place]
        begun = next((row for row in reversed(rows) if row.key == CHANGES), None)
        fact = None if begun is None else self.store.fact(begun)
        return (
            bool(asked.workload.snapshot)
            and isinstance(fact, NodeStarted)
            and fact.source == asked.source
        )

    def expect(self, asked: CacheQuery) -> CachedResult | None:
        """Predict the result that a lookup will find, by the sizes of its files."""
        for result in self._found(asked):
            if not self._wrong(result, self._grounds(result, asked), thorough=False):
                self.keys.learn(result.made)
                return result
        return None

    def _fitting(self, row: Row, asked: CacheQuery) -> CachedResult | None:
        """The result in a row, if the call would get the same inputs and read the same context."""
        if row.key != asked.key:
            return None
        result = self._known(row)
        return None if any(read_otherwise(result.made, asked, self.keys)) else result

    def round(self, place: str) -> int:
        """Count how often a group around the place has been tried again, in the whole life of this
        run, plus how often the place itself failed because of an answer or a missed deadline.
        """
        again = sum(self._own.rounds[outer] for outer in around(place))
        return again + self._own.decided[place]

    def forget(self, place: str) -> None:
        """Everything inside a group is to be made again: its next attempt begins."""
        self._own.rounds[place] += 1
        self._again.add(f"{place}/")

    def _is_again(self, place: str) -> bool:
        return bool(self._again) and place.startswith(tuple(self._again))

    async def lookup(self, asked: CacheQuery) -> CachedResult | None:
        """Find the result of such a call, if all of it is still there and unchanged."""
        for result in self._found(asked):
            wrong = ""
            dependencies = self._grounds(result, asked)
            if dependencies or result.made.outside:
                # Not to be made again, at the cost of hours, because a server does not answer.
                hint = f"; to make it anew all the same: --force '{asked.place}'"
                try:
                    wrong = await asyncio.to_thread(self._wrong, result, dependencies)
                except RadpsDagError as error:
                    raise _failure(asked.place, error, hint) from error
            if not wrong:
                self.keys.learn(result.made)
                return result
        return None

    def _grounds(self, result: CachedResult, asked: CacheQuery) -> list[Made]:
        return dependencies_of(
            result.made, result.outputs, asked.arguments, asked.context, self.keys
        )

    def _wrong(
        self, result: CachedResult, dependencies: list[Made], *, thorough: bool = True
    ) -> str:
        """Say what is wrong with the data that a result depends on; "" if nothing. Raises
        Unreachable.
        """
        for uri, content in result.made.outside.items():
            if (now := self.keys.outside(uri)) != content:
                return became(uri, now)
        for made in dependencies:
            if wrong := self.in_place.altered(made):
                return wrong
        return damage_in([self.in_place.expected(made) for made in dependencies], thorough=thorough)

    def why(self, asked: CacheQuery) -> str:
        """Say why the call has to be made."""
        if self._policy.forces(asked.place):
            return "forced"
        if asked.upstream:
            return f"upstream {asked.upstream} will run, and changes data in place"
        result = self.find(asked)
        if result is not None:
            return self._wrong(result, self._grounds(result, asked), thorough=False)
        row, begun = self._runs.latest(asked.place)
        if begun is None:
            return "it has not run before"
        if row is None:
            return "it did not end well"
        fact = self.store.fact(begun)
        assert isinstance(fact, NodeStarted)
        reasons = list(differences(asked, fact, self.keys))
        if not reasons and row.key == asked.key:
            reasons = list(dict.fromkeys(read_otherwise(self._known(row).made, asked, self.keys)))
        if not reasons and row.run != self._run:
            reasons = [why] if (why := self._barred(asked)) else []
        if not reasons:
            reasons = list(from_outside(self._known(row).made, asked, self.keys))
        return "; ".join(reasons[:3]) or unseen(asked)

    def _known(self, row: Row) -> CachedResult:
        fact = self.store.fact(row)
        assert isinstance(fact, NodeSucceeded | NodeFailed)
        assert fact.made is not None
        origin = fact.made.origin or row.run
        return CachedResult(fact.outputs, replace(fact.made, origin=origin), fact.seconds, origin)

    def _learn_contents(self, uri: str) -> None:
        """Learn the contents of a run whose products are read while its calls are not asked for."""
        run = self._runs.named_in(uri)
        if run is None or run in self._contents_of:
            return
        self._contents_of.add(run)
        for row in self._runs.results(run).made.values():
            fact = self.store.fact(row)
            if isinstance(fact, NodeSucceeded | NodeFailed) and fact.made is not None:
                self.keys.learn(fact.made)


def _failure(place: str, error: RadpsDagError, hint: str = "") -> NodeError:
    """An error of looking at data, as a failure of the call that is given the data."""
    return NodeError(place, type(error).__name__, f"{error}{hint}")
