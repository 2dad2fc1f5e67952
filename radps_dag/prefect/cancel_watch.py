"""The flow run of a run, looked at now and then: whether somebody has cancelled it in Prefect."""

from __future__ import annotations

import asyncio
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.exceptions import ObjectNotFound

from radps_dag.prefect.contact import TROUBLE, Contact

__all__ = ["Watch"]

POLL = 3.0  # seconds between two looks, each of them one small request


class Watch:
    """Looks at one flow run."""

    def __init__(self, contact: Contact) -> None:
        self._contact = contact
        self._flow_run = ""
        self._begun = asyncio.Event()

    def begin(self, flow_run: str) -> None:
        """The run has got its flow run."""
        self._flow_run = flow_run
        self._begun.set()

    async def cancelled(self) -> None:
        """Return when somebody has cancelled it. Where that cannot be known, never."""
        await self._begun.wait()
        async with get_client() as client:
            while True:
                if await self._is_cancelled(client):
                    return
                await asyncio.sleep(POLL)

    async def _is_cancelled(self, client: PrefectClient) -> bool:
        if self._contact.lost:
            return False
        try:
            # Briefly: whether the server is gone, the run itself finds out.
            async with asyncio.timeout(POLL):
                flow_run = await client.read_flow_run(UUID(self._flow_run))
        except (TimeoutError, *TROUBLE, ObjectNotFound):
            return False
        return flow_run.state_type in (StateType.CANCELLING, StateType.CANCELLED)
