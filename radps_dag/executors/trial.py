"""A test of an executor: one call computed there, and its product looked at from here."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from radps_dag.executors.call import Call, Performed
from radps_dag.executors.publishing import harm
from radps_dag.executors.registry import ExecutorChoice, open_executor
from radps_dag.executors.run_call import TRIAL
from radps_dag.facts import Made
from radps_dag.problem import RadpsDagError
from radps_dag.storage.remote import discard, is_local, make_sure, path_of
from radps_dag.workloads.contract.registry import Library

__all__ = ["Tried", "try_executor"]


@dataclass(frozen=True, slots=True)
class Tried:
    """An executor that can be used: its calls at once, where the call was computed, and the seconds
    until it was open and that the call then took."""

    slots: int
    host: str
    pid: int
    opened: float
    took: float


def try_executor(
    choice: ExecutorChoice, library: Library, slots: int | None, root: str, limit: float
) -> Tried:
    """Make a call whose product goes to the root, as a run's would. Raises RadpsDagError, of one
    line, for what keeps it from that."""
    make_sure(root)
    name = f".radps-dag-trial-{secrets.token_hex(4)}"
    here = Path(tempfile.mkdtemp(prefix="radps-dag-"))
    products = path_of(root) / name if is_local(root) else here / name
    publish = "" if is_local(root) else f"{root}/{name}"
    try:
        products.mkdir()
        began = time.monotonic()
        executor = open_executor(
            choice, library, slots, here / "workers.log", products=products, publish=publish
        )
        opened = time.monotonic() - began

        async def call() -> tuple[Performed, float]:
            workdir = products / "call"
            asked = Call("trial", TRIAL, {}, workdir, "0", root=products, publish=publish)
            try:
                began = time.monotonic()
                performed = await asyncio.wait_for(executor.run(asked), limit)
                return performed, time.monotonic() - began
            except TimeoutError:
                raise RadpsDagError(
                    f"executor {choice.name!r}: the call has not ended after {limit:g} s"
                ) from None
            finally:
                await executor.close()

        performed, took = asyncio.run(call())
        if wrong := harm(_made(performed)):
            raise RadpsDagError(
                f"executor {choice.name!r}: what the call wrote is not here: {wrong}"
            )
        return Tried(executor.slots, **performed.outputs, opened=opened, took=took)
    except OSError as error:
        raise RadpsDagError(f"{error.filename}: {error.strerror}") from error
    finally:
        shutil.rmtree(products, ignore_errors=True)
        shutil.rmtree(here, ignore_errors=True)
        if publish:
            discard(publish)


def _made(performed: Performed) -> Made:
    return Made(key="", workdir=performed.workdir, files=performed.files, marks=performed.marks)
