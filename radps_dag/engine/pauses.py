"""A question to a person."""

from __future__ import annotations

from radps_dag.engine.outcome import NodeError
from radps_dag.engine.run import Here, Result, value_of
from radps_dag.model import Pause

__all__ = ["pause_body"]


async def pause_body(node: Pause, here: Here) -> Result:
    """Fail with the question: nobody can be asked yet."""
    message = value_of(node.message, here)
    raise NodeError(
        here.place.name,
        "PauseUnavailable",
        f"this version cannot wait for an answer to {message!r}; "
        "run without the parameter that asks for the pause",
    )
