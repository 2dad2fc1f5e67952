"""What the page shows of a run beside its states: how far loops are, and pictures that were made.

A task of its own tells Prefect, a piece at a time; the run waits for none of it but, at its end,
for a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass, field
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.exceptions import ObjectNotFound

from radps_dag.engine.contact import TROUBLE, Contact
from radps_dag.engine.markdown import plain
from radps_dag.engine.pictures import is_picture, left_by
from radps_dag.facts import Fact, Iterated, Made, NodeSucceeded

__all__ = ["Showing", "key_of"]

EVERY = 2.0  # seconds between two words on the same loop
PATIENCE = 2.0  # seconds that the end of a run waits until all is shown
MOST = 40  # pictures of one run
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
    _flow_run: UUID | None = None
    _loops: dict[str, _Progress] = field(default_factory=dict)
    _made: list[tuple[str, Made]] = field(default_factory=list)
    _count: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def begin(self, flow_run: str) -> None:
        self._flow_run = UUID(flow_run)
        self._task = asyncio.create_task(self._serve())

    def heard(self, fact: Fact) -> None:
        """Note what is to be shown."""
        if self._flow_run is None or self.contact.lost:
            return
        if isinstance(fact, Iterated) and (fact.place in self._loops or self._room()):
            known = self._loops.setdefault(fact.place, _Progress(fact))
            known.fact, known.told = fact, False
        elif isinstance(fact, NodeSucceeded) and _has_pictures(fact) and self._count < MOST:
            assert fact.made is not None
            self._made.append((fact.place, fact.made))
        else:
            return
        self._news.set()

    async def end(self) -> None:
        """Show the last of it, as long as that takes no longer than a moment."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError, *TROUBLE):
            await self._task
        if not self.contact.lost:
            with contextlib.suppress(TimeoutError, *TROUBLE):
                await asyncio.wait_for(self._last(), PATIENCE)

    def _room(self) -> bool:
        return len(self._loops) < MOST_LOOPS

    async def _serve(self) -> None:
        await self._news.wait()
        async with get_client() as client:
            while not self.contact.lost:
                await self._news.wait()
                self._news.clear()
                with contextlib.suppress(*TROUBLE):
                    await self._once(client)
                if any(not one.told for one in self._loops.values()):
                    await asyncio.sleep(EVERY / 4)
                    self._news.set()

    async def _last(self) -> None:
        if self._made or any(not one.told for one in self._loops.values()):
            async with get_client() as client:
                await self._once(client, at_once=True)

    async def _once(self, client: PrefectClient, at_once: bool = False) -> None:
        while self._made:
            with contextlib.suppress(OSError):
                await self._show_pictures(client, *self._made.pop(0))
        for known in list(self._loops.values()):
            if not known.told and (at_once or time.monotonic() >= known.due):
                await self._tell(client, known)

    async def _tell(self, client: PrefectClient, known: _Progress) -> None:
        fact = known.fact
        # An update must not be lost to one that comes while it is told.
        known.told, known.due = True, time.monotonic() + EVERY
        percent = 100.0 if fact.outcome else min(100.0, 100.0 * fact.iteration / fact.cap)
        words = _words(fact)
        if known.artifact is None:
            created = await client.create_artifact(
                ArtifactCreate(
                    key=key_of("loop", fact.place),
                    type="progress",
                    description=words,
                    data=percent,
                    flow_run_id=self._flow_run,
                )
            )
            known.artifact = created.id
        else:
            with contextlib.suppress(ObjectNotFound):
                update = ArtifactUpdate(data=percent, description=words)
                await client.update_artifact(known.artifact, update)

    async def _show_pictures(self, client: PrefectClient, place: str, made: Made) -> None:
        for name, source in await asyncio.to_thread(lambda: list(left_by(made))):
            if self._count >= MOST:
                return
            self._count += 1
            await client.create_artifact(self._picture(f"{place}/{name}", source))

    def _picture(self, name: str, source: str) -> ArtifactCreate:
        text = plain(name)
        return ArtifactCreate(
            key=key_of("picture", name),
            type="markdown",
            description=text,
            data=f"{text}\n\n![picture]({source})",
            flow_run_id=self._flow_run,
        )


def _words(fact: Iterated) -> str:
    score = "" if fact.score is None else f", score {fact.score:.4g}"
    outcome = f": {plain(fact.outcome)}" if fact.outcome else ""
    return f"{plain(fact.place)}: iteration {fact.iteration} of {fact.cap}{score}{outcome}"


def _has_pictures(fact: NodeSucceeded) -> bool:
    made = fact.made
    return made is not None and not made.origin and any(map(is_picture, made.files))


def key_of(kind: str, place: str) -> str:
    """A key as Prefect takes them."""
    return f"{kind}-" + re.sub(r"[^a-z0-9]+", "-", place.lower()).strip("-")
