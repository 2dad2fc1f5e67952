"""Progress on the page beside its states: how far loops are, and pictures that were made.

A task of its own tells Prefect, a piece at a time; the run waits for none of it but, at its end,
for a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.exceptions import ObjectNotFound

from radps_dag.facts import Fact, Iterated, NodeFailed, NodeSucceeded
from radps_dag.prefect.artifact_keys import key_of
from radps_dag.prefect.contact import TROUBLE, Contact
from radps_dag.prefect.image_artifacts import Gallery
from radps_dag.prefect.markdown import plain

__all__ = ["Showing"]

EVERY = 2.0  # seconds between two words on the same loop
PATIENCE = 2.0  # seconds that the end of a run waits until all is shown
MOST_LOOPS = 200  # that are shown, of a run


@dataclass(slots=True)
class _Progress:
    fact: Iterated
    artifact: UUID | None = None
    due: float = 0.0
    told: bool = False


@dataclass(slots=True)
class Showing:
    """Hears facts on the run's event loop, and shows what there is to see."""

    contact: Contact
    gallery: Gallery
    report: str = ""  # the address of the run's report, if it has one
    _flow_run: UUID | None = None
    _loops: dict[str, _Progress] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def begin(self, flow_run: str) -> None:
        """Start to show, on the page of this flow run."""
        self._flow_run = self.gallery.flow_run = UUID(flow_run)
        self._task = asyncio.create_task(self._serve())
        if self.report:
            self._news.set()

    def on_fact(self, fact: Fact) -> None:
        """Note what is to be shown."""
        if self._flow_run is None or self.contact.lost:
            return
        if isinstance(fact, Iterated) and (fact.place in self._loops or self._room()):
            loop = self._loops.setdefault(fact.place, _Progress(fact))
            loop.fact, loop.told = fact, False
        elif not isinstance(fact, NodeSucceeded | NodeFailed) or not self.gallery.on_fact(fact):
            return
        self._news.set()

    async def end(self) -> None:
        """Show the last of it, as long as that takes no longer than a moment."""
        if self._task is None:
            return
        # Not cut off in the middle: what was on its way would be there twice.
        self._ended.set()
        self._news.set()
        with contextlib.suppress(TimeoutError, asyncio.CancelledError, *TROUBLE):
            await asyncio.wait_for(self._task, PATIENCE)

    @property
    def _waits(self) -> bool:
        return (
            bool(self.report)
            or self.gallery.waits
            or any(not loop.told for loop in self._loops.values())
        )

    def _room(self) -> bool:
        return len(self._loops) < MOST_LOOPS

    async def _serve(self) -> None:
        await self._news.wait()
        if self._ended.is_set() and not self._waits:
            return
        async with get_client() as client:
            while not self.contact.lost:
                await self._news.wait()
                self._news.clear()
                last = self._ended.is_set()
                with contextlib.suppress(*TROUBLE):
                    await self._once(client, at_once=last)
                if last:
                    return
                if self._waits:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._ended.wait(), EVERY / 4)
                    self._news.set()

    async def _once(self, client: PrefectClient, at_once: bool) -> None:
        if self.report:
            await self._link(client)
        await self.gallery.show(client, at_once)
        for loop in list(self._loops.values()):
            if not loop.told and (at_once or time.monotonic() >= loop.due):
                await self._tell(client, loop)

    async def _link(self, client: PrefectClient) -> None:
        """Put the address of the report on the page of the run, once."""
        address, self.report = self.report, ""
        await client.create_artifact(
            ArtifactCreate(
                key="report",
                type="markdown",
                description="What happened in this run",
                data=f"[Report of this run]({address})",
                flow_run_id=self._flow_run,
            )
        )

    async def _tell(self, client: PrefectClient, loop: _Progress) -> None:
        fact = loop.fact
        # An update must not be lost to one that comes while it is told.
        loop.told, loop.due = True, time.monotonic() + EVERY
        percent = 100.0 if fact.outcome else min(100.0, 100.0 * fact.iteration / fact.cap)
        words = _words(fact)
        if loop.artifact is None:
            created = await client.create_artifact(
                ArtifactCreate(
                    key=key_of("loop", fact.place),
                    type="progress",
                    description=words,
                    data=percent,
                    flow_run_id=self._flow_run,
                )
            )
            loop.artifact = created.id
        else:
            with contextlib.suppress(ObjectNotFound):
                update = ArtifactUpdate(data=percent, description=words)
                await client.update_artifact(loop.artifact, update)


def _words(fact: Iterated) -> str:
    score = "" if fact.score is None else f", score {fact.score:.4g}"
    outcome = f": {plain(fact.outcome)}" if fact.outcome else ""
    return f"{plain(fact.place)}: iteration {fact.iteration} of {fact.cap}{score}{outcome}"
