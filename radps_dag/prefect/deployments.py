"""Deployments with Prefect's API: registered, listed, removed."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterTags,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType, WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.client.schemas.sorting import DeploymentSort, FlowRunSort
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.utilities.urls import url_for

from radps_dag.prefect.contact import TROUBLE
from radps_dag.prefect.entry import COMMAND, ENTRYPOINT
from radps_dag.prefect.form import SETTINGS
from radps_dag.problem import RadpsDagError, UsageError, did_you_mean, there_are

__all__ = [
    "Deployment",
    "Registered",
    "address_of",
    "check_cron",
    "deployments",
    "make_sure_of_pool",
    "register",
    "remove",
]

T = TypeVar("T")

TAG = "radps-dag"  # of each deployment that is ours
PAGE = 200  # what Prefect's server gives at once
PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A pipeline to be deployed. `settings` are those of its runs, `parameters` the params that the
    command line gave, `schema` the form. `folder` is where runs start, and `own_pool` is made
    where it is missing."""

    flow: str
    name: str
    description: str
    settings: Mapping[str, Any]
    parameters: Mapping[str, Any]
    schema: Mapping[str, Any]
    folder: str
    pool: str
    own_pool: bool
    cron: str | None = None
    interval: float | None = None  # seconds
    limit: int | None = None
    job_variables: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A deployment that Prefect knows: `name` is `PIPELINE/NAME`."""

    id: str
    name: str
    file: str
    pool: str
    schedules: tuple[str, ...]
    limit: int | None
    paused: bool


def register(deployment: Deployment) -> str:
    """Register it, or anew what has its name; its id. Raises UsageError and RadpsDagError."""
    return _run(_register(deployment))


def deployments() -> list[Registered]:
    """The deployments of pipelines, by name."""
    return _run(_deployments())


def remove(name: str) -> Registered:
    """Remove the deployment of this name, which may do without the pipeline's where that is clear.
    Raises UsageError."""
    return _run(_remove(name))


def make_sure_of_pool(name: str, own: bool) -> None:
    """Look for a work pool that processes can be started for; this machine's `own` is made where it
    is missing. Raises UsageError."""

    async def look() -> WorkPool:
        async with get_client() as client:
            return await _pool(client, name, own)

    if (kind := _run(look()).type) != PROCESS:
        raise UsageError(
            f"--work-pool: {name!r} is a pool of the type {kind}, for which `prefect worker start "
            f"--pool {shlex.quote(name)}` serves; `radps-dag serve` serves those of processes"
        )


def check_cron(line: str) -> None:
    """Check a line of cron as Prefect does. Raises UsageError; needs no server."""
    try:
        CronSchedule(cron=line)
    except ValueError as error:
        raise UsageError(
            f"--cron: {line!r:.60} is not a line of cron, such as '0 3 * * *', each night at "
            "three, UTC"
        ) from error


def address_of(deployment: str) -> str:
    """The address of a deployment's page; "" where there is none."""
    return url_for("deployment", obj_id=deployment) or ""


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except httpx.HTTPStatusError as error:
        raise UsageError(f"Prefect refuses it: {_detail(error.response)}") from error
    except TROUBLE as error:
        why = str(error) or type(error).__name__
        raise RadpsDagError(f"Prefect's server does not answer any more ({why})") from error


async def _register(deployment: Deployment) -> str:
    schedules = _schedules(deployment)
    async with get_client() as client:
        pool = await _pool(client, deployment.pool, deployment.own_pool)
        flow = await client.create_flow_from_name(deployment.flow)
        id = await client.create_deployment(
            flow,
            deployment.name,
            schedules=schedules,
            concurrency_limit=deployment.limit,
            parameters={**deployment.parameters, SETTINGS: dict(deployment.settings)},
            description=deployment.description or None,
            work_pool_name=pool.name,
            tags=[TAG],
            entrypoint=ENTRYPOINT,
            parameter_openapi_schema=dict(deployment.schema),
            paused=False,
            enforce_parameter_schema=True,
            job_variables={**_command(pool, deployment), **(deployment.job_variables or {})},
        )
    return str(id)


def _command(pool: WorkPool, deployment: Deployment) -> dict[str, Any]:
    if pool.type == PROCESS:
        return {"command": shlex.join([sys.executable, *COMMAND]), "working_dir": deployment.folder}
    return {"command": shlex.join(["python", *COMMAND])}


def _schedules(deployment: Deployment) -> list[DeploymentScheduleCreate]:
    if deployment.cron is not None:
        return [DeploymentScheduleCreate(schedule=CronSchedule(cron=deployment.cron))]
    if deployment.interval is not None:
        every = IntervalSchedule(interval=timedelta(seconds=deployment.interval))
        return [DeploymentScheduleCreate(schedule=every)]
    return []


async def _pool(client: PrefectClient, name: str, own: bool) -> WorkPool:
    """The work pool; this machine's `own` is made where it is missing."""
    try:
        return await client.read_work_pool(name)
    except ObjectNotFound:
        if own:
            return await _own_pool(client, name)
        names = sorted(pool.name for pool in await client.read_work_pools(limit=PAGE))
        hint = did_you_mean(name, names) or (f"; {there_are(names)}" if names else "")
        raise UsageError(
            f"--work-pool: there is no work pool {name!r}{hint}; make it with "
            f"`prefect work-pool create {shlex.quote(name)} --type process`"
        ) from None


async def _own_pool(client: PrefectClient, name: str) -> WorkPool:
    from prefect.workers.process import ProcessWorker  # takes a second to import

    template = ProcessWorker.get_default_base_job_template()
    about = "runs on the machine that its name ends with, where `radps-dag serve` is started"
    wanted = WorkPoolCreate(name=name, type=PROCESS, base_job_template=template, description=about)
    try:
        return await client.create_work_pool(wanted)
    except ObjectAlreadyExists:  # made in this moment
        return await client.read_work_pool(name)


async def _deployments() -> list[Registered]:
    by_name = DeploymentSort.NAME_ASC
    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    async with get_client() as client:
        there: list[DeploymentResponse] = []
        while True:
            page = await client.read_deployments(
                deployment_filter=ours, sort=by_name, limit=PAGE, offset=len(there)
            )
            there += page
            if len(page) < PAGE:
                break
        flows = {
            id: (await client.read_flow(id)).name
            for id in {deployment.flow_id for deployment in there}
        }
    listed = [_registered(flows[deployment.flow_id], deployment) for deployment in there]
    return sorted(listed, key=lambda deployment: deployment.name)


def _registered(flow: str, deployment: DeploymentResponse) -> Registered:
    limit = deployment.global_concurrency_limit
    settings = deployment.parameters.get(SETTINGS) or {}
    return Registered(
        id=str(deployment.id),
        name=f"{flow}/{deployment.name}",
        file=str(settings.get("file", "")),
        pool=deployment.work_pool_name or "",
        schedules=tuple(_words(item.schedule) for item in deployment.schedules if item.active),
        limit=None if limit is None else limit.limit,
        paused=deployment.paused,
    )


def _words(schedule: Any) -> str:
    match schedule:
        case CronSchedule():
            return f"cron {schedule.cron}"
        case IntervalSchedule():
            return f"every {schedule.interval}"
        case _:
            return type(schedule).__name__


async def _remove(name: str) -> Registered:
    there = await _deployments()
    meant = [each for each in there if name in (each.name, each.name.partition("/")[2])]
    names = [each.name for each in there]
    if not meant:
        hint = did_you_mean(name, names) or (f"; {there_are(names)}" if names else "")
        raise UsageError(f"there is no deployment {name!r}{hint}")
    if len(meant) > 1:
        which = there_are([each.name for each in meant])
        raise UsageError(f"{name!r} may be several deployments: {which}; give the whole name")
    async with get_client() as client:
        await client.delete_deployment(UUID(meant[0].id))
        await _delete_waiting(client, UUID(meant[0].id))
    return meant[0]


async def _delete_waiting(client: PrefectClient, deployment: UUID) -> None:
    """Delete the runs that wait for the deployment's limit: Prefect deletes all others."""
    theirs = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
    )
    newest = FlowRunSort.ID_DESC
    while page := await client.read_flow_runs(flow_run_filter=theirs, sort=newest, limit=PAGE):
        for run in page:
            await client.delete_flow_run(run.id)


def _detail(response: httpx.Response) -> str:
    try:
        told = response.json()
        words = ("detail", "exception_detail", "exception_message")
        detail = next((told[word] for word in words if told.get(word)), told)
    except ValueError:
        detail = response.text
    return re.sub(r"\s+", " ", str(detail))[:500]
