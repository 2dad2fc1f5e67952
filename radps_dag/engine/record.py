"""A run's directory: its facts, its products, and what earlier runs of the pipeline left."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radps_dag.facts import Fact, Listener, as_json
from radps_dag.problem import RadpsDagError

__all__ = ["Left", "Recorder", "RunDirectory", "earlier_outputs", "new_run", "recording"]

FACTS = "facts.jsonl"


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Where a run keeps things: `facts.jsonl`, `products/` and `workers.log`."""

    id: str
    path: Path

    @property
    def products(self) -> Path:
        return self.path / "products"

    @property
    def facts(self) -> Path:
        return self.path / FACTS

    @property
    def workers_log(self) -> Path:
        return self.path / "workers.log"


def new_run(workspace: Path, pipeline: str) -> RunDirectory:
    """Make the directory of a new run. Its id sorts by time: `20261123-061502-full_cube`."""
    runs = workspace / "runs"
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{pipeline}"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for number in range(1, 1000):
            id = stem if number == 1 else f"{stem}-{number}"
            try:
                (runs / id).mkdir()
            except FileExistsError:
                continue
            return RunDirectory(id, (runs / id).resolve())
    except OSError as error:
        raise RadpsDagError(
            f"{error.filename}: the run's directory cannot be made: {error.strerror}; "
            "choose another place with --workspace"
        ) from error
    raise RadpsDagError(f"{runs}: too many runs in one second")


class Recorder:
    """A listener that also writes each fact to the run's file, a line of JSON each.

    Where that fails (a full disk), `broken` is called once and the rest is only passed on.
    """

    def __init__(self, path: Path, descriptor: int, listener: Listener) -> None:
        self._path = path
        self._descriptor = descriptor
        self._listener = listener
        self.broken: Callable[[], object] = lambda: None
        self.error: RadpsDagError | None = None

    def __call__(self, fact: Fact) -> None:
        if self.error is None:
            line = json.dumps(as_json(fact), allow_nan=False) + "\n"
            try:
                self._write(line.encode())
            except OSError as error:
                self.error = _unwritable(self._path, error)
                self.broken()
        self._listener(fact)

    def _write(self, content: bytes) -> None:
        while content:
            content = content[os.write(self._descriptor, content) :]


@contextmanager
def recording(directory: RunDirectory, listener: Listener) -> Iterator[Recorder]:
    """A recorder of the run. Raises RadpsDagError if it could not write everything."""
    try:
        descriptor = os.open(directory.facts, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    except OSError as error:
        raise _unwritable(directory.facts, error) from error
    recorder = Recorder(directory.facts, descriptor, listener)
    try:
        yield recorder
    finally:
        os.close(descriptor)
    if recorder.error is not None:
        raise recorder.error


def _unwritable(path: Path, error: OSError) -> RadpsDagError:
    return RadpsDagError(
        f"{path}: what happens in the run cannot be recorded, so it ends: {error.strerror}; "
        "make room, or choose another place with --workspace"
    )


@dataclass(frozen=True, slots=True)
class Left:
    """What the last run of a stage left: its outputs, or that it was skipped."""

    run: str
    outputs: Mapping[str, Any] | None


def earlier_outputs(workspace: Path, pipeline: str, stages: Iterable[str]) -> dict[str, Left]:
    """For each stage, the newest run of the pipeline in which it ended well, and its outputs."""
    missing = set(stages)
    found: dict[str, Left] = {}
    runs = workspace / "runs"
    directories = sorted((path for path in runs.glob("*") if path.is_dir()), reverse=True)
    for path in directories:
        if not missing:
            break
        for stage, left in _stages_of(path, pipeline).items():
            if stage in missing:
                missing.discard(stage)
                found[stage] = left
    return found


def _stages_of(path: Path, pipeline: str) -> dict[str, Left]:
    try:
        with (path / FACTS).open(encoding="utf-8") as file:
            lines = iter(file)
            if json.loads(next(lines, "{}")).get("pipeline") != pipeline:
                return {}
            return dict(_ended(lines, path.name))
    except (OSError, ValueError):
        # No run of ours, or one whose file is damaged: as good as none.
        return {}


def _ended(lines: Iterable[str], run: str) -> Iterator[tuple[str, Left]]:
    for line in lines:
        try:
            fact = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed
        place = fact.get("place", "")
        if not place or any(mark in place for mark in "/[#"):
            continue
        if fact["fact"] == "node_succeeded":
            yield place, Left(run, fact["outputs"])
        elif fact["fact"] == "node_skipped" and fact["reason"] != NOT_SELECTED:
            yield place, Left(run, None)


NOT_SELECTED = "not selected"
