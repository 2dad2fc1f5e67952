"""Runs in the journal: what this one had made, and what others have that can be used again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from radps_dag.journal.rows import DamagedRun, Row
from radps_dag.journal.store import Store
from radps_dag.reuse.results import Results

__all__ = ["EarlierRuns"]

MOST_RUNS = 5  # earlier runs of the pipeline that are looked through place by place


class EarlierRuns:
    """The results of this run, and of others as far as they are sound: each is read once."""

    def __init__(self, store: Store, run: str, pipeline: str, *, others_count: bool) -> None:
        """`others_count`: whether results of other runs may be used, so that damage matters."""
        self._store = store
        self._run = run
        self._others_count = others_count
        self._checked = False
        self._warn: Callable[[str], object] | None = None
        self.damaged: dict[str, str] = {}  # runs of which nothing is used again, and why
        self.own = Results.of(store, run) if store.head(run) is not None else Results(run)
        heads = store.heads(self.leave_out)
        self._alone = all(head.run == run for head in heads)
        same = [head.run for head in heads if head.pipeline == pipeline and head.run != run]
        self.others = same[:MOST_RUNS]  # of the same pipeline, the newest first
        self._all = {head.run for head in heads}
        self._loaded: dict[str, Results] = {run: self.own}

    def tell(self, warn: Callable[[str], object]) -> None:
        """Have it called, once for each, with the runs of which nothing is used again."""
        self._warn = warn
        for why in self.damaged.values():
            warn(why)

    def leave_out(self, error: DamagedRun) -> None:
        """Take note of a run that is damaged."""
        if not self._checked:
            self._store.check(thorough=True)  # or what this run writes might be lost as well
            self._checked = True
        if self._others_count and error.run not in self.damaged:
            self.damaged[error.run] = error.warning
            if self._warn is not None:
                self._warn(error.warning)

    def results(self, run: str) -> Results:
        """The results of a run; none where it is damaged."""
        if run not in self._loaded:
            try:
                there = self._store.pin(run)
                self._loaded[run] = Results.of(self._store, run) if there else Results(run)
            except DamagedRun as error:
                self.leave_out(error)
                self._loaded[run] = Results(run)
        return self._loaded[run]

    def at(self, place: str) -> Row | None:
        """Find the newest result at a place among the other runs of this pipeline."""
        rows = (self.results(run).made.get(place) for run in self.others)
        return next((row for row in rows if row is not None), None)

    def with_key(self, key: str, place: str) -> Iterator[Row]:
        """The results under the key at the place, of whatever run that is sound as a whole."""
        if self._alone:
            return
        for row in self._store.elsewhere(key, place, self._run, self.leave_out):
            if self.results(row.run).made:  # nothing, where the run is damaged
                yield row

    def latest(self, place: str) -> tuple[Row | None, Row | None]:
        """The latest that was made at a place, and how it had begun."""
        for run in (self._run, *self.others):
            results = self.results(run)
            if place in results.begun:
                return results.made.get(place), results.begun[place]
        return None, None

    def named_in(self, uri: str) -> str | None:
        """The run in whose folder something lies."""
        return next((part for part in uri.split("/") if part in self._all), None)
