"""Views of runs and nodes to lines that a person reads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from radps_dag.cli.looking import moment
from radps_dag.cli.usage_text import usage_lines
from radps_dag.executors.registry import capabilities_of
from radps_dag.executors.worker_log import printed_at
from radps_dag.facts import Files, is_call
from radps_dag.faults import level_parts, levels
from radps_dag.journal.workspace import RunDirectory
from radps_dag.progress.asking import answer_command, answer_text
from radps_dag.progress.look import clean, duration, number, score_text, short
from radps_dag.progress.transitions import CLOSED
from radps_dag.questions import Question
from radps_dag.views.calls import Attempt, NodeView
from radps_dag.views.places import Course
from radps_dag.views.run import Process, RunView

__all__ = ["list_lines", "node_lines", "run_lines"]

_WIDEST = 400  # characters of a value
_MOST = 30  # lines of a section


def run_lines(view: RunView, page: str = "") -> Iterator[str]:
    """The run: what was asked, who drove it, how its stages went, what came out, and on what.
    `page` opens it on Prefect's page, or says why nothing does."""
    listed, start = view.listed, view.start
    provenance = start.provenance
    yield f"{clean(listed.run)}  {listed.status}" + _in(listed.seconds)
    if listed.name:
        yield _field("name", clean(listed.name))
    if listed.driver:
        yield _field("driven by", listed.driver)
    if listed.cause:
        yield _field("cause", clean(listed.cause))
    yield _field("file", start.file)
    yield _field("library", start.library)
    yield _field("executor", f"{start.executor}, seed {start.seed}")
    yield _field("calls", _calls(view))
    yield _field("directory", str(view.directory))
    for tracked in view.tracked[-1:]:
        yield _field("Prefect", f"{tracked.api}, flow run {tracked.flow_run}")
        yield _field("page", page)
    yield from _values("Params", start.params)
    yield from _section("Processes", (_process(process) for process in view.processes))
    yield from _section("Stages", list_lines(view.stages))
    yield from _section("Questions", (_open(question) for question in view.questions))
    yield from _section("Failed", (clean(place) for place in view.failed))
    yield from _values("Outputs", view.outputs)
    yield from _section("Ran with", _with(provenance))


def _calls(view: RunView) -> str:
    listed = view.listed
    some = [(listed.done, "done"), (listed.failed, "failed"), (listed.reused, "of them reused")]
    return ", ".join(f"{count:,} {word}" for count, word in some if count) or "none done"


def _process(process: Process) -> str:
    provenance = process.start.provenance
    who = f"process {provenance.get('pid', '?')} on {provenance.get('host', '?')}"
    how = (
        "no end recorded" if process.end is None else process.end.status + _in(process.end.seconds)
    )
    verb = "began" if process.start.generation == 1 else "resumed"
    return clean(f"{moment(process.start.time)}  {verb} by {who}: {how}")


def _with(provenance: Mapping[str, Any]) -> Iterator[str]:
    packages = provenance.get("packages", {})
    if packages:
        yield clean(", ".join(f"{name} {version}" for name, version in packages.items()))
    python, platform = provenance.get("python"), provenance.get("platform")
    if python:
        yield clean(f"Python {python} on {platform}")
    if provenance.get("cpu"):
        yield clean(f"{provenance['cpus']} x {provenance['cpu']}, host {provenance['host']}")
    if provenance.get("sources_sha256"):
        names = ", ".join(provenance.get("sources", {}))
        yield clean(f"pipeline {provenance['sources_sha256'][:16]} ({short(names, 200)})")


def node_lines(view: NodeView, inside: Sequence[Course], directory: RunDirectory) -> Iterator[str]:
    """A node: what it is, what went in and came out, how it went, what is in it."""
    start = view.start
    tolerated = ", tolerated" if view.tolerated else ""
    took = "" if view.status == "reused" else _in(view.seconds)
    yield f"{clean(view.place)}  {view.status}{tolerated}{took}"
    if view.origin == view.run:
        yield "  did not run again: its result is that of an earlier process of this run"
    elif view.origin:
        yield f"  did not run: its result is that of run {view.origin}"
        yield f"  (`radps-dag show {view.origin} '{clean(view.place)}'` shows how it came about)"
    if view.reason:
        yield _field("because", clean(view.reason))
    if start is not None:
        if start.description:
            yield _field("what", clean(start.description))
        if not is_call(start.kind):
            yield _field("kind", start.kind.replace("_", "-") + _size(start.total))
        if start.workload:
            source = f", source {start.source}" if start.source else ""
            yield _field("workload", f"{start.workload}{source}")
        if said := _said_by_profile(view):
            yield _field("profile", clean(said))
        yield _field("started", moment(start.time))
        yield from _values("Inputs", start.inputs)
    yield from _values("Outputs", view.outputs)
    yield from _products(view)
    yield from _section("Attempts", _attempts(view.attempts))
    if view.attempts and start is not None and is_call(start.kind) and not view.origin:
        yield from _section("Used", usage_lines(view.attempts[-1].usage))
    yield from _section("Iterations", (_iteration(view, n) for n in range(len(view.iterations))))
    yield from _section("QA", (score_text(score) for score in view.scores))
    yield from _section("Notes", (clean(note.message) for note in view.notes))
    yield from _section("Questions", _questions(view))
    yield from _section("Inside", list_lines(inside))
    if start is not None and is_call(start.kind):
        packages = view.began.provenance.get("packages", {}) if view.began is not None else {}
        yield from _section("Ran with", _packages(packages) if not view.origin else ())
        yield from _printed(view, directory)


def _said_by_profile(view: NodeView) -> str:
    """The words of the site's profile about a call."""
    if view.began is None:
        return ""
    path = "/".join(level_parts(level)[0] for level in levels(view.place))
    said: Mapping[str, str] = view.began.settings.get("nodes", {})
    return said.get(path, "")


def _open(question: Question) -> str:
    command = answer_command(question.run, question.place)
    return f"{clean(question.place)}  {clean(question.message)}  ({command})"


def _questions(view: NodeView) -> Iterator[str]:
    """List the questions of a node, and who has answered what."""
    for asked in view.asked:
        yield f"{moment(asked.time)}  {clean(asked.message)}"
        if answer := view.answers.get(asked.question):
            yield f"  {answer_text(answer)}"
        elif asked is view.asked[-1] and view.cancelled:
            yield f"  {CLOSED}"
        elif asked is view.asked[-1] and view.status in ("running", "stopped", "abandoned"):
            yield f"  waits: {answer_command(view.run, asked.place)}"
        else:
            yield "  not answered"


def _printed(view: NodeView, directory: RunDirectory) -> Iterator[str]:
    """The end of what the latest call printed or, where it is not known whose it is, the log."""
    if view.origin not in ("", view.run):
        return
    log = directory.workers_log
    if outputs := printed_at(log, view.place):
        lines = _lines(outputs[-1].text)
        if len(lines) > _MOST:
            lines = [f"... ({len(lines) - _MOST:,} lines before, in {log})", *lines[-_MOST:]]
        yield from ("", "Printed", *(f"  {line}" for line in lines))
    elif view.began is not None and _has_content(log):
        able = capabilities_of(view.began.executor)
        if able is not None and not able.tells_prints:
            yield ""
            where = f"Calls in {view.began.executor} print to one log"
            yield f"{where}, where it is not known which printed what: {log}"


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _packages(packages: Mapping[str, str]) -> Iterator[str]:
    if packages:
        yield clean(", ".join(f"{name} {version}" for name, version in packages.items()))


def _products(view: NodeView) -> Iterator[str]:
    made = view.made
    if made is None or not made.files:
        return
    folder = unquote(urlsplit(made.workdir).path)
    yield from _section("Products", _sizes(made.files))
    yield f"  in {folder}"


def _sizes(files: Files) -> Iterator[str]:
    widest = max(map(len, files))
    for name, (size, digest) in files.items():
        yield f"{clean(name):{widest}}  {_bytes(size):>9}  {digest}"


def _attempts(attempts: Sequence[Attempt]) -> Iterator[str]:
    if len(attempts) == 1 and attempts[0].status == "succeeded":
        return  # the first line says it all
    for attempt in attempts:
        resumed = f" (process {attempt.process})" if attempts[-1].process > 1 else ""
        error = f": {attempt.error}: {clean(attempt.message)}" if attempt.error else ""
        yield (
            f"{attempt.number}{resumed}  {moment(attempt.started)}  {attempt.status}"
            f"{_after(attempt.seconds)}{error}"
        )
        yield from (f"    {line.rstrip()}" for line in _lines(attempt.traceback))


def _lines(text: str) -> list[str]:
    """Lines without what a terminal would obey, their indentation kept."""
    lines = text.splitlines()
    return [" " * (len(line) - len(line.lstrip(" "))) + clean(line) for line in lines]


def _iteration(view: NodeView, n: int) -> str:
    iteration = view.iterations[n]
    score = "" if iteration.score is None else f"  score {number(iteration.score)}"
    outcome = f"  {clean(iteration.outcome)}" if iteration.outcome else ""
    kept = f", iteration {iteration.kept} is kept" if iteration.outcome and iteration.kept else ""
    return f"#{iteration.iteration} of {iteration.cap}{score}{outcome}{kept}"


def list_lines(courses: Sequence[Course]) -> Iterator[str]:
    """Places with how they ended, when, and how long they took."""
    if not courses:
        return
    widest = min(max(len(course.place) for course in courses), 60)
    for course in courses:
        attempts = f"  {course.attempts} attempts" if course.attempts > 1 else ""
        took = "" if course.status == "reused" else duration(_taken(course))
        line = f"{clean(course.place):{widest}}  {course.status:9}  {moment(course.started):14}"
        yield f"{line}  {took:>7}{attempts}".rstrip()


def _taken(course: Course) -> float | None:
    if course.status not in ("running", "retrying"):
        return course.seconds
    return None if course.started is None else max(0.0, time.time() - course.started)


def _values(title: str, values: Mapping[str, Any]) -> Iterator[str]:
    widest = min(max(map(len, values), default=0), 24)
    named = (f"{clean(name):{widest}}  {short(value, _WIDEST)}" for name, value in values.items())
    yield from _section(title, named)


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    content = list(lines)
    if not content:
        return
    yield ""
    yield title
    yield from (f"  {line}" for line in content[:_MOST])
    if len(content) > _MOST:
        yield f"  and {len(content) - _MOST:,} more: --json has them all"


def _field(name: str, value: str) -> str:
    return f"  {name:10} {clean(value)}"


def _in(seconds: float | None) -> str:
    return "" if seconds is None else f" in {duration(seconds)}"


def _after(seconds: float | None) -> str:
    return "" if seconds is None else f" after {duration(seconds)}"


def _size(total: int | None) -> str:
    return "" if total is None else f" of {total:,}"


def _bytes(size: int) -> str:
    """A size as a person reads it.

    >>> [_bytes(size) for size in (0, 999, 1234, 5_600_000)]
    ['0 B', '999 B', '1.2 kB', '5.6 MB']
    """
    if size < 1000:
        return f"{size} B"
    value, units = size / 1000, iter(("kB", "MB", "GB", "TB"))
    unit = next(units)
    for larger in units:
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}"
