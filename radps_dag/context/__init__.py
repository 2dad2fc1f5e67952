"""Context of a run through one interface: for notebooks and scripts, of any run.

from radps_dag.context import add_to_context, load_context

context = load_context()
context.products("caltable", spw=1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radps_dag.context.access import add_to_context, load_context, withdraw_from_context
    from radps_dag.workloads.contract.context import Context
    from radps_dag.workloads.contract.matching import Matches, match_fields, match_spws

__all__ = [
    "Context",
    "Matches",
    "add_to_context",
    "load_context",
    "match_fields",
    "match_spws",
    "withdraw_from_context",
]

# Imported when they are asked for: a database takes its time.
_HOMES = {
    "Context": "radps_dag.workloads.contract.context",
    "Matches": "radps_dag.workloads.contract.matching",
    "match_fields": "radps_dag.workloads.contract.matching",
    "match_spws": "radps_dag.workloads.contract.matching",
    "add_to_context": "radps_dag.context.access",
    "load_context": "radps_dag.context.access",
    "withdraw_from_context": "radps_dag.context.access",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
