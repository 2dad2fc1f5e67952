"""The context as a plan foresees it: what is used again is there, what will run is not known."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from radps_dag.context.visibility import Link
from radps_dag.engine.live_context import LiveContext
from radps_dag.facts import Iterated, NodeStarted, NodeSucceeded
from radps_dag.reuse.cache import ResultCache
from radps_dag.reuse.query import CachedResult, CacheQuery

__all__ = ["PlannedContext"]


class PlannedContext:
    """The context that a run would have at each node, empty if no workload asks for it."""

    def __init__(self, live_context: LiveContext | None) -> None:
        self._knowing = live_context
        self._will_run: dict[str, bool] = {}  # place -> whether it may add to the context
        self._last: tuple[tuple[Link, int, bool], str] | None = None

    def expect(
        self, result_cache: ResultCache, asked: CacheQuery, link: Link | None
    ) -> tuple[CachedResult | None, str]:
        """Predict the result that the call will find; None, and the reason, if it has to run."""
        result = result_cache.expect(asked)
        if result is not None and result.made.reads and self._knowing is not None:
            if source := self._doubtful(link, result.made.reads):
                return None, f"upstream {source} will run, and this reads the context"
            asked = replace(asked, context=self._knowing.snapshot(link))
            result = result_cache.expect(asked)
        if result is None:
            return None, result_cache.why(asked)
        self._reused(asked, result)
        return result, ""

    def looped(self, place: str, iteration: int, kept: int, outputs: Mapping[str, Any]) -> None:
        """All of a loop is known."""
        now = time.time()
        ended = Iterated(
            time=now, place=place, iteration=iteration, cap=iteration, score=None, kept=kept
        )
        self._hear(ended, NodeSucceeded(time=now, place=place, outputs=outputs, seconds=0.0))

    def will_run(self, place: str, *, adds: bool) -> None:
        """Note a call that will run, and whether it adds to the context."""
        self._will_run[place] = adds

    def _doubtful(self, link: Link | None, reads: Mapping[str, str]) -> str:
        """The place of what will run and may change what a call has read, "" if there is none."""
        products = any(query.startswith("products") for query in reads)
        values = any(not query.startswith(("products", "declared")) for query in reads)
        if self._knowing is None or link is None or not (products or values):
            return ""
        asked = (link, len(self._will_run), products)
        if self._last is None or self._last[0] != asked:  # instances all ask the same
            sees = self._knowing.sight.sees
            may = (place for place, adds in self._will_run.items() if products or adds)
            self._last = asked, next((place for place in may if sees(link, place)), "")
        return self._last[1]

    def _reused(self, asked: CacheQuery, result: CachedResult) -> None:
        """A call is found to have been made."""
        if self._knowing is None:
            return
        place, now = asked.place, time.time()
        self._hear(
            NodeStarted(
                time=now,
                place=place,
                kind="task",
                workload=asked.workload.name,
                source=asked.source,
                inputs=asked.arguments,
            ),
            NodeSucceeded(
                time=now,
                place=place,
                outputs=result.outputs,
                seconds=result.seconds,
                made=result.made,
            ),
        )

    def _hear(self, *facts: Any) -> None:
        if self._knowing is not None:
            self._knowing.on_fact(facts)
