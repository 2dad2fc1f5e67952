"""A naive interpreter of the typed model: one node after another, straight from the language page.

It shares with the engine the model and the value of an expression, and nothing else: no graph, no
facts, no concurrency. It knows tasks, groups, used files, `needs`, `when`, `for_each`, `loop`,
`retries` without delay, `on_error` and `outputs`.

Where something fails, the engine may or may not have started what runs beside it. Such places are
`uncertain`: what happens there is not to be compared.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from radps_dag.language.expression import ExpressionError, Literal, evaluate, references
from radps_dag.language.model import (
    ForEach,
    Group,
    Loop,
    Node,
    Pipeline,
    Retries,
    Task,
    Use,
    children,
)

__all__ = ["Account", "interpret"]

Workloads = Mapping[str, Callable[..., dict[str, Any]]]
Names = dict[str, Any]

DECLARED = {"add": ["sum"], "give": ["value"], "fail_if": ["value"]}


@dataclass
class Account:
    """What a run comes to: its outputs (None if it failed), each place's end, each call."""

    outputs: dict[str, Any] | None = None
    ends: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    uncertain: set[str] = field(default_factory=set)
    uncertain_calls: set[str] = field(default_factory=set)

    def end(self, word: str, place: str, outputs: Any = None) -> None:
        self.ends[word, place, json.dumps(outputs, sort_keys=True)] += 1


class Failure(Exception):
    """A node failed; the names that `retries.on` may give for it."""

    def __init__(self, *kinds: str) -> None:
        super().__init__(*kinds)
        self.kinds = kinds


def interpret(pipeline: Pipeline, params: Mapping[str, Any], workloads: Workloads) -> Account:
    """Run the pipeline in the simplest way there is."""
    reference = _Reference(workloads)
    account = reference.account
    try:
        account.outputs = reference.file(pipeline, dict(params), "", {"id": "test"})
    except Failure:
        account.outputs = None
    return account


class _Reference:
    def __init__(self, workloads: Workloads) -> None:
        self.workloads = workloads
        self.account = Account()

    def file(self, pipeline: Pipeline, params: Names, place: str, run: Names) -> dict[str, Any]:
        names: Names = {"params": params, "run": run, "stages": {}, "steps": {}, "each": {}}
        names |= {"state": {}, "loop": {}}
        self.level(pipeline.stages, names, "stages", place)
        return {one.name: self.value(one.value, names) for one in pipeline.outputs}

    def level(self, nodes: tuple[Node, ...], names: Names, root: str, place: str) -> None:
        """Run the nodes of a level; `names[root]` gets their outputs."""
        ids = {node.id for node in nodes}
        if root == "steps":
            # A step hides its namesake further out, whether it runs or not.
            names["steps"] = {id: one for id, one in names["steps"].items() if id not in ids}
        waits = {node.id: _sources(node, ids, root) for node in nodes}
        how: dict[str, str] = {}
        spoilt = {node.id for node in nodes if node.on_error == "skip_dependents"}
        waiting = list(nodes)
        while waiting:
            node = next(one for one in waiting if waits[one.id] <= set(how))
            waiting.remove(node)
            below = f"{place}/{node.id}" if place else node.id
            before = {
                how[id] if how[id] != "failed" or id in spoilt else "" for id in waits[node.id]
            }
            if before & {"failed", "infected"}:
                how[node.id] = "infected"
                self.account.end("skipped", below)
                continue
            try:
                outputs = self.node(node, names, below)
            except Failure:
                how[node.id] = "failed"
                if node.on_error == "fail":
                    self.doubt(nodes, place)
                    raise
                continue
            how[node.id] = "skipped" if outputs is None else "done"
            if outputs is not None:
                names[root][node.id] = outputs

    def doubt(self, nodes: tuple[Node, ...], place: str) -> None:
        """What runs beside a fatal failure may have come far, or not even begun."""
        for node in nodes:
            self.account.uncertain.add(f"{place}/{node.id}" if place else node.id)
            self.account.uncertain_calls |= set(_calls(node))

    def node(self, node: Node, names: Names, place: str) -> dict[str, Any] | None:
        try:
            runs = node.when is None or self.value(node.when, names)
        except Failure:
            self.account.end("failed", place)
            raise
        if not runs:
            self.account.end("skipped", place)
            return None
        if node.for_each is None:
            return self.instance(node, names, place)
        return self.span(place, lambda: self.fan_out(node, node.for_each, names, place))

    def span(self, place: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            outputs = work()
        except Failure:
            self.account.end("failed", place)
            raise
        self.account.end("succeeded", place, outputs)
        return outputs

    def fan_out(self, node: Node, each: Any, names: Names, place: str) -> dict[str, Any]:
        assert isinstance(each, ForEach)
        lists = [self.value(item.value, names) for item in each.items]
        if not all(isinstance(items, list) for items in lists):
            raise Failure("FanOutInvalid")
        instances: list[tuple[str, str, Names]] = []
        for index, items in enumerate(itertools.product(*lists)):
            of = dict(zip((item.name for item in each.items), items, strict=True))
            inside = {**names, "each": {**names["each"], **of, "index": index}}
            if each.key is None:
                key = ",".join(map(str, items))
                label = ",".join(f"{name}={value}" for name, value in of.items())
            else:
                key = label = str(self.value(each.key, inside))
            if key in [known for known, _, _ in instances]:
                raise Failure("FanOutInvalid")
            instances.append((key, label, inside))
        total = len(instances)
        if total and not each.percent and each.min_success > total:
            raise Failure("FanOutInvalid")
        share = each.min_success * total / 100 if each.percent else each.min_success
        required = min(total, math.ceil(share))
        good: list[dict[str, Any]] = []
        keys: list[str] = []
        failed: list[str] = []
        for key, label, inside in instances:
            try:
                good.append(self.instance(node, inside, f"{place}[{label}]"))
                keys.append(key)
            except Failure:
                failed.append(key)
        if len(good) < required:
            self.account.uncertain |= {f"{place}[{label}]" for _, label, _ in instances}
            self.account.uncertain_calls |= set(_calls(node))
            raise Failure("TooFewSucceeded")
        outputs = list(good[0]) if good else _declared(node)
        lists = {name: [one[name] for one in good] for name in outputs}
        return {"keys": keys, **lists, "failed": failed}

    def instance(self, node: Node, names: Names, place: str) -> dict[str, Any]:
        if node.loop is None:
            return self.span(place, lambda: self.once(node, names, place)[0])
        loop = node.loop
        return self.span(place, lambda: self.loop(node, loop, names, place))

    def loop(self, node: Node, loop: Loop, names: Names, place: str) -> dict[str, Any]:
        most = self.value(loop.max_iterations, names)
        state = {one.name: self.value(one.init, names) for one in loop.state}
        rounds: list[tuple[float | None, dict[str, Any]]] = []
        outcome = "exhausted"
        for number in range(1, most + 1):
            inside = {**names, "loop": {"index": number}, "state": {**names["state"], **state}}
            after = dict(inside)

            def once(inside: Names = inside, after: Names = after, n: int = number) -> Names:
                outputs, steps = self.once(node, inside, f"{place}#{n}")
                after["steps"] = steps
                return outputs

            outputs = self.span(f"{place}#{number}", once)
            after["outputs"] = outputs
            score = None if loop.score is None else self.value(loop.score, after)
            rounds.append((None if score is None else float(score), outputs))
            if loop.diverged is not None and self.value(loop.diverged, after):
                outcome = "diverged"
                break
            if loop.until is not None and self.value(loop.until, after):
                outcome = "converged"
                break
            if number < most:
                state = {
                    one.name: state[one.name] if one.next is None else self.value(one.next, after)
                    for one in loop.state
                }
        policy = {"exhausted": loop.on_exhausted, "diverged": loop.on_diverged}
        if policy.get(outcome, "warn") != "warn":
            raise Failure("NotConverged" if outcome == "exhausted" else "Diverged")
        kept = rounds[-1][1]
        if loop.keep == "best":
            kept = max(rounds, key=lambda one: -math.inf if one[0] is None else one[0])[1]
        history = [score for score, _ in rounds]
        return {**kept, "outcome": outcome, "iterations": len(rounds), "history": history}

    def once(self, node: Node, names: Names, place: str) -> tuple[dict[str, Any], Any]:
        """What a node does once, again as often as it may; its outputs, and `steps` after it."""
        match node:
            case Task():
                given = {one.name: self.value(one.value, names) for one in node.arguments}
                work: Callable[[], Any] = lambda: (self.call(node, given), names["steps"])  # noqa: E731
            case Group():
                work = lambda: self.group(node, dict(names), place)  # noqa: E731
            case Use():
                given = {one.name: self.value(one.value, names) for one in node.arguments}
                for param in node.pipeline.params:
                    if param.name not in given:
                        assert isinstance(param.default, Literal)
                        given[param.name] = param.default.value
                work = lambda: (  # noqa: E731
                    self.file(node.pipeline, dict(given), place, names["run"]),
                    names["steps"],
                )
            case _:
                raise NotImplementedError(node)
        return _repeated(node.retries, work)

    def group(self, node: Group, names: Names, place: str) -> tuple[dict[str, Any], Any]:
        names["steps"] = dict(names["steps"])
        self.level(node.steps, names, "steps", place)
        outputs = {one.name: self.value(one.value, names) for one in node.outputs}
        return outputs, names["steps"]

    def call(self, node: Task, given: dict[str, Any]) -> dict[str, Any]:
        self.account.calls[given["name"]] += 1
        try:
            return self.workloads[node.run](**given)
        except ValueError:
            raise Failure("ValueError", "Exception") from None

    def value(self, value: Any, names: Names) -> Any:
        try:
            return evaluate(value, names)
        except ExpressionError:
            raise Failure("ExpressionError") from None


def _repeated(retries: Retries | None, work: Callable[[], Any]) -> Any:
    for _ in range(retries.max if retries else 0):
        try:
            return work()
        except Failure as failure:
            assert retries is not None
            if retries.on and not set(retries.on) & set(failure.kinds):
                raise
    return work()


def _declared(node: Node) -> list[str]:
    match node:
        case Task():
            names = DECLARED[node.run]
        case Group():
            names = [one.name for one in node.outputs]
        case Use():
            names = [one.name for one in node.pipeline.outputs]
        case _:
            raise NotImplementedError(node)
    return names + (["outcome", "iterations", "history"] if node.loop else [])


def _calls(node: Node) -> Iterator[str]:
    """The names that the tasks in a node call themselves."""
    if isinstance(node, Task):
        yield from (one.value.value for one in node.arguments if one.name == "name")  # type: ignore[union-attr]
    for child in children(node):
        yield from _calls(child)


def _sources(node: Node, ids: set[str], root: str) -> set[str]:
    """Which of its neighbours a node waits for: those it needs, and those that it or anything in
    it names."""
    named = {need.id for need in node.needs} | _named(node, root)
    return (named & ids) - {node.id}


def _named(node: Node, root: str) -> set[str]:
    """The ids of a root that a node names, without those of its own steps."""
    inner: set[str] = set()
    if isinstance(node, Group) and root == "steps":
        inner = {step.id for step in node.steps}
    found: set[str] = set()
    for one in dataclasses.fields(node):
        if one.name not in ("steps", "pipeline"):
            hides = one.name in ("outputs", "loop")
            ids = {id for value in _values(getattr(node, one.name)) for id in _read(value, root)}
            found |= ids - inner if hides else ids
    for step in children(node) if isinstance(node, Group) else ():
        found |= _named(step, root) - inner
    return found


def _values(thing: Any) -> Iterator[Any]:
    """Everything in a part of the model that may be an expression."""
    if isinstance(thing, tuple):  # as the parts of a node are, and lists of them
        for one in thing:
            yield from _values(one)
    elif type(thing).__module__.startswith("radps_dag.language.expression"):
        yield thing


def _read(value: Any, root: str) -> Iterator[str]:
    for reference in references(value):
        if reference.root == root and reference.path:
            yield reference.path[0]
