"""The flow run that a deployment has made, as the process of its run sees and changes it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import StateWaitDetails
from prefect.exceptions import ObjectNotFound
from prefect.states import Failed, Running

from radps_dag.prefect.contact import TROUBLE, make_sure
from radps_dag.prefect.form import SETTINGS
from radps_dag.problem import RadpsDagError, UsageError

__all__ = ["DeployedRun"]

_OVER = (StateType.CANCELLING, StateType.CANCELLED)


@dataclass(frozen=True, slots=True)
class DeployedRun:
    """A flow run: its id, the params of the run, and the settings that its deployment has."""

    id: str
    params: dict[str, Any]
    settings: dict[str, Any]

    @classmethod
    def read(cls, id: str) -> DeployedRun:
        """The flow run of this id. Raises UsageError where there is none of a pipeline."""
        make_sure()
        try:
            with _client() as client:
                parameters = dict(client.read_flow_run(UUID(id)).parameters)
        except (ObjectNotFound, ValueError) as error:
            raise UsageError(f"Prefect knows no flow run {id!r:.60}") from error
        settings = parameters.pop(SETTINGS, None)
        if not isinstance(settings, dict) or not _sound(settings):
            raise UsageError(f"flow run {id} is not of a deployment that `radps-dag deploy` made")
        return cls(id, parameters, settings)

    def begin(self) -> bool:
        """Have it run; whether it may: somebody may have cancelled it before it began.

        Waits until it is due: workers start what is scheduled some seconds early.
        """
        with _client() as client:
            while isinstance(
                (told := client.set_flow_run_state(UUID(self.id), Running()).details),
                StateWaitDetails,
            ):
                time.sleep(told.delay_seconds)
            return self._read(client).state_type is StateType.RUNNING

    def fail(self, message: str) -> None:
        """Have it failed, for this reason. Where Prefect does not hear it, nobody does."""
        try:
            with _client() as client:
                client.set_flow_run_state(UUID(self.id), Failed(message=message), force=True)
        except TROUBLE as error:
            raise RadpsDagError(message) from error

    def is_cancelled(self) -> bool:
        """Whether somebody has cancelled it on Prefect's page. What cannot be known is not so."""
        try:
            with _client() as client:
                return self._read(client).state_type in _OVER
        except (*TROUBLE, ObjectNotFound):
            return False

    def _read(self, client: SyncPrefectClient) -> FlowRun:
        return client.read_flow_run(UUID(self.id))


def _sound(settings: dict[str, Any]) -> bool:
    """Whether these are settings as `deploy` makes them: who asks Prefect may send others."""
    texts = {**settings, "workloads": ""}
    files = settings.get("workloads", [])
    return (
        isinstance(settings.get("file"), str)
        and all(isinstance(value, str) for value in texts.values())
        and isinstance(files, list)
        and all(isinstance(file, str) for file in files)
    )


def _client() -> SyncPrefectClient:
    return get_client(sync_client=True)
