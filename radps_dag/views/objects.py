"""Views of runs and nodes to JSON objects, for programs. What is empty is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from radps_dag.executors.worker_log import printed_at
from radps_dag.facts import QuestionAsked
from radps_dag.journal.workspace import RunDirectory
from radps_dag.views.calls import Attempt, NodeView
from radps_dag.views.places import Course
from radps_dag.views.run import Process, RunView

__all__ = ["course_object", "node_object", "run_object"]


def run_object(view: RunView) -> dict[str, Any]:
    """Run as a JSON object."""
    start = view.start
    return _kept(
        {
            **asdict(view.listed),
            "file": start.file,
            "params": start.params,
            "library": start.library,
            "executor": start.executor,
            "seed": start.seed,
            "settings": start.settings,
            "provenance": {
                name: value for name, value in start.provenance.items() if name != "sources"
            },
            "processes": [_process(process) for process in view.processes],
            "stages": [course_object(stage) for stage in view.stages],
            "failed_places": list(view.failed),
            "prefect": [
                {"flow_run": tracked.flow_run, "api": tracked.api} for tracked in view.tracked
            ],
            "outputs": view.outputs,
            "directory": str(view.directory),
        }
    )


def course_object(course: Course) -> dict[str, Any]:
    """Course of a node as a JSON object."""
    return _kept(
        {"node": course.place, **{k: v for k, v in asdict(course).items() if k != "place"}}
    )


def node_object(
    view: NodeView, inside: Sequence[Course] = (), directory: RunDirectory | None = None
) -> dict[str, Any]:
    """Node as a JSON object."""
    start, made = view.start, view.made
    provenance = view.began.provenance if view.began is not None else {}
    log = directory.workers_log if directory is not None else None
    printed = printed_at(log, view.place) if log is not None else ()
    return _kept(
        {
            "run": view.run,
            "node": view.place,
            "status": view.status,
            "tolerated": view.tolerated or None,
            "reason": view.reason,
            "kind": start.kind if start is not None else None,
            "description": start.description if start is not None else "",
            "workload": start.workload if start is not None else "",
            "source": start.source if start is not None else "",
            "reused_from": view.origin,
            "seconds": view.seconds,
            "inputs": start.inputs if start is not None else {},
            "outputs": view.outputs,
            "attempts": [_attempt(attempt) for attempt in view.attempts],
            "scores": [_fact(score) for score in view.scores],
            "iterations": [_fact(iteration) for iteration in view.iterations],
            "notes": [_fact(note) for note in view.notes],
            "questions": [_question(view, question) for question in view.asked],
            "key": made.key if made is not None else "",
            "workdir": made.workdir if made is not None else "",
            "products": {
                name: {"bytes": size, "digest": digest}
                for name, (size, digest) in (made.files if made is not None else {}).items()
            },
            "packages": provenance.get("packages", {}),
            "python": provenance.get("python", ""),
            "inside": [course_object(course) for course in inside],
            "printed": [{"at": output.at, "text": output.text} for output in printed],
            "log": str(log) if log is not None and log.exists() else "",
        }
    )


def _process(process: Process) -> dict[str, Any]:
    provenance = process.start.provenance
    return _kept(
        {
            "generation": process.start.generation,
            "started": process.start.time,
            "seconds": process.end.seconds if process.end is not None else None,
            "status": process.end.status if process.end is not None else None,
            "message": process.end.message if process.end is not None else "",
            "host": provenance.get("host", ""),
            "pid": provenance.get("pid"),
        }
    )


def _attempt(attempt: Attempt) -> dict[str, Any]:
    usage = {} if attempt.usage is None else attempt.usage.as_json()
    return _kept({**asdict(attempt), "seconds": attempt.seconds, "usage": usage})


def _question(view: NodeView, asked: QuestionAsked) -> dict[str, Any]:
    answer = view.answers.get(asked.question)
    said = {} if answer is None else _fact(answer)
    said.pop("question", None)
    return _kept({**_fact(asked), "inputs": dict(asked.inputs), "answer": said})


def _fact(fact: Any) -> dict[str, Any]:
    return _kept({name: value for name, value in asdict(fact).items() if name != "place"})


def _kept(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in ("", None, {}, [], ())}
