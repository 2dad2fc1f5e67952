"""Radio-astronomy pipelines as one page of validated YAML, run by Prefect.

    from radps_dag import check, load, run

    for problem in check("pipeline.yaml"):
        print(problem)
    result = run("pipeline.yaml", params={"niter": 200}, prefect=False, on_event=print)
    result.status, result.outputs, result.context()

`load` reads a file, `check` finds its mistakes, `build` makes its graph, `plan` says what a run
would do, `run` and `resume` do it; `workload` makes a function callable from pipelines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radps_dag.builder import build
    from radps_dag.context.access import load_context
    from radps_dag.loader import load
    from radps_dag.opening import check
    from radps_dag.problem import InvalidPipeline, Problem, RadpsDagError, UsageError
    from radps_dag.runs.api import RunResult, plan, resume, run
    from radps_dag.workloads.contract.workload import workload

__all__ = [
    "InvalidPipeline",
    "Problem",
    "RadpsDagError",
    "RunResult",
    "UsageError",
    "build",
    "check",
    "load",
    "load_context",
    "plan",
    "resume",
    "run",
    "workload",
]

__version__ = "0.1.0"

# Imported when they are asked for: `radps-dag --help` and worker processes need none of them.
_HOMES = {
    "InvalidPipeline": "radps_dag.problem",
    "Problem": "radps_dag.problem",
    "RadpsDagError": "radps_dag.problem",
    "RunResult": "radps_dag.runs.api",
    "UsageError": "radps_dag.problem",
    "build": "radps_dag.builder",
    "check": "radps_dag.opening",
    "load": "radps_dag.loader",
    "load_context": "radps_dag.context.access",
    "plan": "radps_dag.runs.api",
    "resume": "radps_dag.runs.api",
    "run": "radps_dag.runs.api",
    "workload": "radps_dag.workloads.contract.workload",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
