"""A path to a pipeline: the file and those it uses, read, held against the grammar, assembled."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from radps_dag.language.assembly import assemble
from radps_dag.language.breaches import mistakes
from radps_dag.language.explaining import Mistake
from radps_dag.language.model import Pipeline, Use, children
from radps_dag.language.source import MAX_PROBLEMS, Document, Report, Series, parse, read_source
from radps_dag.problem import InvalidPipeline, Location, Problem, UsageError, allowed, did_you_mean

__all__ = ["MAX_NODES", "load", "read"]

# Files that use files multiply: ten that each use the next one ten times are 10,000,000,000 nodes.
MAX_NODES = 100_000
MAX_CHAIN = 20


def load(path: str | os.PathLike[str]) -> Pipeline:
    """The pipeline of a file.

    Raises InvalidPipeline with every mistake in it, and UsageError where there is no such file.
    """
    pipeline, problems = read(path)
    if pipeline is None or problems:
        raise InvalidPipeline(problems)
    return pipeline


def read(path: str | os.PathLike[str]) -> tuple[Pipeline | None, list[Problem]]:
    """Read a pipeline as far as it can be understood, with every mistake found.

    Raises UsageError where there is no such file.
    """
    name = os.fspath(path)
    file = _found(Path(name), name)
    problems: list[Problem] = []
    files = _Files(file.parent, problems.append)
    pipeline = files.pipeline(file, name)
    return pipeline, sorted(set(problems), key=lambda problem: problem.sort_key)


def _found(file: Path, name: str) -> Path:
    """The file that a person has named, resolved."""
    try:
        resolved = file.resolve(strict=True)
        mode = resolved.stat().st_mode
    except (OSError, ValueError, RuntimeError) as error:
        if not isinstance(error, FileNotFoundError):
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"cannot read {name!r}: {reason}") from None
        hint = did_you_mean(file.name, _pipelines(file.parent))
        raise UsageError(f"no such file: {name!r}{hint}") from None
    if stat.S_ISDIR(mode):
        inside = allowed(_pipelines(resolved)) or "none is in it"
        raise UsageError(f"{name!r} is a folder; name a pipeline file: {inside}")
    if not stat.S_ISREG(mode):
        raise UsageError(f"{name!r} is not a regular file")
    return resolved


def _pipelines(folder: Path) -> list[str]:
    """The names of the YAML files in a folder, for hints."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.name.endswith((".yaml", ".yml")))[:200]
    except OSError:
        return []


class _Files:
    """The files of one reading: each read once, none outside the first one's folder."""

    def __init__(self, root: Path, report: Report) -> None:
        self._root = root
        self._report = report
        self._read: dict[Path, Pipeline | None] = {}
        self._chain: list[tuple[Path, str]] = []  # that are being read, from the first one in
        self._sizes: dict[int, int] = {}  # nodes by pipeline, with those of the files it uses

    def pipeline(self, file: Path, name: str) -> Pipeline | None:
        """Read a file; None if it cannot be understood at all."""
        self._chain.append((file, name))
        try:
            pipeline = self._assembled(file, name)
        finally:
            self._chain.pop()
        self._read[file] = pipeline
        if pipeline is not None:
            self._sizes[id(pipeline)] = self._size(pipeline)
        return pipeline

    def _assembled(self, file: Path, name: str) -> Pipeline | None:
        try:
            source = read_source(file, name, self._report)
        except OSError as error:
            raise UsageError(f"cannot read {name!r}: {error.strerror}") from None
        document = None if source is None else parse(source, self._report)
        if document is None or not _without_mistakes(document, self._report):
            return None

        def include(used: str, at: Location) -> Pipeline | None:
            return self._included(used, at, file.parent, Path(name).parent)

        return assemble(document, str(file), include, self._report)

    def _included(self, used: str, at: Location, folder: Path, shown: Path) -> Pipeline | None:
        """The pipeline that a `use` names, from a file in `folder`."""
        try:
            file = self._allowed(used, folder)
        except _Refused as refused:
            self._report(Problem(at, "use", str(refused)))
            return None
        if file not in self._read:
            name = os.path.normpath(shown / used)
            try:
                self.pipeline(file, name)
            except UsageError as error:
                self._report(Problem(at, "use", str(error)))
                self._read[file] = None
        return self._read[file]

    def _allowed(self, used: str, folder: Path) -> Path:
        if Path(used).is_absolute() or used.startswith("~") or "\\" in used:
            raise _Refused(f"{used!r} is not a path relative to this file, written with '/'")
        if not used.isprintable() or len(used) > 500:
            raise _Refused("this is not a path of a file")
        wanted = Path(os.path.normpath(folder / used))
        outside = f"{used!r} lies outside the folder of the pipeline, {self._root.name or '/'!r}"
        if not wanted.is_relative_to(self._root):
            raise _Refused(outside)
        try:
            file = wanted.resolve(strict=True)
            mode = file.stat().st_mode
        except FileNotFoundError:
            hint = did_you_mean(wanted.name, _pipelines(wanted.parent))
            raise _Refused(f"no such file: {used!r}{hint}") from None
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise _Refused(f"cannot read {used!r}: {reason}") from None
        if not file.is_relative_to(self._root):
            raise _Refused(f"{outside} (it is a link)")
        if not stat.S_ISREG(mode):
            raise _Refused(f"{used!r} is not a regular file")
        self._refuse_circle(file)
        return file

    def _refuse_circle(self, file: Path) -> None:
        open_files = [path for path, _ in self._chain]
        if file in open_files:
            names = [name for _, name in self._chain[open_files.index(file) :]]
            raise _Refused(f"files use each other in a circle: {' -> '.join([*names, names[0]])}")
        if len(self._chain) >= MAX_CHAIN:
            raise _Refused(f"files use files more than {MAX_CHAIN} levels deep")

    def _size(self, pipeline: Pipeline) -> int:
        """The number of nodes; one `use` too many is reported and counts no further."""
        size = 0
        waiting: list[Any] = [pipeline]
        while waiting:
            for node in children(waiting.pop()):
                size += 1
                if not isinstance(node, Use):
                    waiting.append(node)
                    continue
                size += self._sizes[id(node.pipeline)]
                if size > MAX_NODES:
                    message = f"with this file the pipeline has more than {MAX_NODES} nodes"
                    self._report(Problem(node.file_at, "size", message))
                    return 0
        return size


class _Refused(Exception):
    """A file cannot be used; the message says why."""


def _without_mistakes(document: Document, report: Report) -> bool:
    """Report what is wrong, leave it out, and say whether anything sensible is left."""
    reported: list[Mistake] = []
    for mistake in mistakes(document):
        reported.append(mistake)
        report(mistake.problem)
        if len(reported) >= MAX_PROBLEMS:
            return False
    left_out = {(id(mistake.container), mistake.key): mistake for mistake in reported}
    for mistake in sorted(left_out.values(), key=_last_items_first):
        if isinstance(mistake.container, Series):
            mistake.container.leave_out(int(mistake.key))
        elif mistake.container is not None:
            mistake.container.pop(str(mistake.key), None)
    return isinstance(document.data, dict)


def _last_items_first(mistake: Mistake) -> int:
    # So that an item's index still holds when its turn comes.
    return -int(mistake.key) if isinstance(mistake.container, Series) else 0
