"""A flow run that a deployment has made to a run, in the process that a worker has started for it.

The run is one like any other, and the flow run is the run's. One that Prefect's page lets run again
(Retry) goes on with the run where it stopped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag.engine.settings import Settings
from radps_dag.facts import Tracked
from radps_dag.prefect.server import status
from radps_dag.problem import Interrupted, InvalidPipeline, RadpsDagError
from radps_dag.profile import Profile, find_profile
from radps_dag.runs.deploying import connect
from radps_dag.runs.frontend import Frontend
from radps_dag.runs.options import RunOptions, with_profile
from radps_dag.runs.preparing import open_store_of

if TYPE_CHECKING:
    from radps_dag.prefect.deployed import DeployedRun

__all__ = ["run_deployed"]


def run_deployed(flow_run: str, front: Frontend) -> None:
    """Drive the run of a flow run to its end. What is wrong is shown, and told to Prefect.

    Raises UsageError where there is no such flow run, and RadpsDagError where Prefect is not there.
    """
    connect(Profile(), lambda message: None)  # the worker has said where it is
    from radps_dag.prefect.deployed import DeployedRun

    deployed = DeployedRun.read(flow_run)
    if not deployed.begin():
        return
    try:
        asked = _asked(deployed)
        _use_own_server()
        _drive(asked, front)
    except Interrupted:
        if deployed.is_cancelled():
            _cancel(asked)
    except InvalidPipeline as error:
        for problem in error.problems:
            front.problem(problem)
        deployed.fail(_line(error))
    except RadpsDagError as error:
        front.warn(str(error))
        deployed.fail(str(error))


def _drive(asked: RunOptions, front: Frontend) -> None:
    run = _run_of(asked)
    if run is None:
        from radps_dag.runs.launching import start

        start(asked, front)
    else:
        from radps_dag.runs.resuming import resume

        resume(asked, run, front)


def _asked(deployed: DeployedRun) -> RunOptions:
    """The request for the run: what the deployment says, and the params of the flow run."""
    told = deployed.settings
    profile = find_profile(told.get("profile"))
    settings = Settings(
        file=told["file"],
        executor=told.get("executor", ""),
        library=told.get("library"),
        modules=tuple(map(Path, told.get("workloads", ()))),
        products=told.get("products"),
    )
    return RunOptions(
        settings=with_profile(settings, profile),
        workspace=Path(told.get("workspace", ".radps")),
        store=told.get("store") or profile.store,
        profile=profile,
        profile_given="profile" in told,
        values=deployed.params,
        owns_process=True,
        flow_run=deployed.id,
    )


def _use_own_server() -> None:
    """Have the run use the local server as `radps-dag run` does, where the worker has named that:
    with links to products and reports, and so that it stays as long as the run goes on."""
    url = status().api_url
    if url is not None and os.environ.get("PREFECT_API_URL") == url:
        del os.environ["PREFECT_API_URL"]


def _run_of(asked: RunOptions) -> str | None:
    """The run that has had this flow run before, and can go on."""
    store = open_store_of(asked, reading=True)
    try:
        for head in store.heads(lambda error: None):
            rows = store.rows(head.run, kinds=("tracked", "run_ended"))
            facts = [store.fact(row) for row in rows]
            if any(isinstance(fact, Tracked) and fact.flow_run == asked.flow_run for fact in facts):
                over: Any = [getattr(fact, "status", "") for fact in facts]
                return None if {"succeeded", "cancelled"} & {*over} else head.run
        return None
    finally:
        store.close()


def _cancel(asked: RunOptions) -> None:
    """The worker has ended the run because somebody has cancelled it on Prefect's page."""
    from radps_dag.runs.cancel import cancel
    from radps_dag.runs.notify_cancelled import tell_others

    run = _run_of(asked)
    if run is None:
        return
    store = open_store_of(asked)
    try:
        done = cancel(store, run, reason="on Prefect's page")
        if not done.already:
            tell_others(store, run, done.end, asked.profile, lambda message: None)
    finally:
        store.close()


def _line(error: InvalidPipeline) -> str:
    """The first of the problems, and how many more there are."""
    first, *more = map(str, error.problems)
    return f"{first} (and {len(more)} more)" if more else first
