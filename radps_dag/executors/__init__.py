"""Executors: where workloads compute. One small protocol, one module per executor."""

from __future__ import annotations

from radps_dag.executors.call import Call, Executor
from radps_dag.executors.open import EXECUTORS, open_executor

__all__ = ["EXECUTORS", "Call", "Executor", "open_executor"]
