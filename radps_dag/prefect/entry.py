"""The flow that deployments name, and the command that runs them.

A worker starts the command; it loads the flow to look for hooks, of which it has none.
"""

from __future__ import annotations

from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

__all__ = ["COMMAND", "ENTRYPOINT", "pipeline"]

COMMAND = ("-m", "radps_dag.cli.deployed")  # of Python
ENTRYPOINT = f"{__name__}.pipeline"


def _not_by_its_command() -> State[Any]:
    """Fail, and say why: the work pool has started Prefect's engine instead of our command."""
    return Failed(
        message=f"the work pool does not use the deployment's command, python {' '.join(COMMAND)}; "
        "see that `command` is a variable of its job template"
    )


pipeline: Flow[..., Any] = Flow(
    _not_by_its_command, name="radps-dag", validate_parameters=False, persist_result=False
)
