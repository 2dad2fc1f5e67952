"""Plan of a run: for each node whether it would run, be reused or be skipped, and why.

The plan goes through the graph as a run does, with what is known in the place of what a call would
make. Where a call would run, what it makes is not known, nor is anything that reads it; a node that
depends on it is planned to run too. It may still be reused, if the call makes the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

import networkx as nx

from radps_dag.builder import Graph, body, node_of
from radps_dag.engine.fan_out import declared, instances, with_keys
from radps_dag.engine.job import Job
from radps_dag.engine.loops import (
    History,
    cap,
    judgement,
    more_of,
    outcome_of,
    score_of,
    without_iteration,
    wording_of_limit,
)
from radps_dag.engine.pauses import Wording, wording_of
from radps_dag.engine.plan_lines import PlanLines, Planned, reused_groups
from radps_dag.engine.planned_context import PlannedContext
from radps_dag.engine.run import NodeContext, Run, outermost
from radps_dag.engine.slots import Slots
from radps_dag.engine.tracker import Untracked
from radps_dag.engine.unknown import Unknown, gathered, is_unknown, upstream, value_or_unknown
from radps_dag.language.expression import Value
from radps_dag.language.model import Group, Loop, Node, Pause, Task, Use
from radps_dag.language.params import default_of, given_by
from radps_dag.language.shape import filled
from radps_dag.outcome import NodeError
from radps_dag.questions import answer_of
from radps_dag.reuse.cache import ResultCache
from radps_dag.reuse.revisions import TO_COME, changes_in_place

__all__ = ["Planned", "plan", "reused_groups"]

_Outputs = Mapping[str, Any]  # some of which may be unknown


def plan(job: Job, result_cache: ResultCache) -> list[Planned]:
    """Plan a run of the job: nodes in the order of the graph, groups before their parts.

    Nothing is run or changed, and of files only the size is looked at. Damage that is found is kept
    in the result cache.
    """
    while True:
        result_cache.begin(job.visibility(), job.adopted)
        planner = _Planner(result_cache, PlannedContext(job.live_context(result_cache.store)))
        planner.everything(job)
        # What was changed by a call that runs again has to be made again, and so on.
        if not result_cache.in_place.outdated(frozenset(result_cache.revisions.all.values())):
            return planner.plan.lines


class _Planner:
    def __init__(self, result_cache: ResultCache, planned_context: PlannedContext) -> None:
        self.plan = PlanLines()
        self._result_cache = result_cache
        self._context = planned_context

    def everything(self, job: Job) -> None:
        """Plan all that the job does."""
        run = Run(
            job,
            executor=None,  # type: ignore[arg-type]  # nothing is ever computed
            slots=Slots(1),
            listener=lambda fact: None,
            result_cache=self._result_cache,
        )
        finished: dict[str, Any] = dict(job.reused or {})
        here = outermost(run, job.scope(finished), Untracked())
        self.level(job.graph, here, finished)

    def level(self, graph: Graph, here: NodeContext, finished: dict[str, Any]) -> None:
        """Plan the nodes of one level; `finished` gets what is known of their outputs."""
        order = {id: number for number, id in enumerate(graph)}
        for id in nx.lexicographical_topological_sort(graph, key=order.__getitem__):
            outputs = self._node(graph, id, here.entering(graph, id))
            if outputs is not None:
                finished[id] = outputs

    def _node(self, graph: Graph, id: str, here: NodeContext) -> _Outputs | Unknown | None:
        """The outputs of a node as far as they are known; None if it is skipped."""
        node = node_of(graph, id)
        if not node.cache:
            here = here.uncached()
        try:
            return self._one(node, body(graph, id), here)
        except NodeError as error:
            return self._will_run(node, here, f"it would fail: {error.message}")

    def _one(
        self, node: Node, inside: Graph | None, here: NodeContext
    ) -> _Outputs | Unknown | None:
        runs = True if node.when is None else value_or_unknown(node.when, here)
        if isinstance(runs, Unknown):
            return self._will_run(node, here, f"if its condition holds: {upstream(runs)}")
        if not runs:
            self.plan.add(here, node.kind, "skip", "its condition is false")
            return None
        if node.for_each is None:
            return self._once(node, inside, here)
        return self._fan_out(node, inside, here)

    def _fan_out(self, node: Node, inside: Graph | None, here: NodeContext) -> _Outputs | Unknown:
        assert node.for_each is not None
        for item in node.for_each.items:
            value = value_or_unknown(item.value, here)
            if isinstance(value, Unknown):
                return self._will_run(node, here, upstream(value))
        mark = self.plan.begin(here, "fan_out")
        results: list[_Outputs | Unknown] = []
        keys: list[str] = []
        for instance in instances(node.for_each, here):
            keys.append(instance.key)
            there = here.at(here.place.instance(instance.label), here.scope.for_item(instance.each))
            try:
                results.append(self._once(node, inside, there))
            except NodeError as error:
                results.append(self._will_run(node, there, f"it would fail: {error.message}"))
        self.plan.end(mark)
        unknown = next((result for result in results if isinstance(result, Unknown)), None)
        if unknown is not None:
            return Unknown(here.place.name)
        good = [dict(result) for result in results if not isinstance(result, Unknown)]
        names = list(good[0]) if good else declared(node, here)
        lists = {name: gathered([outputs.get(name) for outputs in good]) for name in names}
        return with_keys(lists, keys, [])

    def _once(self, node: Node, inside: Graph | None, here: NodeContext) -> _Outputs | Unknown:
        if node.loop is None:
            return self._body(node, inside, here)[0]
        mark = self.plan.begin(here, "loop")
        outputs = self._loop(node, inside, here)
        self.plan.end(mark)
        if isinstance(outputs, Unknown):
            self._to_come(node, here)  # also in iterations that cannot be told yet
        return outputs

    def _loop(self, node: Node, inside: Graph | None, here: NodeContext) -> _Outputs | Unknown:
        loop = node.loop
        assert loop is not None
        unknown = Unknown(here.place.name)
        if isinstance(value_or_unknown(loop.max_iterations, here), Unknown):
            return unknown
        most = cap(node, loop, here)
        state = {variable.name: value_or_unknown(variable.init, here) for variable in loop.state}
        if most == 0:
            return without_iteration(node, state, here, value_or_unknown)
        history = History()
        number = 0
        while True:
            number += 1
            scope = here.scope.in_iteration(number, state)
            there = here.at(here.place.iteration(number), scope)
            outputs, steps = self._body(node, inside, there)
            if isinstance(outputs, Unknown) or any(map(is_unknown, outputs.values())):
                return unknown
            seen = scope.steps if steps is None else steps
            after = there.at(here.place).seeing(scope._replace(steps=seen, outputs=outputs))
            tests = (loop.score, loop.until, loop.diverged)
            if any(
                isinstance(value_or_unknown(test, after), Unknown)
                for test in tests
                if test is not None
            ):
                return unknown
            history.add(outputs, score_of(loop, after), loop.keep == "best")
            outcome = outcome_of(loop, after, last=number == most)
            more = self._more(loop, here, outcome, history) if outcome else 0
            if more is None:
                return self._will_run(node, here, "it asks a person")
            most += more
            if outcome and not more:
                self._context.looped(here.place.name, number, history.number, history.kept)
                end = {"iterations": number, "history": history.scores}
                return {**history.kept, "outcome": outcome, **end}
            state = {
                variable.name: state[variable.name]
                if variable.next is None
                else value_or_unknown(variable.next, after)
                for variable in loop.state
            }

    def _more(self, loop: Loop, here: NodeContext, outcome: str, history: History) -> int | None:
        """The number of further iterations that a person has asked for; None if that is still to be
        asked.
        """
        policy, message = judgement(loop, outcome, history)
        if policy == "warn":
            return 0
        if policy == "fail":
            raise NodeError(here.place.name, "LoopFailed", message)
        said = self._answer(wording_of_limit(outcome, message, history), here)
        return None if said is None else more_of(said, outcome, message, here)

    def _answer(self, wording: Wording, here: NodeContext) -> Mapping[str, Any] | None:
        """Find the answer in the journal of the run."""
        answer = answer_of(self._result_cache.store, here.scope.run["id"], wording.id(here))
        return None if answer is None else answer.values

    def _question(self, node: Pause, here: NodeContext) -> _Outputs | Unknown:
        unknown: list[Unknown] = []

        def known(value: Value) -> Any:
            result = value_or_unknown(value, here)
            unknown.extend([result] if isinstance(result, Unknown) else [])
            return result

        wording = wording_of(node, known)
        said = None if unknown else self._answer(wording, here)
        if said is None:
            return self._will_run(node, here, "it asks a person")
        self.plan.add(here, node.kind, "reuse", "")
        return said

    def _body(
        self, node: Node, inside: Graph | None, here: NodeContext
    ) -> tuple[_Outputs | Unknown, Mapping[str, Any] | None]:
        """The outputs of one execution of a node and, of a group, of its steps, as far as known."""
        match node:
            case Task():
                return self._task(node, here), None
            case Pause():
                return self._question(node, here), None
            case Group():
                assert inside is not None
                mark = self.plan.begin(here, node.kind)
                finished: dict[str, Any] = {}
                within = here.seeing(here.scope.inside(inside, finished))
                self.level(inside, within, finished)
                self.plan.end(mark)
                return _named(node.outputs, within), within.scope.steps
            case Use():
                assert inside is not None
                return self._used(node, inside, here), None
            case _:
                assert_never(node)

    def _used(self, node: Use, inside: Graph, here: NodeContext) -> _Outputs:
        given = {
            argument.name: value_or_unknown(argument.value, here) for argument in node.arguments
        }
        given = given_by(node, given)
        params = {
            param.name: filled(param.schema, given[param.name])
            if param.name in given
            else None
            if param.default is None
            else default_of(param)
            for param in node.pipeline.params
        }
        mark = self.plan.begin(here, node.kind)
        finished: dict[str, Any] = {}
        within = here.seeing(here.scope.of_file(params, finished))
        self.level(inside, within, finished)
        self.plan.end(mark)
        return _named(node.pipeline.outputs, within)

    def _task(self, node: Task, here: NodeContext) -> _Outputs | Unknown:
        arguments: dict[str, Any] = {}
        for argument in node.arguments:
            arguments[argument.name] = value_or_unknown(argument.value, here)
            if isinstance(arguments[argument.name], Unknown):
                return self._will_run(node, here, upstream(arguments[argument.name]))
        place, workload = here.place.name, here.run.job.library.workloads[node.run]
        seed = f"{here.run.job.settings.seed} {place}"
        asked = self._result_cache.ask(
            place, workload, arguments, seed, here.cached, link=here.link
        )
        result, why = self._context.expect(self._result_cache, asked, here.link)
        if result is None:
            return self._will_run(node, here, why)
        self._result_cache.note(place, result)
        self.plan.add(
            here, node.kind, "reuse", "" if result.run == here.scope.run["id"] else result.run
        )
        return result.outputs

    def _will_run(self, node: Node, here: NodeContext, why: str) -> Unknown:
        self.plan.add(here, node.kind, "run", why)
        given = here.run.job.library.workloads[node.run].given if isinstance(node, Task) else {}
        adds = not isinstance(node, Task) or "context" in given.values()
        self._context.will_run(here.place.name, adds=adds)
        self._to_come(node, here)
        return Unknown(here.place.name)

    def _to_come(self, node: Node, here: NodeContext) -> None:
        """Take note of a node that will run, if it may change data in place."""
        if changes_in_place((node,), here.run.job.library):
            self._result_cache.revisions.note(here.place.name, TO_COME)


def _named(outputs: tuple[Any, ...], here: NodeContext) -> dict[str, Any]:
    return {output.name: value_or_unknown(output.value, here) for output in outputs}
