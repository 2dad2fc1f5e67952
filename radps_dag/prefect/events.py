"""Announcements of a run as events of Prefect: in its page's feed, and for its automations."""

from __future__ import annotations

import datetime
from contextvars import copy_context
from typing import Any
from uuid import UUID

from prefect.events import emit_event

from radps_dag.facts import Fact, RunStarted
from radps_dag.notify.announcements import Announcement, Announcer
from radps_dag.prefect.contact import Contact

__all__ = ["PrefectEvents"]


class PrefectEvents:
    """Hears facts, and hands what is news to Prefect's own sender, which waits for nobody."""

    def __init__(self, contact: Contact, start: RunStarted | None = None) -> None:
        """`start` is that of a run that was announced before."""
        self._contact = contact
        self._announcer = Announcer(start)
        self._flow_run = ""
        # With the settings of this run, and in no flow run's context: Prefect would ask its server
        # for each flow around it.
        self._context = copy_context()
        self._waiting: list[Announcement] = []

    def begin(self, flow_run: str) -> None:
        """The run has got its flow run, with which its events are shown."""
        self._flow_run = flow_run
        waiting, self._waiting = self._waiting, []
        for announcement in waiting:
            self._emit(announcement)

    def on_fact(self, fact: Fact) -> None:
        """Emit what the fact announces, or keep it until the flow run is known."""
        announcement = self._announcer(fact)
        if announcement is None or self._contact.lost:
            return
        if self._flow_run:
            self._emit(announcement)
        else:
            self._waiting.append(announcement)

    def _emit(self, announcement: Announcement) -> None:
        self._context.copy().run(_emit, announcement, self._flow_run)


def _emit(announcement: Announcement, flow_run: str) -> None:
    related = [
        {
            "prefect.resource.id": f"prefect.flow-run.{flow_run}",
            "prefect.resource.role": "flow-run",
            "prefect.resource.name": announcement.pipeline,
        }
    ]
    if announcement.stage:
        related.append(
            {
                "prefect.resource.id": f"radps.stage.{announcement.pipeline}.{announcement.stage}",
                "prefect.resource.role": "stage",
                "prefect.resource.name": announcement.place,
            }
        )
    payload: dict[str, Any] = {
        "run": announcement.run,
        "pipeline": announcement.pipeline,
        "stage": announcement.stage,
        "place": announcement.place,
        **announcement.payload,
    }
    try:
        emit_event(
            event=announcement.event,
            resource={
                "prefect.resource.id": f"radps.run.{announcement.run}",
                "prefect.resource.name": _resource(announcement),
                "radps.pipeline": announcement.pipeline,
                "radps.stage": announcement.stage,
            },
            occurred=datetime.datetime.fromtimestamp(announcement.time, datetime.UTC),
            related=related,
            payload=payload,
            id=UUID(announcement.id),
        )
    except Exception:  # noqa: BLE001  # too large, or the sender is over: the journal has it
        return


def _resource(announcement: Announcement) -> str:
    return announcement.place or announcement.run
