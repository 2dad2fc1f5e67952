"""Executors: where workloads compute. One small protocol, one module per executor."""

from __future__ import annotations

from radps_dag.executors.call import Call, Capabilities, Executor, Performed, Setup
from radps_dag.executors.registry import executors, find_executor, open_executor

__all__ = [
    "Call",
    "Capabilities",
    "Executor",
    "Performed",
    "Setup",
    "executors",
    "find_executor",
    "open_executor",
]
