"""A call, performed here and now: in a thread of the driver, or in a worker process."""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
import traceback
from dataclasses import replace

from radps_dag.executors.call import Call, Performed
from radps_dag.executors.manifest import seal
from radps_dag.executors.metering import Meter
from radps_dag.executors.snapshots import begin_from_snapshots
from radps_dag.faults import Injection
from radps_dag.outcome import CallFailed
from radps_dag.sealed import Secrets
from radps_dag.workloads.contract.context import Context
from radps_dag.workloads.contract.knowledge import NOTHING
from radps_dag.workloads.contract.notes import noting
from radps_dag.workloads.contract.opening import caching_in
from radps_dag.workloads.contract.percents import FOLDER, reporting
from radps_dag.workloads.contract.programs import ended_programs
from radps_dag.workloads.contract.registry import Library
from radps_dag.workloads.contract.workload import invoke

__all__ = ["TRIAL", "kinds_of", "perform"]

TRIAL = ""  # the workload of a call that tests an executor


def perform(call: Call, library: Library, *, own_process: bool = False) -> Performed:
    """Run a call and measure it. Raises CallFailed, whatever the workload raises. `own_process`:
    nothing else computes in this process meanwhile."""
    meter = Meter(own_process=own_process)
    try:
        with ended_programs(meter.programs):
            performed = _performed(call, library, meter)
        return replace(performed, usage=meter.usage())
    except CallFailed as failed:
        failed.usage = meter.usage()
        raise


def _performed(call: Call, library: Library, meter: Meter) -> Performed:
    try:
        _inject(call.injection)
        if call.workload == TRIAL:
            return _tried(call)
        workload = library.workloads[call.workload]
        arguments = {**call.arguments, **call.secrets.contents}
        context = Context(call.context or NOTHING)
        folder = None if call.root is None else call.root / FOLDER
        with caching_in(call.cache), noting() as notes, reporting(folder, call.place):
            if workload.snapshot:
                begin_from_snapshots(call, workload.snapshot)
            outputs = invoke(workload, arguments, call.workdir, call.seed, context)
        meter.stop()
        performed = Performed(
            outputs,
            added=tuple(context.added),
            asked=tuple(context.asked),
            notes=tuple(map(call.hidden.hide, notes)),
        )
        if call.changes:
            performed = _changed(call, performed)
        return _kept(call, performed) if workload.writes else performed
    except CallFailed as failed:
        message, said = map(call.hidden.hide, (failed.message, failed.traceback))
        raise CallFailed(
            call.place, failed.error, message, kinds=failed.kinds, traceback=said
        ) from None
    except BaseException as error:  # noqa: BLE001
        # Whatever it is: a workload ends itself, and neither its worker nor the run.
        raise CallFailed(
            call.place,
            type(error).__name__,
            _first_line(error, call.hidden),
            kinds=kinds_of(type(error)),
            traceback=call.hidden.hide(_own_part(error)),
        ) from None


def _tried(call: Call) -> Performed:
    """The call of a test, which needs no workload: it writes, and says where it computes."""
    call.workdir.mkdir(parents=True, exist_ok=True)
    (call.workdir / "trial").write_text("trial", encoding="utf-8")
    return _kept(call, Performed({"host": platform.node(), "pid": os.getpid()}))


def _changed(call: Call, performed: Performed) -> Performed:
    """Add the state in which the call left the data that it changes in place, durable as well."""
    from radps_dag.executors.publishing import state

    return replace(
        performed, changed={address: state(address, durable=True) for address in call.changes}
    )


def _kept(call: Call, performed: Performed) -> Performed:
    """Add the files that the call has written, stored safely at their final address."""
    if call.publish:
        from radps_dag.executors.publishing import publish

        return publish(call, performed)
    files = seal(call.workdir, call.root or call.workdir)
    # Also where nothing is in it yet: the outputs may name the directory.
    return replace(performed, files=files, workdir=call.workdir.absolute().as_uri())


def kinds_of(kind: type[BaseException]) -> tuple[str, ...]:
    """The names `retries.on` may use for an exception: its class and every base class."""
    return tuple(base.__name__ for base in kind.__mro__ if issubclass(base, BaseException))


def _first_line(error: BaseException, secrets: Secrets) -> str:
    try:
        # Before it is cut: half a secret is one, too.
        lines = secrets.hide(str(error)).strip().splitlines()
    except Exception:  # noqa: BLE001  # its __str__ is the workload's
        return "an error that cannot say what it is"
    return lines[0][:500] if lines else ""


def _own_part(error: BaseException) -> str:
    """The traceback from the workload on: what is above it is ours and tells its author nothing."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_OURS):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames or error.__traceback__))


_OURS = (__file__, invoke.__code__.co_filename)


def _inject(injection: Injection) -> None:
    """Trouble from outside, in the order in which it would strike."""
    if injection.delay:
        time.sleep(injection.delay)
    if injection.crash:
        os.kill(os.getpid(), signal.SIGKILL)
    if injection.hang:
        threading.Event().wait()
    if injection.exception:
        raise CallFailed(
            "",
            injection.exception,
            injection.message,
            kinds=_kinds_by_name(injection.exception),
        )


def _kinds_by_name(name: str) -> tuple[str, ...]:
    import builtins

    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        return kinds_of(kind)
    return (name, "Exception")
