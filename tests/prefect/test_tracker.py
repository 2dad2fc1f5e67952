"""What a tracker tells Prefect of groups and calls, and what it leaves alone. Without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from fake_prefect import FakePrefect, fake_prefect

from radps_dag.engine.attempts import NO_RETRY, Plan
from radps_dag.engine.tracker import Label
from radps_dag.outcome import NodeError
from radps_dag.prefect.tracker import PrefectTracker, Shown

RUN = "20261129-180445-cube"


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePrefect]:
    with fake_prefect(monkeypatch) as fake:
        yield fake


def label(place: str) -> Label:
    return Label(place.partition("[")[0], place)


async def nested(tracker: PrefectTracker, *places: str) -> str:
    """Groups inside each other, and a call in the innermost one."""

    async def inside(left: tuple[str, ...]) -> str:
        if len(left) == 1:
            return await tracker.call(label(left[0]), NO_RETRY, give)
        return await tracker.group(label(left[0]), lambda: inside(left[1:]))

    return await inside(("", *places))


async def give(attempt: int) -> str:
    del attempt
    return "given"


@pytest.mark.parametrize(
    ("depth", "flows", "tasks"),
    [
        (1, ["a"], ["a / b", "a / b / c[i=1]", "a / b / c[i=1] / d"]),
        (2, ["a", "a / b"], ["a / b / c[i=1]", "a / b / c[i=1] / d"]),
        (9, ["a", "a / b", "a / b / c[i=1]"], ["a / b / c[i=1] / d"]),
    ],
)
def test_subflows_as_deep_as_asked(
    depth: int, flows: list[str], tasks: list[str], prefect: FakePrefect
) -> None:
    """Groups are subflows down to a depth, tasks below; what a body gives comes out of it."""
    tracker = PrefectTracker(Shown("cube", RUN, depth=depth))
    places = ("a", "a/b", "a/b/c[i=1]", "a/b/c[i=1]/d")
    assert asyncio.run(nested(tracker, *places)) == "given"
    assert prefect.names() == [RUN, *(f"{name} · {RUN}" for name in flows)]
    assert [name for name, state in prefect.tasks if state == "Completed"] == tasks[::-1]


def test_a_stage_with_instances(prefect: FakePrefect) -> None:
    """An instance of a stage is a task in it."""
    tracker = PrefectTracker(Shown("cube", RUN))
    asyncio.run(nested(tracker, "a", "a[i=1]", "a[i=1]/d"))
    assert prefect.names() == [RUN, f"a · {RUN}"]
    assert ("a[i=1]", "Completed") in prefect.tasks


def test_a_failure_comes_out_as_it_was(prefect: FakePrefect) -> None:
    """All around it are told that it failed; the error is the body's own."""
    error = NodeError("a/b", "ValueError", "no beam")

    async def fail() -> None:
        raise error

    async def run(tracker: PrefectTracker) -> None:
        stage = tracker.group(label("a"), lambda: tracker.group(label("a/b"), fail))
        await tracker.group(label(""), lambda: stage)

    with pytest.raises(NodeError) as caught:
        asyncio.run(run(PrefectTracker(Shown("cube", RUN))))
    assert caught.value is error
    assert prefect.told == [(f"a · {RUN}", "FAILED"), (RUN, "FAILED")]
    assert prefect.tasks[-1] == ("a / b", "Failed")


def test_attempts_are_ours(prefect: FakePrefect) -> None:
    """A call is tried again as its plan says, and its task run says how often."""
    attempts: list[int] = []

    async def fail_once(attempt: int) -> str:
        attempts.append(attempt)
        if attempt == 1:
            raise NodeError("a", "OSError", "gone")
        return "given"

    async def run(tracker: PrefectTracker) -> str:
        plan = Plan((0.0, 0.0))
        return await tracker.group(label(""), lambda: tracker.call(label("a"), plan, fail_once))

    assert asyncio.run(run(PrefectTracker(Shown("cube", RUN)))) == "given"
    assert attempts == [1, 2]
    states = [state for name, state in prefect.tasks if name == "a"]
    assert states == ["Running", "AwaitingRetry", "Retrying", "Completed"]


def test_nobody_waits_for_the_last_state_of_a_stage(prefect: FakePrefect) -> None:
    """The next stage begins while it is told, and the run ends when all is told."""
    second_begun = asyncio.Event()

    async def hold(request: httpx.Request, path: str) -> None:
        if b'"name":"b' in request.content.replace(b" ", b""):
            second_begun.set()
        if path.endswith("set_state") and not prefect.told:
            await asyncio.wait_for(second_begun.wait(), 30)

    async def run(tracker: PrefectTracker) -> None:
        async def both() -> None:
            for stage in ("a", "b"):
                await tracker.group(label(stage), lambda: asyncio.sleep(0))

        await tracker.group(label(""), both)

    prefect.before = hold
    asyncio.run(run(PrefectTracker(Shown("cube", RUN))))
    assert prefect.told[-1] == (RUN, "COMPLETED")
    assert {name for name, _ in prefect.told[:-1]} == {f"a · {RUN}", f"b · {RUN}"}


def test_a_server_that_goes_is_missed_once(prefect: FakePrefect) -> None:
    """The bodies run all the same, each of them once, and one warning tells of it."""
    ran: list[str] = []
    warnings: list[str] = []

    async def gone(request: httpx.Request, path: str) -> None:
        if path == "/task_runs/":
            raise httpx.ConnectError("refused", request=request)

    async def body(place: str) -> None:
        ran.append(place)

    async def run(tracker: PrefectTracker) -> None:
        async def both() -> None:
            await tracker.group(label("a"), lambda: body("a"))
            await tracker.group(label("b"), lambda: body("b"))

        await tracker.group(label(""), both)

    prefect.before = gone
    asyncio.run(run(PrefectTracker(Shown("cube", RUN), warn=warnings.append)))
    assert ran == ["a", "b"]
    assert len(warnings) == 1 and "does not answer any more" in warnings[0]
