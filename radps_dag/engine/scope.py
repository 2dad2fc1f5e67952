"""Names that expressions see while a run goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["Scope"]


class _Steps(Mapping[str, Any]):
    """The outputs of the steps in sight: a group's own, and of the others those further out."""

    __slots__ = ("_finished", "_ids", "_outer")

    def __init__(
        self, ids: Collection[str], finished: Mapping[str, Any], outer: Mapping[str, Any]
    ) -> None:
        self._ids = ids
        self._finished = finished
        self._outer = outer

    def __getitem__(self, id: str) -> Any:
        # A step that was skipped has no outputs, and those of its namesake are not its own.
        return (self._finished if id in self._ids else self._outer)[id]

    def __iter__(self) -> Iterator[str]:
        yield from self._finished
        yield from (id for id in self._outer if id not in self._ids)

    def __len__(self) -> int:
        return sum(1 for _ in self)


_NONE: Mapping[str, Any] = {}


class Scope(NamedTuple):
    """The names of one place. `steps` and `stages` fill as nodes end: the order of the graph sees
    to it that what an expression reads is there before the expression is evaluated."""

    params: Mapping[str, Any] = _NONE
    run: Mapping[str, Any] = _NONE
    stages: Mapping[str, Any] = _NONE
    steps: Mapping[str, Any] = _NONE
    each: Mapping[str, Any] = _NONE
    state: Mapping[str, Any] = _NONE
    loop: Mapping[str, Any] = _NONE
    outputs: Mapping[str, Any] | None = None

    def names(self) -> Mapping[str, Any]:
        """The names that `evaluate` takes."""
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

    def inside(self, ids: Collection[str], finished: Mapping[str, Any]) -> Scope:
        """The scope of a group's own steps: they hide those further out, finished or not."""
        return self._replace(steps=_Steps(ids, finished, self.steps))

    def for_item(self, item: Mapping[str, Any]) -> Scope:
        """Scope of an instance: the names of its item are added."""
        return self._replace(each={**self.each, **item})

    def in_iteration(self, index: int, state: Mapping[str, Any]) -> Scope:
        """Scope of an iteration: its index and state are added."""
        return self._replace(loop={"index": index}, state={**self.state, **state})

    def with_outputs(self, outputs: Mapping[str, Any]) -> Scope:
        """Scope that sees the node's own outputs."""
        return self._replace(outputs=outputs)

    def of_file(self, params: Mapping[str, Any], stages: Mapping[str, Any]) -> Scope:
        """The scope of a used file: nothing of the outside but its params and the run."""
        return Scope(params=params, run=self.run, stages=stages)
