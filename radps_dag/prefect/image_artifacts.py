"""Pictures on the page: the newest of each stage on one artifact, and each by itself where a link
opens it."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from httpx import HTTPStatusError
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.exceptions import ObjectNotFound

from radps_dag.facts import NodeFailed, NodeSucceeded
from radps_dag.facts.places import parts
from radps_dag.prefect.artifact_keys import key_of
from radps_dag.prefect.markdown import code, image, link_to, plain
from radps_dag.prefect.pictures import SeenPicture, seen, sources
from radps_dag.prefect.server.links import Link
from radps_dag.progress.pictures import Picture, made_by
from radps_dag.storage.remote import is_local, path_of

__all__ = ["Gallery"]

EVERY = 2.0  # seconds between two words on the same stage; more where they are long:
PACE = 200_000  # letters a second
MOST_OF_STAGE = 12  # pictures on the page of a stage, and as many by themselves


@dataclass(slots=True)
class _Stage:
    name: str
    newest: deque[SeenPicture] = field(default_factory=lambda: deque(maxlen=MOST_OF_STAGE))
    count: int = 0
    folder: str = ""  # that has all of them, while they are on this machine
    alone: dict[str, SeenPicture] = field(default_factory=dict)  # by the artifact's key
    untold: set[str] = field(default_factory=set)  # of these keys
    due: float = 0.0
    told: bool = True

    def enter(self, picture: SeenPicture) -> None:
        self.told = False
        self.count += 1
        self.newest.append(picture)
        uri = picture.picture.uri
        path = path_of(uri) if is_local(uri) else Path()
        here = path.parent if path.is_absolute() else Path("/")
        self.folder = os.path.commonpath([self.folder or here, here])
        key = _key(picture.picture)
        if (
            picture.image
            and picture.link
            and (key in self.alone or len(self.alone) < MOST_OF_STAGE)
        ):
            self.alone[key] = picture
            self.untold.add(key)


@dataclass(slots=True)
class Gallery:
    """Hears of calls, and shows what they made. `flow_run` is what it belongs to."""

    link: Link
    flow_run: UUID | None = None
    _made: deque[Picture] = field(default_factory=deque)
    _stages: dict[str, _Stage] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _artifacts: dict[str, UUID] = field(default_factory=dict)  # by their keys

    def on_fact(self, fact: NodeSucceeded | NodeFailed) -> bool:
        """Note what a call made; whether there is something new to be shown."""
        new = [picture for picture in made_by(fact) if picture.uri not in self._known]
        self._known.update(picture.uri for picture in new)  # several nodes may hand one picture on
        self._made.extend(new)
        return bool(new)

    @property
    def waits(self) -> bool:
        """Whether something is still to be shown."""
        return bool(self._made) or any(not stage.told for stage in self._stages.values())

    async def show(self, client: PrefectClient, at_once: bool = False) -> None:
        """Show what is due, or all there is."""
        while self._made:
            image = await asyncio.to_thread(seen, self._made[0], self.link)
            picture = self._made.popleft()
            if image is not None:
                name = parts(picture.name)[0]
                self._stages.setdefault(name, _Stage(name)).enter(image)
        for stage in list(self._stages.values()):
            if not stage.told and (at_once or time.monotonic() >= stage.due):
                await self._tell(client, stage)

    async def _tell(self, client: PrefectClient, stage: _Stage) -> None:
        # A picture that comes while this is told is told the next time.
        stage.told = True
        stage.due = time.monotonic() + EVERY
        try:
            text = await asyncio.to_thread(_page, stage, list(stage.newest), self.link)
            stage.due = time.monotonic() + max(EVERY, len(text) / PACE)
            words = f"Pictures of {plain(stage.name)}: {stage.count}"
            key = key_of("pictures", stage.name)
            await self._send(client, key, {"type": "markdown", "data": text, "description": words})
            while stage.untold:
                await self._tell_alone(client, stage, min(stage.untold))
        except HTTPStatusError:
            return  # refused: what comes next may be taken, this would not be
        except BaseException:
            stage.told = False
            raise

    async def _tell_alone(self, client: PrefectClient, stage: _Stage, key: str) -> None:
        stage.untold.remove(key)
        picture = stage.alone[key]
        words = plain(picture.picture.name)
        await self._send(client, key, {"type": "image", "data": picture.link, "description": words})

    async def _send(self, client: PrefectClient, key: str, shown: Mapping[str, Any]) -> None:
        """Make an artifact, or bring it up to date."""
        if (shown_before := self._artifacts.get(key)) is None:
            artifact = ArtifactCreate(key=key, flow_run_id=self.flow_run, **shown)
            self._artifacts[key] = (await client.create_artifact(artifact)).id
            return
        try:
            update = ArtifactUpdate(data=shown["data"], description=shown["description"])
            await client.update_artifact(shown_before, update)
        except ObjectNotFound:
            return  # somebody has deleted it


def _key(picture: Picture) -> str:
    """The key of a picture by itself. Of a loop there is one, with what the newest iteration made:
    the page would fill with what is of no interest any more."""
    return key_of("picture", "/".join(part for part in parts(picture.name) if part[0] != "#"))


def _page(stage: _Stage, newest: list[SeenPicture], link: Link) -> str:
    """The newest pictures of a stage, in the order in which they were made. Reads them."""
    lines = [f"# Pictures of {plain(stage.name)}"]
    if earlier := stage.count - len(newest):
        before = f"{earlier} earlier {'picture is' if earlier == 1 else 'pictures are'} not shown"
        opens = link(stage.folder)
        lines.append(f"{before}: {link_to('all of them', opens)}." if opens else f"{before}.")
    for picture, source in zip(newest, sources(newest), strict=True):
        # Prefect's page shows escapes in the words of a link as they are: none of a name there.
        opens = f" ({link_to('open', picture.link)})" if picture.link else ""
        lines.append(f"**{plain(picture.picture.name)}**{opens}")
        if source:
            lines.append(image(source))
        elif not picture.link:
            lines.append(code(picture.picture.uri))
    return "\n\n".join(lines)
