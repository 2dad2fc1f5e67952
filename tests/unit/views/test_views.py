"""Views of runs, folded from a journal that is written fact by fact."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from radps_dag.facts import (
    Fact,
    Iterated,
    Made,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeSucceeded,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
)
from radps_dag.journal.claims import claim
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.runs.record import new_run
from radps_dag.views.calls import view_node
from radps_dag.views.places import find_places, inside
from radps_dag.views.prov_json import to_prov
from radps_dag.views.provenance import lineage
from radps_dag.views.runs import Listed, list_runs
from radps_dag.views.state import GONE, Following, all_of, stages_of, state_of
from radps_dag.views.tree import tree

T = 1000.0
TEXT = "version: 1\nname: p\nstages:\n  a: {run: give}\n  b: {run: give}\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Workspace(tmp_path / "space"))
    yield opened
    opened.close()


def begun(run: str = "r1", generation: int = 1, **more: Any) -> RunStarted:
    given: dict[str, Any] = {
        "time": T, "place": "", "run": run, "pipeline": "p", "file": "p.yaml",
        "params": {"niter": 3}, "library": "placeholder", "executor": "threads", "seed": 1,
        "generation": generation,
        "provenance": {
            "sources": {"p.yaml": TEXT}, "sources_sha256": "ab" * 32, "host": "dish", "pid": 7,
            "user": "ada", "python": "3.11.7", "packages": {"radps-dag": "0.1.0"},
        },
    }  # fmt: skip
    return RunStarted(**{**given, **more})


def over(status: str = "succeeded", time: float = T + 9, **more: Any) -> RunEnded:
    return RunEnded(time=time, place="", status=status, seconds=9.0, **more)  # type: ignore[arg-type]


def group(place: str, kind: str = "group", **more: Any) -> NodeStarted:
    return NodeStarted(time=T, place=place, kind=kind, **more)  # type: ignore[arg-type]


def done(place: str, time: float = T + 2) -> NodeSucceeded:
    return NodeSucceeded(time=time, place=place, outputs={}, seconds=2.0)


def start(place: str, **more: Any) -> NodeStarted:
    given: dict[str, Any] = {"workload": "give", "source": "c0de", "inputs": {"value": 3}}
    return NodeStarted(time=T, place=place, kind="task", **{**given, **more})


def made(place: str, origin: str = "", **more: Any) -> NodeSucceeded:
    given: dict[str, Any] = {
        "outputs": {"value": 4},
        "made": Made(key=f"key {place}", origin=origin),
    }
    return NodeSucceeded(time=T + 2, place=place, seconds=2.0, **{**given, **more})


def call(place: str, origin: str = "") -> list[Fact]:
    return [start(place, origin=origin), made(place, origin)]


def failed(place: str, error: str = "ValueError", **more: Any) -> NodeFailed:
    return NodeFailed(time=T + 3, place=place, error=error, message="no beam", seconds=3.0, **more)


def retrying(place: str) -> Retrying:
    return Retrying(
        time=T + 1, place=place, attempt=2, attempts=3, delay=0.5, error="OSError", message="busy"
    )


def record(store: Store, facts: list[Fact], run: str = "r1", created: float = T) -> str:
    """A run that nobody drives (any more)."""
    if store.head(run) is None:
        store.create(run, "p", created)
    if facts:
        store.append(run, [to_row(run, fact, store.workspace) for fact in facts])
    return run


def listed(store: Store, facts: list[Fact]) -> Listed:
    record(store, facts)
    (found,) = list_runs(store)
    return found


def test_the_list_counts_calls(store: Store) -> None:
    """A call that was done counts once; groups do not; what was reused is counted apart."""
    facts = [begun(), group("a"), *call("a/x"), *call("a/y", "r0"), done("a"), over()]
    found = listed(store, facts)
    assert (found.status, found.done, found.reused, found.failed) == ("succeeded", 2, 1, 0)
    assert (found.seconds, found.resumed, found.cause) == (9.0, 0, "")


def test_outputs_that_look_like_ours_do_not_count(store: Store) -> None:
    """A workload's output that is called `origin` makes nothing reused."""
    fake = made("a", outputs={"made": {"origin": "r0"}, "origin": "r0"})
    assert listed(store, [begun(), start("a"), fake, over()]).reused == 0


def test_the_list_counts_failures_where_they_began(store: Store) -> None:
    """A group fails for what is in it: one failure; a retried group has no old ones."""
    facts = [
        begun(),
        *[group("a"), start("a/x"), failed("a/x"), retrying("a")],
        *[start("a/x"), made("a/x"), done("a")],
        *[group("b", "fan_out"), group("b[k=1]"), start("b[k=1]/y"), failed("b[k=1]/y")],
        *[failed("b[k=1]"), failed("b")],
        over("failed", message="stage 'b' failed"),
    ]
    found = listed(store, facts)
    assert (found.status, found.failed, found.cause) == ("failed", 1, "stage 'b' failed")


def test_the_list_of_a_resumed_run(store: Store) -> None:
    """Failures and reuse are those of the last process, what was done is that of all."""
    first = [begun(), *call("a"), start("b"), failed("b"), over("failed")]
    again = [begun(generation=2, time=T + 50), *call("a", "r1"), *call("b"), over(time=T + 59)]
    found = listed(store, [*first, *again])
    assert (found.status, found.resumed, found.done) == ("succeeded", 1, 2)
    assert (found.failed, found.reused, found.started) == (0, 1, T + 50)


def test_a_run_without_an_end_is_interrupted_or_running(store: Store) -> None:
    """It is running while a process holds it, and interrupted when none does."""
    record(store, [begun(), start("a")])
    (gone,) = list_runs(store)
    assert (gone.status, gone.driver, gone.seconds) == ("interrupted", "", 0.0)
    directory = store.workspace.run("r1")
    directory.path.mkdir(parents=True)
    held = claim(store, directory)
    try:
        (running,) = list_runs(store)
        assert running.status == "running" and "process" in running.driver
    finally:
        held.release()


def test_the_newest_runs_come_first(store: Store) -> None:
    """So many of the newest, in their order."""
    for number in range(5):
        record(store, [begun(f"r{number}"), over()], f"r{number}", T + number)
    assert [one.run for one in list_runs(store, 2)] == ["r4", "r3"]


def test_runs_that_never_began_are_not_listed(store: Store) -> None:
    """A process that ended before its first fact leaves no run."""
    record(store, [])
    assert list_runs(store) == []


def test_a_run_that_closes_before_it_began_leaves_nothing(store: Store) -> None:
    """Neither in the journal nor in the workspace; one that has begun stays."""
    opened = new_run(store, "p")
    opened.close()
    assert store.head(opened.directory.id) is None
    assert list(store.workspace.runs.iterdir()) == []
    opened = new_run(store, "p")
    record(store, [begun(opened.directory.id)], opened.directory.id)
    opened.close()
    assert [one.run for one in list_runs(store)] == [opened.directory.id]
    assert opened.directory.lock.exists()


def test_state_of_a_run_whose_process_is_gone(store: Store) -> None:
    """What it had begun is stopped, what it had not reached did not run."""
    record(store, [begun(), start("a")])
    state = state_of(Following(store, "r1"))
    assert state.end is not None and (state.end.status, state.end.message) == ("interrupted", GONE)
    assert [(n.place, n.status) for n in state.root.children.values()] == [
        ("a", "stopped"),
        ("b", "waiting"),
    ]


def test_stages_are_those_of_the_recorded_text() -> None:
    """In the file's order; none where there is no text, or where it is not a pipeline."""
    assert stages_of(begun()) == ["a", "b"]
    for text in ("", "- 1", "stages: [a]", "stages: {"):
        assert stages_of(begun(provenance={"sources": {"p.yaml": text}})) == []
    assert stages_of(begun(provenance={})) == []


def test_following_tells_every_fact_once(store: Store) -> None:
    """What is new comes, in order, and nothing twice."""
    record(store, [begun(), start("a")])
    following = Following(store, "r1")
    assert [fact.place for fact in following.news()] == ["", "a"]
    assert list(following.news()) == []
    record(store, [made("a"), over()])
    assert [type(fact) for fact in following.news()] == [NodeSucceeded, RunEnded]
    assert following.end is not None


def test_following_ends_with_the_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driven run is followed until its end; that of a process before counts not."""
    opened = new_run(store, "p")
    run = opened.directory.id
    record(store, [begun(run), start("a"), failed("a"), over("failed")], run)
    batches: list[list[Fact]] = [[], [begun(run, 2)], [*call("a")], [over()]]
    looks = itertools.count()
    monkeypatch.setattr("radps_dag.views.state.time.sleep", lambda s: record(
        store, batches[next(looks)], run
    ))  # fmt: skip
    told: list[Fact] = []
    try:
        end = Following(store, run).to_end(told.append)
    finally:
        opened.close()
    assert end.status == "succeeded" and told[-1] == end
    assert [fact.time for fact in told] == [fact.time for fact in store.facts(run)]


def test_following_ends_when_the_process_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that goes away without a word: interrupted, and the listener hears no such fact."""
    opened = new_run(store, "p")
    run = opened.directory.id
    record(store, [begun(run), start("a")], run)
    monkeypatch.setattr("radps_dag.views.state.time.sleep", lambda s: opened.close())
    told: list[Fact] = []
    end = Following(store, run).to_end(told.append)
    assert (end.status, end.message, len(told)) == ("interrupted", GONE, 2)


def test_the_tree_has_every_node(store: Store) -> None:
    """Also instances that the display forgets, each with what is known of it."""
    facts: list[Fact] = [begun(), group("a", "fan_out", total=20)]
    for n in range(20):
        facts += call(f"a[{n}]", "r0" if n else "")
    facts += [Scored(time=T, place="a", metric="snr", score=0.4, verdict="warn"), done("a"), over()]
    record(store, facts)
    found = tree(all_of(Following(store, "r1")), "succeeded", "")
    a, b = found["stages"]
    assert (len(a["nodes"]), a["calls_ran"], a["calls_reused"], a["score"]) == (20, 1, 19, 0.4)
    assert a["nodes"][1]["reused_from"] == "r0" and a["nodes"][1]["reused"]
    assert b == {
        "node": "b",
        "status": "waiting",
        "attempts": 1,
        "reason": "did not run",
        "reused": False,
        "calls_ran": 0,
        "calls_reused": 0,
    }


def test_a_node_with_its_attempts(store: Store) -> None:
    """Each attempt has its time and how it ended; the last one its traceback."""
    failure = failed("a", traceback="Traceback: no beam")
    record(store, [begun(), start("a"), retrying("a"), failure, over("failed")])
    view = view_node(store, "r1", "a", driven=False)
    assert (view.status, view.start and view.start.workload) == ("failed", "give")
    first, second = view.attempts
    assert (first.number, first.status, first.error, first.seconds) == (1, "failed", "OSError", 1.0)
    assert (second.number, second.started, second.ended) == (2, T + 1.5, T + 3)
    assert (second.error, second.traceback) == ("ValueError", "Traceback: no beam")


def test_a_node_of_a_resumed_run(store: Store) -> None:
    """A process that went away leaves an abandoned attempt; the next one's follow."""
    facts = [begun(), start("a"), begun(generation=2), *call("a"), over()]
    record(store, facts)
    view = view_node(store, "r1", "a", driven=False)
    assert [(one.process, one.status) for one in view.attempts] == [
        (1, "abandoned"),
        (2, "succeeded"),
    ]
    assert view.outputs == {"value": 4}


def test_a_node_that_did_not_run_has_no_attempt(store: Store) -> None:
    """What was reused names the run that made it."""
    record(store, [begun(), *call("a", "r0"), over()])
    view = view_node(store, "r1", "a", driven=False)
    assert (view.status, view.origin, view.attempts) == ("reused", "r0", [])


def test_a_node_that_failed_before_it_began(store: Store) -> None:
    """An input that cannot be evaluated is an attempt that failed."""
    record(store, [begun(), failed("a", "ExpressionError"), over("failed")])
    (attempt,) = view_node(store, "r1", "a", driven=False).attempts
    assert (attempt.status, attempt.error) == ("failed", "ExpressionError")


def _places(store: Store) -> None:
    facts: list[Fact] = [begun(), group("cube"), group("cube/clean", "fan_out")]
    for n in range(2):
        facts += [group(f"cube/clean[spw={n}]", "loop"), *call(f"cube/clean[spw={n}]#1", "r0")]
        facts += [Iterated(time=T, place=f"cube/clean[spw={n}]", iteration=1, cap=3, score=None)]
        facts += [done(f"cube/clean[spw={n}]")]
    facts += [done("cube/clean"), *call("cube/x[a/b#1]/y"), done("cube")]
    record(store, [*facts, NodeSkipped(time=T, place="c", reason="no"), over()])


def test_a_place_is_found_by_its_name(store: Store) -> None:
    """An exact name means that place alone, though others are in it."""
    _places(store)
    assert [one.place for one in find_places(store, "r1", "cube/clean")] == ["cube/clean"]
    (one,) = find_places(store, "r1", "/cube/clean[spw=1]#1")
    assert (one.status, one.seconds) == ("reused", 2.0)


def test_a_path_or_pattern_means_several_places(store: Store) -> None:
    """Instances and iterations may be left out, and `*` stands for a name."""
    _places(store)
    found = find_places(store, "r1", "*/clean[spw=*]")
    assert [one.place for one in found][:2] == ["cube/clean[spw=0]", "cube/clean[spw=0]#1"]
    assert [one.place for one in find_places(store, "r1", "cube/x/y")] == ["cube/x[a/b#1]/y"]


def test_an_unknown_place_is_told_with_the_likely_one(store: Store) -> None:
    """A misspelt node gives the one that was meant; nonsense gives the stages."""
    _places(store)
    with pytest.raises(UsageError, match=r"no node 'cube/claen' .* did you mean 'cube/clean"):
        find_places(store, "r1", "cube/claen")
    with pytest.raises(UsageError, match="there are cube, c"):
        find_places(store, "r1", "zzz")


def test_what_is_inside_a_place(store: Store) -> None:
    """Its steps, its instances or its iterations, and nothing deeper."""
    _places(store)
    assert [one.place for one in inside(store, "r1", "cube/clean")] == [
        "cube/clean[spw=0]",
        "cube/clean[spw=1]",
    ]
    (one,) = inside(store, "r1", "cube/clean[spw=0]")
    assert one.place == "cube/clean[spw=0]#1"
    statuses = {one.place: one.status for one in inside(store, "r1", "cube")}
    assert statuses == {"cube/clean": "reused"}
    assert [one.place for one in inside(store, "r1", "")] == ["cube", "c"]


def _story(store: Store) -> Path:
    """A run that makes an image, and a second one that reuses it and makes another of it."""
    space = store.workspace
    image = f"{space.run('r0').products.as_uri()}/a/image.zarr"
    work = Made(key="k", workdir=image.rpartition("/")[0], files={"image.zarr": (12, "d1")})
    outputs = {"image": {"kind": "image", "uri": image}}
    raw = {"ms": {"kind": "ms", "uri": "file:///archive/raw.ms"}}
    first = [
        begun("r0"),
        start("a", inputs=raw),
        retrying("a"),
        made("a", outputs=outputs, made=work),
        over(),
    ]
    record(store, first, "r0", T - 5)
    reused = Made(key="k", workdir=work.workdir, files=work.files, origin="r0")
    second = [
        begun(),
        start("a", inputs=raw, origin="r0"),
        made("a", outputs=outputs, made=reused),
        start("b", inputs={"of": outputs["image"]}),
        made("b"),
        over(outputs=outputs),
    ]
    record(store, second)
    return space.root


def test_lineage_follows_what_was_reused(store: Store) -> None:
    """A call that did not run comes with the attempts of the run that made its result."""
    _story(store)
    found = lineage(store, "r1").as_json()
    a, b = found["calls"]
    assert [one["status"] for one in a["attempts"]] == ["failed", "succeeded"]
    assert (a["reused_from"], b["node"]) == ("r0", "b")
    assert {one["run"] for one in found["processes"]} == {"r0", "r1"}
    assert found["processes"][0]["sources"] == {"p.yaml": TEXT}


def test_lineage_without_the_run_that_made_it(store: Store) -> None:
    """Where the journal does not have that run, the rest is told all the same."""
    record(store, [begun(), *call("a", "lost"), over()])
    (one,) = lineage(store, "r1").as_json()["calls"]
    assert "attempts" not in one
    assert to_prov(lineage(store, "r1"))["activity"]


def test_provenance_is_prov_json(store: Store) -> None:
    """A PROV reader reads it, and the product's chain leads from the run to the raw data."""
    from prov.model import ProvDocument

    _story(store)
    found = to_prov(lineage(store, "r1"))
    assert ProvDocument.deserialize(content=json.dumps(found), format="json").get_records()
    image = "thing:product/r0/a/image.zarr"
    (made_by,) = [
        one["prov:activity"] for one in found["wasGeneratedBy"].values()
        if one["prov:entity"] == image
    ]  # fmt: skip
    assert made_by == "run:r0/call/a/attempt/1.2"
    used = {(one["prov:activity"], one["prov:entity"]) for one in found["used"].values()}
    assert ("run:r1/call/b/attempt/1.1", image) in used
    assert (made_by, "thing:external/file%3A%2F%2F%2Farchive%2Fraw.ms") in used
    agents = {one["prov:agent"] for one in found["wasAssociatedWith"].values()}
    assert agents == {"run:r0/process/1", "run:r1/process/1"}
    said = found["agent"]["run:r1/process/1"]
    assert (said["radps:host"], said["radps:python"]) == ("dish", "3.11.7")
    assert TEXT in json.dumps(found).encode().decode("unicode_escape")
    named = {*found["entity"], *found["activity"], *found["agent"]}
    for relation in ("used", "wasGeneratedBy", "wasDerivedFrom", "wasAssociatedWith", "hadMember"):
        for one in found[relation].values():
            for name in one.values():
                assert name in named or not isinstance(name, str) or "T" in name, name


def test_provenance_without_the_library(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `prov` is not installed, one line says how to get it."""
    _story(store)
    monkeypatch.setitem(sys.modules, "prov.model", None)
    with pytest.raises(RadpsDagError, match=r"pip install 'radps-dag\[provenance\]'"):
        to_prov(lineage(store, "r1"))
