"""A flow run takes as few calls to Prefect's server as it needs. Without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fake_prefect import FakePrefect, fake_prefect
from prefect import Flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed

from radps_dag.prefect.contact import Contact
from radps_dag.prefect.flow_runs import FlowRuns, run_flow, run_subflow


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePrefect]:
    with fake_prefect(monkeypatch) as fake:
        yield fake


def flow_of(name: str, body: Any) -> Flow[Any, Any]:
    async def run() -> Any:
        await body()
        return Completed()

    return Flow(run, name=name, validate_parameters=False, persist_result=False)


async def nothing() -> None:
    pass


async def run(name: str, known: FlowRuns, body: Any = nothing) -> None:
    flow = flow_of(name.partition("[")[0], body)
    await run_flow(flow, name, {}, (), known, lambda: Cancelled(message="told to end"))


async def run_inside(name: str, known: FlowRuns) -> None:
    async def body() -> State[Any]:
        return Completed()

    await run_subflow(name.partition("[")[0], name, {}, (), known, body)


def test_a_subflow_takes_three_calls(prefect: FakePrefect) -> None:
    """Its flow is asked for once, however many run; it is made running, with its name."""

    async def scene() -> None:
        known = FlowRuns(Contact())

        async def both() -> None:
            await run_inside("inner[1]", known)
            await run_inside("inner[2]", known)
            await known.told()

        await run("outer", known, both)

    asyncio.run(scene())
    one, other = (
        [f"stand-in {name}", f"begin {name}", f"tell {name}"] for name in ("inner[1]", "inner[2]")
    )
    outer = ["flow outer", "begin outer", "look outer"]
    assert prefect.asked[:3] == outer and prefect.asked[-1] == "tell outer"
    assert sorted(prefect.asked[3:-1]) == sorted(["flow inner", *one, *other])
    for asked in (one, other):
        assert [what for what in prefect.asked if what in asked] == asked


def test_what_is_in_a_subflow_begins_before_it_is_made(prefect: FakePrefect) -> None:
    """A body waits for nothing; Prefect is told all the same, before the run ends."""
    begun = asyncio.Event()

    async def hold(request: httpx.Request, path: str) -> None:
        if path == "/task_runs/":
            await asyncio.wait_for(begun.wait(), 30)

    async def scene() -> None:
        known = FlowRuns(Contact())

        async def body() -> State[Any]:
            begun.set()
            return Completed()

        async def both() -> None:
            await run_subflow("inner", "inner", {}, (), known, body)
            await known.told()

        await run("outer", known, both)

    prefect.before = hold
    asyncio.run(scene())
    assert prefect.told == [("inner", "COMPLETED"), ("outer", "COMPLETED")]


def test_one_that_is_cancelled_while_it_is_made(prefect: FakePrefect) -> None:
    """The server may have made it: it is told what became of it, and does not stay as it was."""
    making = asyncio.Event()

    async def slow(request: httpx.Request, path: str) -> None:
        if path == "/flow_runs/":
            making.set()
            await asyncio.sleep(0.05)

    async def scene() -> None:
        task = asyncio.create_task(run("cut", FlowRuns(Contact())))
        await making.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    prefect.before = slow
    asyncio.run(scene())
    assert prefect.told[-1] == ("cut", "CANCELLED")


def test_one_that_somebody_has_deleted(prefect: FakePrefect) -> None:
    """What became of it cannot be told, which is nobody's trouble."""
    warnings: list[str] = []

    async def scene() -> None:
        known = FlowRuns(Contact(warnings.append))

        async def inner() -> None:
            await run_inside("inner", known)
            await known.told()

        await run("outer", known, inner)

    async def deleted(request: httpx.Request, path: str) -> None:
        run = path.split("/")[2] if path.endswith("set_state") else ""
        if run and prefect.flow_runs[run]["name"] == "inner":
            response = httpx.Response(404, request=request)
            raise httpx.HTTPStatusError("gone", request=request, response=response)

    prefect.before = deleted
    asyncio.run(scene())
    assert prefect.told == [("outer", "COMPLETED")]
    assert warnings == []
