"""Every shipped pipeline, from the command line to its end, through Prefect."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from journal_support import facts_of, facts_of_only_run
from run_support import PATIENCE, PIPELINES, Ran, Record, record_of, run

from radps_dag.prefect.server import ServerAddress

APART = {"faults", "programs"}
FILES = sorted(
    path for path in PIPELINES.rglob("*.yaml") if not APART & {*path.relative_to(PIPELINES).parts}
)
DRILL = ("--faults", str(PIPELINES / "faults" / "archive.yaml"), "--seed", "1")
ALWAYS_SCORED = {
    "import_calibrators",
    "calibrate_bandpass",
    "calibrate_gains",
    "image_calibrators",
    "import_target",
    "calibrate_target_and_find_continuum",
    "export",
}
SCORED = {
    "contselfcal": {"image_continuum", "image_continuum_per_spw", "image_cube"},
    "cont": {"image_continuum", "image_continuum_per_spw"},
    "cube": {"image_cube"},
}
SKIPPED = {
    "contselfcal": set(),
    "cont": {"image_continuum/selfcal", "image_cube"},
    "cube": {"image_continuum", "image_continuum_per_spw"},
}

# Runs each file given, in one process: what takes long is the import of Prefect.
EACH = """
import sys
from radps_dag.cli.main import _exit_code
for file in sys.argv[1:]:
    workspace = file.replace("/", "_")
    run = ["run", file, "-p", "pace=0", "--workspace", workspace, "--quiet"]
    print(workspace, _exit_code(run))
"""


# Nodes that ask a person, and are skipped where there is nothing to ask; and data of one's own.
ASKS = ("data", "/review", "/picture", "/radiometers")


@pytest.fixture(scope="module")
def modes(
    prefect_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Ran]:
    """A run of the full pipeline in each mode; the one with everything under the drill."""
    file = PIPELINES / "full_cube.yaml"
    runs = {}
    for imaging, drill in (("contselfcal", DRILL), ("cont", ()), ("cube", ())):
        options = ("-p", f"imaging={imaging}", "-p", "pace=0.05", *drill)
        runs[imaging] = run(file, *options, cwd=tmp_path_factory.mktemp(imaging))
        assert runs[imaging].code == 0, runs[imaging].err
    return runs


@pytest.fixture(scope="module")
def full(modes: Mapping[str, Ran]) -> Ran:
    return modes["contselfcal"]


@pytest.fixture(scope="module")
def record(full: Ran, prefect_server: ServerAddress) -> Record:
    return record_of(full, prefect_server)


def test_every_stage_finishes(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """Each stage runs alone with its defaults, and fails nowhere; the pipelines do so below."""
    files = [str(file) for file in FILES if file.parent.name == "stages"]
    done = subprocess.run(
        [sys.executable, "-c", EACH, *files],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    codes = dict(line.split() for line in done.stdout.splitlines())
    assert len(codes) == len(files) > 8, done.stderr
    assert set(codes.values()) == {"0"}, done.stderr
    for workspace in codes:
        kinds = [fact["fact"] for fact in facts_of_only_run(tmp_path / workspace)]
        assert kinds[-1] == "run_ended"
        assert "node_failed" not in kinds


@pytest.mark.parametrize("imaging", SCORED)
def test_modes(imaging: str, modes: Mapping[str, Ran]) -> None:
    """A mode skips what it does not ask for; every other stage is scored; nothing else ran."""
    ran = modes[imaging]
    assert ran.one("run_ended")["status"] == "succeeded"
    assert {place for place in ran.skipped if not place.endswith(ASKS)} == SKIPPED[imaging]
    scored = {fact["place"].partition("/")[0] for fact in ran.of("scored")}
    assert scored == ALWAYS_SCORED | SCORED[imaging]
    for place in SKIPPED[imaging]:
        assert not ran.of("node_started", place + "/")


def test_every_line_is_strict_json(modes: Mapping[str, Ran]) -> None:
    """With `--json` facts alone are on the standard output; the journal keeps them."""
    for ran in modes.values():
        kept = facts_of(ran.workspace, ran.directory.name)
        told = [fact for fact in ran.facts if fact["fact"] != "noted"]
        assert json.loads(json.dumps(kept)) == told
        assert ran.err == ""


def test_order(full: Ran) -> None:
    """A stage begins when those that it reads have ended."""
    for first, then in [
        ("observation", "import_calibrators"),
        ("import_calibrators", "calibrate_bandpass"),
        ("calibrate_bandpass", "calibrate_gains"),
        ("calibrate_gains", "image_calibrators"),
        ("calibrate_gains", "calibrate_target_and_find_continuum"),
        ("import_target", "calibrate_target_and_find_continuum"),
        ("calibrate_target_and_find_continuum", "image_continuum"),
        ("image_continuum", "image_cube"),
        ("image_continuum", "image_continuum_per_spw"),
        ("image_calibrators", "export"),
        ("image_cube", "export"),
        ("image_continuum_per_spw", "export"),
    ]:
        assert full.span(first)[1] <= full.span(then)[0], (first, then)


@pytest.mark.parametrize(
    ("one", "other"),
    [("import_calibrators", "import_target"), ("image_cube", "image_continuum_per_spw")],
)
def test_branches_overlap(one: str, other: str, full: Ran, record: Record) -> None:
    """Independent branches run at the same time, in what is told and in what Prefect recorded."""
    spans = [full.span(one), full.span(other)]
    assert max(begun for begun, _ in spans) < min(ended for _, ended in spans)
    flows = [record.find(one).flow, record.find(other).flow]
    assert max(flow["start_time"] for flow in flows) < min(flow["end_time"] for flow in flows)


def test_instances_overlap(full: Ran) -> None:
    """So do the instances of a fan-out: the calibrators' fields and spectral windows."""
    places = {fact["place"] for fact in full.of("node_started", "import_calibrators/import[")}
    spans = [full.span(place) for place in places if place.endswith("]")]
    assert len(spans) == 4
    assert any(a[0] < b[0] < a[1] for a in spans for b in spans)


def test_clean_iterates(full: Ran) -> None:
    """CLEAN repeats its major cycles until the residual is down, and says so for each."""
    for loop in (
        "image_continuum/first_image/clean",
        "image_continuum_per_spw/spw[spw=0]/clean",
        "image_cube/block[spw0,channels0-15]/clean",
        "image_calibrators/image[field=J1924-2914,spw=0]/clean/clean",
    ):
        iterations = [fact for fact in full.of("iterated", loop) if fact["place"] == loop]
        assert [fact["iteration"] for fact in iterations] == [*range(1, len(iterations) + 1)]
        assert len(iterations) > 1
        assert {fact["outcome"] for fact in iterations[:-1]} == {""}
        assert iterations[-1]["outcome"] == "converged"


def test_selfcal_keeps_the_best(full: Ran) -> None:
    """Self-calibration goes on while it helps; the cycle that made it worse is rolled back."""
    outputs = full.one("node_succeeded", "image_continuum/selfcal")["outputs"]
    history = outputs["history"]
    best = history.index(max(history)) + 1
    assert 1 <= best < len(history)
    told = [fact["score"] for fact in full.of("iterated", "image_continuum/selfcal")]
    assert [score for score in told if score in history] == history
    assert outputs["ms"]["group"] == f"sc{best}"
    assert full.outputs["dynamic_range"] == pytest.approx(max(history))
    # What comes after it uses the self-calibrated data.
    subtracted = full.one("node_succeeded", "image_cube/subtract[spw=0]")["outputs"]["ms"]
    assert f"selfcal.{best}" in json.dumps(full.one("node_succeeded", "image_continuum")["outputs"])
    assert subtracted["selection"]["spw"] == 0


def test_drill(full: Ran, record: Record) -> None:
    """The archive is asked again; one spectral window is left out of the cube; the rest goes on."""
    retried = [fact for fact in full.of("retrying") if fact["place"].endswith("/fetch")]
    assert retried
    assert {fact["error"] for fact in retried} == {"ConnectionError"}
    for place in {fact["place"] for fact in retried}:
        attempts = 1 + sum(fact["place"] == place for fact in retried)
        assert record.task(_shown(place))["run_count"] == attempts
    assert full.outputs["spws_without_cube"] == ["1"]
    failed = {fact["place"]: fact for fact in full.of("node_failed")}
    assert set(failed) == {
        "image_cube/subtract[spw=1]",
        "calibrate_target_and_find_continuum/spw[spw=0]/catalogue",
        "calibrate_target_and_find_continuum/spw[spw=1]/catalogue",
    }
    assert all(fact["tolerated"] for fact in failed.values())
    assert "alert" in {fact["verdict"] for fact in full.of("scored", "import_calibrators")}
    task = record.task("image_cube / subtract[spw=1]")
    assert task["state_type"] == "FAILED"
    assert "the continuum fit is singular" in task["state"]["message"]


def test_prefect_shows_the_tree(full: Ran, record: Record) -> None:
    """Stages that are groups are flow runs; all that is inside is a task of its stage, named by its
    place."""
    assert record.name == full.facts[0]["run"]
    for outer in record.walk():
        assert outer.state == "COMPLETED"
        inside = [*(one.name for one in outer.subflows), *(task["name"] for task in outer.tasks)]
        if outer is not record:
            assert not outer.subflows
            assert all(re.match(re.escape(outer.name) + r"( #\d+)? / ", name) for name in inside)
    started = full.of("node_started")
    groups = {fact["place"] for fact in started if fact["kind"] in ("group", "use")}
    # Instances that share a batch share a task.
    calls = {
        fact["place"]
        for fact in started
        if fact["kind"] == "task" and "/dirty_cube[" not in fact["place"]
    }
    stages = {one.name for one in record.subflows}
    tasks = {task["name"] for task in record.all_tasks}
    assert {_shown(place) for place in calls} - tasks == set()
    # A loop is one group, with the iterations inside.
    groups = {place for place in groups if "#" not in place.rpartition("/")[2]}
    assert {place for place in groups if "/" not in place} == stages
    assert {_shown(place) for place in groups if "/" in place} <= tasks
    assert {"image_cube / block[spw0,channels0-15] / clean", "image_continuum / selfcal"} <= tasks
    assert "image_continuum / selfcal #2 / solve[scan=1,spw=0]" in tasks


def _shown(place: str) -> str:
    return place.replace("/", " / ").replace("#", " #")


def test_prefect_has_no_task_in_between(record: Record) -> None:
    """When the run ends all is recorded: no task is pending, running or crashed."""
    assert {task["state_type"] for task in record.all_tasks} == {"COMPLETED", "FAILED"}


@pytest.fixture(scope="module")
def in_processes(
    prefect_server: ServerAddress, full: Ran, tmp_path_factory: pytest.TempPathFactory
) -> Ran:
    file = PIPELINES / "full_cube.yaml"
    options = ("-p", "pace=0.05", *DRILL, "--executor", "processes")
    return run(file, *options, cwd=tmp_path_factory.mktemp("processes"))


def test_processes_compute_the_same(in_processes: Ran, full: Ran) -> None:
    """The same seed gives the same outputs, iterations and scores, whoever computes."""
    assert in_processes.code == 0, in_processes.err

    def told(ran: Ran) -> dict[str, Any]:
        text = json.dumps(ran.of("node_succeeded"))
        for varies in (str(ran.workspace.resolve()), str(ran.one("run_started")["run"])):
            text = text.replace(varies, "")
        return {fact["place"]: fact["outputs"] for fact in json.loads(text)}

    one, other = told(in_processes), told(full)
    assert set(one) == set(other)
    assert [place for place in one if one[place] != other[place]] == []


def test_calibration_drill(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """The calibration lives through its drill: retries, an image less, two low scores."""
    drill = PIPELINES / "faults" / "calibration.yaml"
    options = ("-p", "pace=0", "--faults", str(drill), "--seed", "2")
    ran = run(PIPELINES / "calibration.yaml", *options, cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert {fact["error"] for fact in ran.of("retrying")} == {"ConnectionError", "TimeoutError"}
    assert len(ran.outputs["images"]) == 3
    tolerated = [fact["place"] for fact in ran.of("node_failed") if fact["tolerated"]]
    assert tolerated == ["image_calibrators/image[field=J1924-2914,spw=1]"]
    assert all(fact["place"].startswith(tolerated[0]) for fact in ran.of("node_failed"))
    assert {fact["verdict"] for fact in ran.of("scored")} >= {"good", "warn", "alert"}


def test_interactive(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """A question stops what depends on it and nothing else; a run that leaves it open is paused,
    and goes on when it is answered."""
    options = ("-p", "interactive=true", "-p", "pace=0", "--detach-on-pause")
    ran = run(PIPELINES / "stages" / "image_cube.yaml", *options, cwd=tmp_path)
    assert ran.code == 3
    assert ran.one("run_ended")["status"] == "paused"
    asked = ran.of("question_asked")
    assert len(asked) > 1
    assert {fact["place"].rpartition("/")[2] for fact in asked} == {"review"}
