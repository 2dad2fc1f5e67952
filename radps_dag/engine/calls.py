"""A task: its inputs evaluated, its turn awaited, its workload called on the executor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from radps_dag.engine.asked import limit_of, resources_of
from radps_dag.engine.attempts import plan
from radps_dag.engine.place import directory
from radps_dag.engine.retrying import telling, within
from radps_dag.engine.run import NodeContext, Result, Run, value_of
from radps_dag.engine.secrecy import refuse_secrets
from radps_dag.engine.slots import Turn
from radps_dag.engine.tracker import Label
from radps_dag.executors.call import Call, Performed
from radps_dag.executors.snapshots import discard_snapshots
from radps_dag.facts import Made, NodeStarted, Noted, Usage
from radps_dag.language.model import Task
from radps_dag.language.shape import describe, mismatch
from radps_dag.outcome import Interrupted, NodeError, TimedOut
from radps_dag.reuse.cache import ResultCache
from radps_dag.reuse.in_place import shown
from radps_dag.reuse.query import CachedResult, CacheQuery
from radps_dag.reuse.revisions import new_revision
from radps_dag.sealed import Sealed, Secrets
from radps_dag.workloads.contract.knowledge import NOTHING, Snapshot, answer

__all__ = ["call_body"]


async def call_body(node: Task, here: NodeContext) -> Result:
    """Call the workload, with as many attempts as the node allows; or use what it made before."""
    # From the start, so that nobody leaves the run to its questions while a call is looked up.
    with here.run.busy():
        return await _looked_up(node, here)


async def _looked_up(node: Task, here: NodeContext) -> Result:
    run, place = here.run, here.place
    seed = f"{run.job.settings.seed} {place.name}"
    try:
        arguments = {argument.name: value_of(argument.value, here) for argument in node.arguments}
        _check_inputs(node, here, arguments)
    except NodeError:
        _tell_start(node, here)
        raise
    asked = None
    if run.result_cache is not None:
        workload = run.job.library.workloads[node.run]
        try:
            await run.result_cache.look(place.name, arguments)
            asked = run.result_cache.ask(
                place.name, workload, arguments, seed, here.cached, _context(node, here), here.link
            )
            result = await run.result_cache.lookup(asked)
        except NodeError:
            _tell_start(node, here, arguments)
            raise
        if result is not None:
            run.result_cache.note(place.name, result)
            _tell_start(node, here, arguments, asked, result)
            return _without_snapshots(
                here, asked, Result(result.outputs, made=result.made, seconds=result.seconds)
            )
    with here.clock.working():
        return await _in_turn(node, here, arguments, seed, asked)


async def _in_turn(
    node: Task,
    here: NodeContext,
    arguments: dict[str, Any],
    seed: str,
    asked: CacheQuery | None,
) -> Result:
    """Wait for the slots of the first attempt, and call the workload. Nobody hears of the call
    before, so that what is shown as running does run."""
    run = here.run
    turn = Turn(run.slots, partial(resources_of, node, here), here.place.name)
    try:
        await turn.take()
    except NodeError:
        _tell_start(node, here, arguments, asked)
        raise
    finally:
        here.clock.begin()
    try:
        if run.result_cache is not None and asked is not None and asked.workload.mutates:
            return await _in_place(node, here, arguments, seed, asked, run.result_cache, turn)
        _tell_start(node, here, arguments, asked, ready=turn.ready)
        return await _called(node, here, arguments, seed, asked, turn)
    finally:
        turn.give()


async def _in_place(
    node: Task,
    here: NodeContext,
    arguments: dict[str, Any],
    seed: str,
    asked: CacheQuery,
    result_cache: ResultCache,
    turn: Turn,
) -> Result:
    """Call a workload that changes data in place: nothing is, before the journal says so."""
    place = here.place.name
    if result_cache.interrupted(asked) and not result_cache.had_snapshots(asked):
        _tell_start(node, here, arguments, asked, ready=turn.ready)
        message = (
            f"it was interrupted while it changed data in place{_these(asked)}; make sure of the "
            f"data, then resume with --force '{place}'"
        )
        raise Interrupted(place, "InterruptedInPlace", message)
    changes = await asyncio.to_thread(result_cache.keys.contents, asked.changes)
    _tell_start(node, here, arguments, asked, changes=changes, ready=turn.ready)
    revision = new_revision()
    result_cache.revisions.note(place, revision)
    result_cache.in_place.begin(place, changes)
    await here.run.settled()
    try:
        result = await _called(node, here, arguments, seed, asked, turn, revision)
    except NodeError as error:
        result_cache.in_place.failed(place, error.ending)
        raise
    assert result.made is not None
    result_cache.in_place.done(place, result.made)
    return _without_snapshots(here, asked, result)


def _these(asked: CacheQuery) -> str:
    """The data that a call changes, as a message names them."""
    named = [shown(address) for address in asked.changes[:3]]
    more = ", ..." if len(asked.changes) > len(named) else ""
    return f" ({', '.join(named)}{more})" if named else ""


def _without_snapshots(here: NodeContext, asked: CacheQuery, result: Result) -> Result:
    """The result of a call, whose snapshots go as soon as the journal has it."""
    if not asked.workload.snapshot:
        return result
    discard = partial(discard_snapshots, asked.changes, here.run.job.workdir, here.place.name)
    return replace(result, afterwards=discard)


async def _called(
    node: Task,
    here: NodeContext,
    arguments: dict[str, Any],
    seed: str,
    asked: CacheQuery | None,
    turn: Turn,
    revision: str = "",
) -> Result:
    run, place = here.run, here.place
    attempts, workload = plan(node.retries, seed), run.job.library.workloads[node.run]
    context: Snapshot | None = None

    async def once(number: int) -> tuple[Performed, Usage]:
        nonlocal context
        # A further attempt waits for its turn again: the delay before it holds no slot.
        await turn.take(number)
        limit, of = limit_of(node, turn.resources)
        try:
            workdir = _unused(here) if workload.writes else run.job.workdir
            context = _context(node, here)
            call = Call(
                place=place.name,
                workload=node.run,
                arguments=arguments,
                workdir=workdir,
                root=run.job.workdir,
                seed=seed,
                cache=run.job.cache,
                publish=_published(run, workdir),
                injection=run.job.faults.pick(place.name, number, run.job.settings.seed),
                context=context,
                changes=asked.changes if asked is not None else (),
                secrets=Secrets.of(arguments),
                hidden=run.secrets,
                resources=turn.resources,
                limit=limit,
            )
            kept = run.executor.capabilities.keeps_limits
            performed = await within(
                None if kept else limit, place.name, lambda: run.executor.run(call)
            )
            refuse_secrets(call, performed)
            return performed, turn.usage(performed.usage)
        except TimedOut as late:
            told = TimedOut(place.name, limit or 0.0, of)
            told.usage = turn.usage(late.usage)
            raise told from None
        except NodeError as error:
            error.usage = turn.usage(error.usage)
            raise
        finally:
            turn.give()

    label = Label(place.path, place.name, node.description, node.tags)
    performed, usage = await here.tracker.call(label, attempts, telling(here, attempts, once))
    for note in performed.notes:
        run.say(Noted(time=time.time(), place=place.name, message=note, level="warning"))
    if run.result_cache is None or asked is None:
        # Nothing is remembered, but what was added lands all the same.
        made = Made(key="", added=performed.added) if performed.added else None
        return Result(performed.outputs, made=made, usage=usage)
    keys = run.result_cache.keys
    made = Made(
        key=asked.key,
        workdir=performed.workdir,
        files=performed.files,
        added=performed.added,
        reads={query: keys.digest(answer(context or NOTHING, query)) for query in performed.asked},
        marks=performed.marks,
        revision=revision,
        changed=performed.changed,
    )
    keys.learn(made)
    handed = [arguments, performed.outputs, [addition.value for addition in performed.added]]
    if not keys.knows_all(handed):
        made = replace(made, outside=await asyncio.to_thread(keys.noted, handed))
    return Result(performed.outputs, made=made, usage=usage)


def _context(node: Task, here: NodeContext) -> Snapshot | None:
    """The context that the call sees, if its workload asks for it."""
    run = here.run
    if (
        run.live_context is None
        or "context" not in run.job.library.workloads[node.run].given.values()
    ):
        return None
    return run.live_context.snapshot(here.link)


def _unused(here: NodeContext) -> Path:
    """A directory that no attempt has had, nor one of a group around it: nothing is written over,
    not even what a damaged journal has forgotten."""
    run, place = here.run, here.place
    while True:
        run.tries[place.name] += 1
        workdir = directory(run.job.workdir, place, run.tries[place.name], run.job.generation)
        around = place.name.rpartition("/")[0]
        names = run.there.get(around)
        if names is None:
            names = run.there[around] = _names_in(workdir.parent)
        if workdir.name not in names:
            return workdir


def _names_in(folder: Path) -> frozenset[str]:
    """Names in a directory. Once is enough: later entries have names that this run gave."""
    try:
        return frozenset(entry.name for entry in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()


def _published(run: Run, workdir: Path) -> str:
    """The address to which the files of a call go, "" if they stay."""
    return (
        f"{run.job.publish}/{workdir.relative_to(run.job.workdir).as_posix()}"
        if run.job.publish
        else ""
    )


def _tell_start(
    node: Task,
    here: NodeContext,
    arguments: dict[str, Any] | None = None,
    asked: CacheQuery | None = None,
    result: CachedResult | None = None,
    changes: Mapping[str, str] | None = None,
    ready: float | None = None,
) -> None:
    here.run.say(
        NodeStarted(
            time=time.time(),
            place=here.place.name,
            kind="task",
            description=node.description,
            workload=node.run,
            source=asked.source if asked is not None else "",
            inputs=arguments or {},
            origin=result.run if result is not None else "",
            changes=changes or {},
            ready=ready,
        )
    )


def _check_inputs(node: Task, here: NodeContext, arguments: dict[str, Any]) -> None:
    """Refuse values that only the run could show not to fit."""
    workload = here.run.job.library.workloads[node.run]
    shapes = workload.shapes
    for name, value in arguments.items():
        if isinstance(value, Sealed):
            if mismatch(shapes[name], value.content):
                message = f"input {name!r}: the secret does not fit; it takes "
                message += describe(shapes[name])
                raise NodeError(here.place.name, "InputInvalid", message)
        elif reason := mismatch(shapes[name], value):
            raise NodeError(here.place.name, "InputInvalid", f"input {name!r}: {reason}")
