"""A run's rows to its state: once, or again and again while it goes on."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator
from pathlib import Path

from radps_dag.facts import Fact, Listener, RunEnded, RunStarted
from radps_dag.journal.claims import driver_of
from radps_dag.journal.store import Store
from radps_dag.language import source
from radps_dag.problem import Source
from radps_dag.progress.state import RunState

__all__ = ["GONE", "Following", "stages_of", "state_of"]

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
        for row in self._store.rows(self._run, self._seen):
            fact = self._store.fact(row)
            self._seen, self._last = row.seq, fact.time
            if isinstance(fact, RunStarted):
                self.start, self.end = fact, None
            elif isinstance(fact, RunEnded):
                self.end = fact
            yield fact

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


def state_of(
    following: Following, *, forgetful: bool = True, on_fact: Listener = lambda _: None
) -> RunState:
    """The state of a run now; one whose process is gone is interrupted. `on_fact` gets each fact
    of the journal too, so that whoever needs more of them reads it once."""
    state = RunState(forgetful=forgetful)
    with _no_collection():
        for fact in following.news():
            if isinstance(fact, RunStarted) and state.run is None:
                state.expect(stages_of(fact))
            state.apply(fact)
            on_fact(fact)
        if following.end is None and not following.driver:
            for fact in following.news():
                state.apply(fact)
                on_fact(fact)
            if following.end is None:
                state.apply(following.gone())
    return state


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
