"""A run's record: every fact to the journal and to whoever listens."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from radps_dag.executors.manifest import sync
from radps_dag.facts import Fact, Listener, RunEnded
from radps_dag.journal.cancelled import refuse_cancelled
from radps_dag.journal.claims import Claim, claim
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import RunDirectory
from radps_dag.journal.writer import Writer
from radps_dag.problem import RadpsDagError

__all__ = [
    "OpenRun",
    "Recorder",
    "new_run",
    "recording",
    "reopen",
]


class Recorder:
    """A listener that also writes each fact to the journal.

    Where that fails (a full disk), `broken` is called once, from another thread, and the rest is
    only passed on. How the run ended is passed on when it is durable: no run succeeds whose
    success could not be written.
    """

    def __init__(self, writer: Writer, listener: Listener) -> None:
        self._writer = writer
        self._listener = listener
        self._end: RunEnded | None = None

    def __call__(self, fact: Fact) -> None:
        """Write the fact, and hand it on; the run's end is kept back until it is written."""
        self._writer.append(fact)
        if isinstance(fact, RunEnded):
            self._end = fact
        else:
            self._listener(fact)

    def close(self) -> None:
        """Write what is left. Raises RadpsDagError if not everything could be written."""
        end = self._end
        try:
            self._writer.close()
        except RadpsDagError as error:
            if end is not None:
                self._listener(replace(end, status="failed", outputs={}, message=str(error)))
            raise
        if end is not None:
            self._listener(end)

    async def settled(self) -> None:
        """Wait until every fact so far is durable; for ever, if that cannot be."""
        await self._writer.settled()

    def when_others(self, call: Callable[[int, int], object]) -> None:
        """Have it called, from another thread, with the numbers of rows that somebody else has
        appended: the first and the last."""
        self._writer.others = call

    def when_broken(self, call: Callable[[], object]) -> None:
        """Call this once the journal cannot be written, at once if it already cannot."""
        self._writer.broken = call
        if self._writer.error is not None:
            call()


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that this process, and no other, drives until it is closed."""

    store: Store
    directory: RunDirectory
    claim: Claim
    generation: int

    def close(self) -> None:
        """Let go of the run. One in which nothing has happened was never there: there is nothing
        that could be gone on with."""
        try:
            # What cannot be taken out is in no list all the same.
            with contextlib.suppress(RadpsDagError, OSError):
                if self.store.forget(self.directory.id):
                    self.directory.remove_empty()
        finally:
            self.claim.release()


def new_run(store: Store, pipeline: str, shared: bool = False) -> OpenRun:
    """Begin a run that has not been there before, in a process that is `shared` with others."""
    directory = store.workspace.new_run(pipeline)
    # Another workspace with the same database may have the name; the directory keeps it taken.
    while not store.create(directory.id, pipeline, time.time()):
        directory = store.workspace.new_run(pipeline)
    _keep(directory)
    return _claimed(store, directory, shared)


def reopen(store: Store, run: str, shared: bool = False) -> OpenRun:
    """Go on with a run. Raises Driven, with who does, if another process drives it, and
    RunCancelled if it is over for good."""
    directory = store.workspace.run(run)
    _keep(directory)
    return _claimed(store, directory, shared)


def _claimed(store: Store, directory: RunDirectory, shared: bool) -> OpenRun:
    claimed = claim(store, directory, shared)
    try:
        refuse_cancelled(store, directory.id)
        return OpenRun(store, directory, claimed, store.next_generation(directory.id))
    except BaseException:
        claimed.release()
        raise


def _keep(directory: RunDirectory) -> None:
    """Make the directory and its place in the workspace durable: what is below it is so later."""
    try:
        directory.products.mkdir(parents=True, exist_ok=True)
        for folder in (directory.path, *directory.path.parents[:2]):
            sync(folder)
    except OSError as error:
        raise RadpsDagError(
            f"{directory.path}: the run's directory cannot be written: {error.strerror}; "
            "make room, or choose another place with --workspace"
        ) from error


@contextlib.contextmanager
def recording(opened: OpenRun, listener: Listener) -> Iterator[Recorder]:
    """A recorder of the run. Raises RadpsDagError if it could not write everything."""
    head = opened.store.head(opened.directory.id)
    last = 0 if head is None else head.last
    writer = Writer(opened.store, opened.directory.id, opened.generation, last)
    recorder = Recorder(writer, listener)
    try:
        yield recorder
    finally:
        recorder.close()
