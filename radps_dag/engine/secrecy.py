"""Search for the run's secrets in what a call has made, before it is recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from radps_dag.executors.call import Call, Performed
from radps_dag.outcome import SecretExposed

__all__ = ["refuse_secrets"]


def refuse_secrets(call: Call, performed: Performed) -> None:
    """Raise SecretExposed for a secret in what is to be recorded: whoever reads the record would
    find stars in its place."""
    if not call.hidden.contents:
        return
    for what, value in _recorded(performed):
        if name := call.hidden.found_in(value):
            why = f"{what} contains the secret param {name!r}, and would be recorded"
            message = f"{why}; pass the param itself to whoever needs it"
            raise SecretExposed(call.place, call.hidden.hide(message))


def _recorded(performed: Performed) -> Iterator[tuple[str, Any]]:
    """Everything that is recorded of what a call has made, with what it is called."""
    for name, value in performed.outputs.items():
        yield f"output {name!r}", {name: value}
    for addition in performed.added:
        yield f"what is added to the context as {addition.key!r}", dataclasses.asdict(addition)
    yield "a question to the context", performed.asked
    yield "the name of a file", [*performed.files]
