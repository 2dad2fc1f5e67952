"""What expressions see while a run goes on."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["Scope"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The names of one place. `steps` and `stages` fill as nodes end: the order of the graph sees
    to it that what an expression reads is there before the expression is evaluated."""

    params: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    stages: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, Any] = field(default_factory=dict)
    each: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    loop: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] | None = field(default=None)

    def names(self) -> Mapping[str, Any]:
        """What `evaluate` takes."""
        names: dict[str, Any] = {
            "params": self.params,
            "run": self.run,
            "stages": self.stages,
            "steps": self.steps,
            "each": self.each,
            "state": self.state,
            "loop": self.loop,
        }
        if self.outputs is not None:
            names["outputs"] = self.outputs
        return names

    def inside(self, steps: Mapping[str, Any]) -> Scope:
        """The scope of a group's own steps: they shadow those further out."""
        outer = self.steps.maps if isinstance(self.steps, ChainMap) else [self.steps]
        return replace(self, steps=ChainMap(steps, *outer))  # type: ignore[arg-type]

    def for_item(self, item: Mapping[str, Any]) -> Scope:
        return replace(self, each={**self.each, **item})

    def in_iteration(self, index: int, state: Mapping[str, Any]) -> Scope:
        return replace(self, loop={"index": index}, state={**self.state, **state})

    def with_outputs(self, outputs: Mapping[str, Any]) -> Scope:
        return replace(self, outputs=outputs)

    def of_file(self, params: Mapping[str, Any], stages: Mapping[str, Any]) -> Scope:
        """The scope of a used file: nothing of the outside but its params and the run."""
        return Scope(params=params, run=self.run, stages=stages)
