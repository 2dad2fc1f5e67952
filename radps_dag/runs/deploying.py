"""A pipeline file to a deployment: checked as a run of it would be, then registered and served."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag.opening import open_pipeline, params_of, settle
from radps_dag.prefect.server import ServerAddress, begin, client_environment
from radps_dag.problem import Problem, UsageError
from radps_dag.profile import Profile
from radps_dag.runs.options import RunOptions
from radps_dag.sealed import Sealed, variable

if TYPE_CHECKING:
    from radps_dag.language.model import Pipeline
    from radps_dag.prefect.deployments import Registered

__all__ = [
    "Wanted",
    "connect",
    "deploy",
    "deployments",
    "own_pool",
    "remove",
    "serve",
    "settings_of",
]

Tell = Callable[[str], None]
POLL = "3"  # seconds between two looks for runs that are due


@dataclass(frozen=True, slots=True)
class Wanted:
    """Options of a deployment, beside those of its runs. `interval` is in seconds."""

    name: str
    pool: str | None = None
    cron: str | None = None
    interval: float | None = None
    limit: int | None = None
    job_variables: Mapping[str, Any] | None = None


def own_pool() -> str:
    """The name of this machine's own work pool."""
    return f"radps-dag-{platform.node()}"


def deploy(
    asked: RunOptions, wanted: Wanted, warn: Callable[[Problem], None], tell: Tell
) -> tuple[str, str]:
    """Check the pipeline and the params that are given, and register the deployment: its name and
    the address of its page. Raises InvalidPipeline, UsageError and RadpsDagError."""
    file = Path(asked.settings.file).resolve()
    library = asked.settings.library
    pipeline, workloads = open_pipeline(file, library, asked.settings.modules, asked.profile, warn)
    params = params_of(
        *(pipeline, asked.profile, asked.arguments, asked.params_files),
        take_secrets=False,
        partial=True,
    )
    given = _given(
        params, params_of(pipeline, asked.profile, (), (), take_secrets=False, partial=True)
    )
    params = {name: value for name, value in params.items() if not isinstance(value, Sealed)}
    settle(pipeline, workloads, params, warn)
    if wanted.cron is not None or wanted.interval is not None:
        _refuse_incomplete(pipeline, params)
    if wanted.cron is not None:
        from radps_dag.prefect.deployments import check_cron

        check_cron(wanted.cron)  # before a server is started for it
    server = connect(asked.profile, tell)
    # Now that its environment is known.
    from radps_dag.prefect.deployments import Deployment, address_of, register
    from radps_dag.prefect.form import params_schema

    deployment = Deployment(
        flow=pipeline.name,
        name=wanted.name,
        description=pipeline.description,
        settings=settings_of(asked),
        parameters={name: params[name] for name in given},
        schema=params_schema(pipeline.params, params),
        folder=os.fspath(Path.cwd()),
        pool=wanted.pool or own_pool(),
        own_pool=wanted.pool is None,
        cron=wanted.cron,
        interval=wanted.interval,
        limit=wanted.limit,
        job_variables=wanted.job_variables,
    )
    id = register(deployment)
    page = address_of(id) if server is None else server.page_at(f"/deployments/deployment/{id}")
    return f"{pipeline.name}/{wanted.name}", page


def _given(params: Mapping[str, Any], otherwise: Mapping[str, Any]) -> list[str]:
    """The params that have other values than they would have if none were given. Raises UsageError
    for a secret one."""
    given = []
    for name, value in params.items():
        before = otherwise.get(name)
        if name in otherwise and getattr(value, "content", value) == getattr(
            before, "content", before
        ):
            continue
        if isinstance(value, Sealed):
            raise UsageError(
                f"param {name!r} is secret, and Prefect would keep it as it is; set the "
                f"environment's {variable(name)} where `radps-dag serve` or the worker is started"
            )
        given.append(name)
    return given


def _refuse_incomplete(pipeline: Pipeline, params: Mapping[str, Any]) -> None:
    for param in pipeline.params:
        if param.name not in params and not param.secret:
            raise UsageError(
                f"{param.at}: param {param.name!r} has no default, and nobody is asked by "
                f"a schedule; give it with -p {param.name}=VALUE"
            )


def settings_of(asked: RunOptions) -> dict[str, Any]:
    """The settings that each run of a deployment has, as JSON; paths are absolute."""
    settings, profile = asked.settings, asked.profile
    told = {
        "file": os.fspath(Path(settings.file).resolve()),
        "library": settings.library,
        "workloads": [os.fspath(path.resolve()) for path in settings.modules],
        "profile": None if profile.path is None else os.fspath(profile.path.resolve()),
        "executor": settings.executor,
        "workspace": os.fspath(asked.workspace.resolve()),
        "store": asked.store,
        "products": settings.products,
    }
    return {name: value for name, value in told.items() if value}


def connect(profile: Profile, tell: Tell) -> ServerAddress | None:
    """Have Prefect's API at hand: that of the environment or the profile, else our own server,
    whose address is given. Raises RadpsDagError, in a line, where none answers."""
    server, variables = None, {}
    if not os.environ.get("PREFECT_API_URL"):
        if profile.prefect_api_url is not None:
            variables = {"PREFECT_API_URL": profile.prefect_api_url}
        else:
            server = begin().wait(tell)
            variables = client_environment(server)
    os.environ.update(variables)
    if variables and "prefect" in sys.modules:  # which has read its settings
        from radps_dag.prefect.client_settings import enter

        enter(variables)
    from radps_dag.prefect import seam_check, seams

    seam_check.check(seams.CLIENT, "or run the pipeline with `radps-dag run`")
    from radps_dag.prefect.contact import make_sure

    make_sure()
    return server


def deployments(profile: Profile, tell: Tell) -> list[Registered]:
    """The deployments of pipelines that Prefect's API knows."""
    connect(profile, tell)
    from radps_dag.prefect.deployments import deployments

    return deployments()


def remove(name: str, profile: Profile, tell: Tell) -> Registered:
    """Remove a deployment. Raises UsageError where there is none of this name."""
    connect(profile, tell)
    from radps_dag.prefect.deployments import remove

    return remove(name)


def serve(profile: Profile, pool: str | None, limit: int | None, tell: Tell) -> None:
    """Run what is deployed to this machine's work pool, or to this one, until a signal ends it."""
    # Before Prefect reads its settings: what its worker logs is shown as text, without colours.
    os.environ.setdefault("PREFECT_LOGGING_COLORS", "false")
    server = connect(profile, tell)  # held as long as this serves, so that it stays
    import asyncio

    from radps_dag.prefect import seam_check, seams, serving
    from radps_dag.prefect.deployments import make_sure_of_pool

    seam_check.check(seams.WORKER, "or start `prefect worker start` by hand")
    os.environ.setdefault("PREFECT_WORKER_QUERY_SECONDS", POLL)
    name = pool or own_pool()
    make_sure_of_pool(name, own=pool is None)
    tell(f"serving the work pool {name}; Ctrl-C ends it")
    asyncio.run(serving.serve(name, limit, tell))
    if server is not None:
        server.release()
