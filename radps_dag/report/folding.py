"""A run's journal to its report, in one pass over the facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from radps_dag.diagram import draw
from radps_dag.executors.worker_log import PrintedOutput
from radps_dag.facts import RunStarted
from radps_dag.journal.store import Store
from radps_dag.problem import RadpsDagError
from radps_dag.progress.failures import alike, failures, pattern
from radps_dag.progress.node import NodeState
from radps_dag.progress.state import RunState
from radps_dag.report.axis import axis
from radps_dag.report.calls import node_of, status_of
from radps_dag.report.critical import critical_path
from radps_dag.report.history import History
from radps_dag.report.loops import loops
from radps_dag.report.model import Failure, Place, Process, Question, Report, Stage, Step
from radps_dag.report.nodes import Node, Picture, Score
from radps_dag.report.pictures import pictures_of
from radps_dag.report.slack import node_slack, place_slack
from radps_dag.report.states import states
from radps_dag.report.texts import recorded
from radps_dag.report.timeline import WIDTH, timeline
from radps_dag.report.topics import topics_of
from radps_dag.report.units import Unit, units_of
from radps_dag.report.values import Shown, folded, node_path, question, score
from radps_dag.report.verdict import status_of_run, verdict
from radps_dag.views.calls import NodeView
from radps_dag.views.state import Following, all_of
from radps_dag.views.stats import node_stats

__all__ = ["report_of"]

_WORST = 20  # calls of a node, scores of a metric, loops of a node
_IN_ALL = 1500  # calls in full, in the whole report
_PICTURES = 60  # of a stage
_WARNINGS = 50


def report_of(store: Store, run: str) -> Report:
    """The report of a run as it stands. Raises RadpsDagError for one that never began."""
    following = Following(store, run)
    history = History(run)
    state = all_of(following, history)
    if not history.starts:
        raise RadpsDagError(f"run {run} ended before it began; there is nothing to report")
    driven = following.end is None and bool(following.driver)
    if not driven:
        history.views.abandon()
    return _Folding(store, run, state, history, driven).report()


class _Folding:
    """Puts the parts together."""

    def __init__(
        self, store: Store, run: str, state: RunState, history: History, driven: bool
    ) -> None:
        self._state = state
        self._history = history
        self._driven = driven
        self._run = run
        self._start = history.starts[-1][0]
        self._until = history.lasts[-1]
        self._shown = Shown(store.workspace.root.as_uri(), str(store.workspace.root))
        self._recorded = recorded(self._start)
        self._paths, self._loops = units_of(run, state, history.views.places, self._recorded.lines)
        self._most = max(1, min(_WORST, _IN_ALL // max(len(self._paths), 1)))
        self._printed = PrintedOutput(store.workspace.run(run).workers_log)

    def report(self) -> Report:
        """All of it."""
        start, state = self._start, self._state
        causes, tolerated = self._failures()
        questions = tuple(self._questions())
        critical = self._critical()
        nodes = {
            path: node_of(path, units, self._recorded, self._shown, self._most, self._printed)
            for path, units in self._paths.items()
        }
        time_axis = axis(self._history.stretches(), WIDTH)
        shown_loops, more_loops = loops(self._loops, self._most)
        scores, folds = folded(self._scores(), self._most)
        pictures = self._pictures()
        stages = tuple(self._stages(nodes, pictures, questions, (*causes, *tolerated)))
        status = status_of_run(state.end, self._history.starts[-1][1], self._driven)
        return Report(
            run=self._run,
            pipeline=start.pipeline,
            status=status,
            verdict=verdict(status, state.end, causes, tolerated, scores, questions),
            file=self._shown.text(start.file),
            library=start.library,
            executor=start.executor,
            seed=start.seed,
            started=self._history.starts[0][0].time,
            until=self._until,
            seconds=state.root.elapsed(self._until),
            ended=state.root.ran + state.root.reused,
            reused=state.root.reused,
            failed=sum(failure.count for failure in (*causes, *tolerated)),
            retried=state.root.retried,
            processes=tuple(self._processes()),
            params=self._shown.pairs(start.params, 500),
            settings=self._shown.pairs({k: v for k, v in start.settings.items() if v}),
            outputs=self._shown.pairs(state.end.outputs if state.end else {}, 200),
            causes=causes,
            tolerated=tolerated,
            questions=questions,
            warnings=tuple(
                (warning.place, warning.message) for warning in state.warnings[:_WARNINGS]
            ),
            warned=state.warned,
            stages=stages,
            scores=scores,
            folds=folds,
            topics=tuple(topics_of(stages)),
            timeline=timeline(
                time_axis,
                list(nodes.values()),
                self._paths,
                questions,
                frozenset(step.place for step in critical),
                self._until,
            ),
            critical=critical,
            loops=shown_loops,
            more_loops=more_loops,
            texts=self._recorded.texts,
            graph=self._graph(None, nodes.values()),
            graph_of_stages=self._graph(1, nodes.values()),
            provenance=_provenance(start),
            places=tuple(self._places()),
            resources=tuple(node_stats(self._history.views.places.values())),
            efficiency=self._history.efficiency(),
            slack=self._slack(),
            sources_sha256=str(start.provenance.get("sources_sha256", "")),
        )

    def _graph(self, depth: int | None, nodes: Iterable[Node]) -> bytes:
        graph = self._recorded.graph
        return b"" if graph is None else draw(graph, "svg", depth=depth, states=states(nodes))

    def _failures(self) -> tuple[tuple[Failure, ...], tuple[Failure, ...]]:
        failed = failures(self._state)
        return (
            tuple(self._alike(failed.causes, tolerated=False)),
            tuple(self._alike(failed.tolerated, tolerated=True)),
        )

    def _alike(self, nodes: Iterable[NodeState], *, tolerated: bool) -> Iterator[Failure]:
        for some in alike(nodes, key=lambda node: (pattern(node.place), node.error, node.message)):
            first = some[0]
            message = self._shown.text(first.message)
            places = tuple(node.place for node in some[:_WORST])
            yield Failure(first.place, first.error, message, tolerated, len(some), places)

    def _questions(self) -> Iterator[Question]:
        over = self._state.end is not None and self._state.end.status in ("cancelled", "succeeded")
        asked = [
            question(fact, view.answers.get(fact.question), over)
            for view in self._history.views.places.values()
            for fact in view.asked
        ]
        yield from sorted(asked, key=lambda fact: fact.asked)

    def _critical(self) -> tuple[Step, ...]:
        """The path through what the latest process did."""
        if self._recorded.graph is None:
            return ()
        return critical_path(
            self._recorded.graph, self._state.root, self._history.span, self._start.time
        )

    def _slack(self) -> dict[str, float]:
        graph = self._recorded.graph
        if graph is None:
            return {}
        return node_slack(place_slack(graph, self._state.root, self._history.span))

    def _processes(self) -> Iterator[Process]:
        latest = len(self._history.starts) - 1
        for n, (start, end) in enumerate(self._history.starts):
            gone = "at work" if self._driven and n == latest else "went away without a word"
            yield Process(
                start.generation,
                start.time,
                end.seconds if end is not None else self._history.lasts[n] - start.time,
                end.status if end is not None else gone,
                str(start.provenance.get("host", "")),
                str(start.provenance.get("pid", "")),
                end.message if end is not None else "",
            )

    def _scores(self) -> Iterator[Score]:
        for units in self._all():
            for unit in units:
                yield from map(score, unit.view.scores)

    def _all(self) -> Iterator[Sequence[Unit]]:
        """All units, with fan-outs and loops as wholes, which have scores too."""
        yield from self._paths.values()
        seen = {unit.state.place for units in self._paths.values() for unit in units}
        yield [
            Unit(state, view)
            for place, view in self._history.views.places.items()
            if view.scores and place not in seen and (state := self._state.find(place))
        ]

    def _places(self) -> Iterator[Place]:
        """All that began, without the rounds of loops: how many there were is said at the loop."""
        for state in self._state.root.walk():
            if state.kind is None and state.status == "waiting":
                continue
            view = self._history.views.places.get(state.place) or NodeView(self._run, state.place)
            scores = [fact for fact in view.scores if fact.score is not None]
            lowest = min(scores, key=lambda fact: fact.score or 0.0, default=None)
            start = view.start
            yield Place(
                place=state.place,
                status=status_of(state),
                score=lowest.score if lowest is not None else None,
                metric=lowest.metric if lowest is not None else "",
                seconds=None if state.is_reused else state.seconds,
                iterations=state.iteration,
                workload=start.workload if start is not None else "",
                source=start.source if start is not None else "",
                inputs=start.inputs if start is not None else {},
                cpu=view.cpu,
                peak_rss=view.peak_rss,
            )

    def _pictures(self) -> dict[str, list[Picture]]:
        """By stage, in the order in which they were made."""
        seen: set[str] = set()
        pictures: dict[str, list[Picture]] = {}
        for view in self._history.views.places.values():
            state = self._state.find(view.place)
            if state is None or view.made is None:  # what is no call hands on what calls made
                continue
            for picture in pictures_of(view, self._score_of(state), self._shown, seen):
                pictures.setdefault(picture.stage, []).append(picture)
        return pictures

    def _score_of(self, state: NodeState) -> Score | None:
        """The lowest score of a place or, where it has none, of the nearest around it."""
        for around in (state, *state.above()):
            view = self._history.views.places.get(around.place)
            scores = [fact for fact in view.scores if fact.score is not None] if view else []
            if scores:
                return score(min(scores, key=lambda fact: fact.score or 0.0))
        return None

    def _stages(
        self,
        nodes: Mapping[str, Node],
        pictures: Mapping[str, Sequence[Picture]],
        questions: Sequence[Question],
        failed: Sequence[Failure],
    ) -> Iterator[Stage]:
        scores: dict[str, list[Score]] = {}
        for scored in self._scores():
            scores.setdefault(_stage(scored.place), []).append(scored)
        for name, state in self._state.root.children.items():
            if name not in nodes:
                continue
            inside = [unit for unit in self._loops if _stage(unit.state.place) == name]
            kept, folds = folded(scores.get(name, ()), self._most)
            some = pictures.get(name, ())
            yield Stage(
                name=name,
                node=nodes[name],
                nodes=tuple(inner for path, inner in nodes.items() if path.startswith(f"{name}/")),
                scores=kept,
                folds=folds,
                pictures=tuple(some[-_PICTURES:]),
                more_pictures=max(0, len(some) - _PICTURES),
                loops=loops(inside, self._most)[0],
                failures=tuple(failure for failure in failed if _stage(failure.place) == name),
                questions=tuple(asked for asked in questions if _stage(asked.place) == name),
                seconds=state.elapsed(self._until),
                reused=state.reused,
                ran=state.ran,
                outcome=state.outcome,
            )


def _provenance(start: RunStarted) -> dict[str, Any]:
    """The text to show; the writer of a journal that was imported is not trusted."""
    left_out = ("sources", "context", "sources_sha256")
    shown = {name: value for name, value in start.provenance.items() if name not in left_out}
    packages = shown.get("packages")
    shown["packages"] = dict(packages) if isinstance(packages, Mapping) else {}
    return shown


def _stage(place: str) -> str:
    return node_path(place).partition("/")[0]
