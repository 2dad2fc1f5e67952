"""Pipelines made by hand and by chance, for the tests of the picture."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from radps_dag.language.expression import Literal
from radps_dag.language.model import (
    ForEach,
    Group,
    Loop,
    Metric,
    Named,
    Need,
    Node,
    Param,
    Pause,
    Pipeline,
    Qa,
    Retries,
    Task,
    Use,
)
from radps_dag.problem import Location, Source

HERE = Location(Source("test.yaml", ""), 1, 1)


def constant(value: Any) -> Literal:
    return Literal(value, HERE)


def needs(ids: Iterable[str]) -> tuple[Need, ...]:
    return tuple(Need(id, HERE) for id in ids)


def task(id: str, after: Iterable[str] = (), **more: Any) -> Task:
    return Task(id=id, at=HERE, run=more.pop("run", id), run_at=HERE, needs=needs(after), **more)


def group(id: str, steps: Sequence[Node], after: Iterable[str] = (), **more: Any) -> Group:
    return Group(id=id, at=HERE, steps=tuple(steps), needs=needs(after), **more)


def pause(id: str, message: str, after: Iterable[str] = (), **more: Any) -> Pause:
    return Pause(id=id, at=HERE, message=constant(message), needs=needs(after), **more)


def use(id: str, inner: Pipeline, after: Iterable[str] = (), **more: Any) -> Use:
    return Use(
        id=id, at=HERE, pipeline=inner, file="shared.yaml", file_at=HERE, needs=needs(after), **more
    )


def pipeline(stages: Sequence[Node], name: str = "test", **more: Any) -> Pipeline:
    return Pipeline(name=name, at=HERE, stages=tuple(stages), **more)


def feature(name: str) -> dict[str, Any]:
    """The keyword that gives a node a feature."""
    features: dict[str, Any] = {
        "when": constant("params.imaging == 'cube'"),
        "for_each": ForEach((Named("spw", constant([1, 2, 3]), HERE),), HERE),
        "loop": Loop(constant(5), HERE, until=constant("steps.a.rms < 1"), keep="best"),
        "retries": Retries(3),
        "timeout": 1800.0,
        "on_error": "continue",
        "qa": Qa((Metric("snr", constant(1), HERE),), HERE, constant(0.9), constant(0.67), "pause"),
    }
    return {name: features[name]} if name else {}


FEATURES = ("when", "for_each", "loop", "retries", "timeout", "on_error", "qa")


def everything() -> Pipeline:
    """One node of each kind, and each feature on one of them."""
    shared = pipeline([task("first"), task("second", ["first"])], "shared")
    return pipeline(
        [
            *(task(f"with_{name}", **feature(name)) for name in FEATURES),
            group("bundle", [task("a"), task("b", ["a"], **feature("loop"))], ["with_qa"]),
            use("other", shared, ["bundle"]),
            pause("ask", "Go on?", ["other"], inputs=(_field("niter"),), answer_within=60.0),
        ],
        description="All there is",
    )


def _field(name: str) -> Param:
    from radps_dag.language.shape import of_value

    return Param(name, {"type": "integer"}, of_value(1), HERE)


def at_random(seed: int, size: int, nesting: int = 3, density: float = 1.4) -> Pipeline:
    """A pipeline of about `size` nodes in nested groups, the same for the same arguments."""
    return _Dice(random.Random(seed), density).pipeline(size, nesting)


class _Dice:
    def __init__(self, chance: random.Random, density: float) -> None:
        self.chance, self.density, self.count = chance, density, 0

    def pipeline(self, size: int, nesting: int) -> Pipeline:
        return pipeline(self.level(size, nesting), f"random_{size}")

    def level(self, size: int, nesting: int) -> list[Node]:
        nodes: list[Node] = []
        while size > 0:
            part = self.chance.randint(2, 9) if nesting and self.chance.random() < 0.4 else 0
            part = min(part, size - 1)
            earlier = [node.id for node in nodes[-12:]]
            wanted = min(len(earlier), int(self.chance.expovariate(1 / self.density) + 0.5))
            nodes.append(self.node(part, nesting, self.chance.sample(earlier, wanted)))
            size -= 1 + part
        return nodes

    def node(self, size: int, nesting: int, after: list[str]) -> Node:
        self.count += 1
        word = self.chance.choice(["flag", "apply_calibration", "clean", "solve", "measure_rms"])
        id = f"{word}_{self.count}"
        names = [name for name in FEATURES if self.chance.random() < 0.12]
        more = {key: value for name in names for key, value in feature(name).items()}
        if size:
            return group(id, self.level(size, nesting - 1), after, **more)
        if self.chance.random() < 0.06:
            return pause(id, "Inspect the residual, then go on or stop.", after)
        return task(id, after, **more)


def pipelines(most: int = 40) -> st.SearchStrategy[Pipeline]:
    return st.builds(
        at_random,
        st.integers(0, 10_000),
        st.integers(1, most),
        st.integers(0, 3),
        st.sampled_from([0.3, 1.4, 4.0]),
    )
