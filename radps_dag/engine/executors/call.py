"""A call of a workload, ready to be handed to an executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from radps_dag.faults import Injection

__all__ = ["Call", "Executor"]


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of one workload: its name, its inputs as JSON values, and where it may write."""

    place: str
    workload: str
    arguments: Mapping[str, Any]
    workdir: Path
    seed: str
    injection: Injection = field(default_factory=Injection)


class Executor(Protocol):
    """Computes calls. Cancelling `run` ends the computation, as far as the executor can."""

    @property
    def slots(self) -> int:
        """How many calls it computes at once."""
        ...

    async def run(self, call: Call) -> dict[str, Any]:
        """The call's outputs. Raises CallFailed with the workload's own error."""
        ...

    async def close(self) -> None:
        """End everything that still computes; nothing of the executor is left behind."""
        ...
