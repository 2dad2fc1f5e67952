"""A run's rows to its state: once, or again and again while it goes on."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from radps_dag.facts import Fact, Listener, RunEnded, RunStarted
from radps_dag.journal.claims import driver_of
from radps_dag.journal.rows import Row
from radps_dag.journal.store import Store
from radps_dag.language import source
from radps_dag.problem import Source
from radps_dag.progress.state import RunState
from radps_dag.views.condensed import CountedCall, condensed

__all__ = ["GONE", "Following", "all_of", "stages_of", "state_of"]

GONE = "the process that drove it is gone"

MOMENT = 0.25  # seconds between two looks at the journal
SELDOM = 4  # every so many looks: whether the driver is still there


class Following:
    """Reads what is new in a run's journal."""

    def __init__(self, store: Store, run: str) -> None:
        self._store = store
        self._run = run
        self._seen = 0  # row up to which everything was read
        self._last = 0.0  # time of the latest fact
        self.start: RunStarted | None = None
        self.end: RunEnded | None = None

    @property
    def driver(self) -> str:
        """The process that drives the run, in words; "" if there is none."""
        return driver_of(self._store.workspace.run(self._run), self._store)

    def news(self) -> Iterator[Fact]:
        """Yield the facts that were recorded since the last call. Raises Damaged."""
        return map(self._read, self._store.rows(self._run, self._seen))

    def counts(self) -> Iterator[Fact | CountedCall]:
        """The same, with calls that are only counted for those of which there is no more to say."""
        rows = list(self._store.rows(self._run, self._seen))
        yield from condensed(rows, self._read)
        if rows:
            self._seen, self._last = rows[-1].seq, rows[-1].time

    def _read(self, row: Row) -> Fact:
        fact = self._store.fact(row)
        self._seen, self._last = row.seq, fact.time
        if isinstance(fact, RunStarted):
            self.start, self.end = fact, None
        elif isinstance(fact, RunEnded):
            self.end = fact
        return fact

    def to_end(self, listener: Listener) -> RunEnded:
        """Tell a listener of everything until the run has ended, and return how.

        Of a run whose process goes away without a word, the end is `gone()`, and the listener
        hears nothing of that.
        """
        self._tell(listener)
        before = self.end  # where somebody drives the run all the same, he is about to resume it
        looks = 0
        while self.end is None or self.end is before:
            if looks % SELDOM == 0 and not self.driver:
                self._tell(listener)  # what was stated just before it went
                return self.end or self.gone()
            looks += 1
            time.sleep(MOMENT)
            self._tell(listener)
        return self.end

    def _tell(self, listener: Listener) -> None:
        for fact in self.news():
            listener(fact)

    def gone(self) -> RunEnded:
        """The word that a process which is gone could not say."""
        since = self._last if self.start is None else self.start.time
        return RunEnded(
            time=self._last,
            place="",
            status="interrupted",
            seconds=max(0.0, self._last - since),
            message=GONE,
        )


def state_of(following: Following) -> RunState:
    """The state of a run now, of which what ended well in a fan-out is only counted; if its process
    is gone, it is interrupted."""
    return _folded(following, RunState(), following.counts)


def all_of(following: Following, on_fact: Listener = lambda _: None) -> RunState:
    """The same with every node. `on_fact` gets each fact of the journal too, so that whoever needs
    more of them reads it once."""

    def facts() -> Iterator[Fact]:
        for fact in following.news():
            yield fact
            on_fact(fact)

    return _folded(following, RunState(forgetful=False), facts)


def _folded(
    following: Following, state: RunState, news: Callable[[], Iterable[Fact | CountedCall]]
) -> RunState:
    with _no_collection():
        _apply(state, news())
        if following.end is None and not following.driver:
            _apply(state, news())  # what was recorded just before the driver went
            if following.end is None:
                state.apply(following.gone())
    return state


def _apply(state: RunState, news: Iterable[Fact | CountedCall]) -> None:
    for fact in news:
        if isinstance(fact, CountedCall):
            state.count_call(fact.fan_out, reused=fact.reused, success=fact.success)
            continue
        if isinstance(fact, RunStarted) and state.run is None:
            state.expect(stages_of(fact))
        state.apply(fact)


def stages_of(start: RunStarted) -> list[str]:
    """The stages of the pipeline, as the run recorded its text; none where it did not."""
    text = start.provenance.get("sources", {}).get(Path(start.file).name)
    if not isinstance(text, str):
        return []
    document = source.parse(Source(start.file, text), lambda problem: None)
    data = document.data if document is not None else None
    stages = data.get("stages") if isinstance(data, dict) else None
    return list(stages) if isinstance(stages, dict) else []


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Everything that is made here stays, and looking through it for garbage takes a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
