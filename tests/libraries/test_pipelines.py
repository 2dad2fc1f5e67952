"""The shipped pipelines: each is valid, runs alone, and does what its page says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from repository import ROOT

from radps_dag.cli.main import main
from radps_dag.language.model import Task, Use, walk
from radps_dag.loader import load

ROOT = ROOT / "pipelines"
# Those of other programs need these: tests/libraries/sim/test_programs.py.
APART = {"faults", "programs"}
FILES = sorted(path for path in ROOT.rglob("*.yaml") if not APART & {*path.relative_to(ROOT).parts})
DRILLS = sorted((ROOT / "faults").glob("*.yaml"))
pytestmark = pytest.mark.slow  # most of them run whole pipelines
STAGES = [
    "data",
    "observation",
    "import_calibrators",
    "calibrate_bandpass",
    "calibrate_gains",
    "image_calibrators",
    "import_target",
    "calibrate_target_and_find_continuum",
    "image_continuum",
    "image_continuum_per_spw",
    "image_cube",
    "export",
]

# What a file asks a person about, it does not where nothing is broken.
UNBROKEN = {"sabotage": ("-p", "wvr_error=0.2", "-p", "dead_receptors=[]")}

Fact = Mapping[str, Any]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT).with_suffix(""))


class Ran(NamedTuple):
    """A run, told by its facts."""

    code: int
    facts: list[Fact]

    def of(self, kind: str, place: str = "") -> list[Fact]:
        return [
            fact for fact in self.facts if fact["fact"] == kind and fact["place"].startswith(place)
        ]

    def one(self, kind: str, place: str = "") -> Fact:
        return next(fact for fact in self.facts if fact["fact"] == kind and fact["place"] == place)

    @property
    def outputs(self) -> Mapping[str, Any]:
        outputs: Mapping[str, Any] = self.one("run_ended")["outputs"]
        return outputs

    def order(self, kind: str, place: str) -> int:
        return next(
            number
            for number, fact in enumerate(self.facts)
            if fact["fact"] == kind and fact["place"] == place
        )


class Runner:
    """Runs pipelines through the command line, without Prefect and without the simulated waits."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def __call__(self, file: Path | str, *options: str, pace: float = 0.0) -> Ran:
        arguments = ["--no-prefect", "--json", "-p", f"pace={pace}", *options]
        workspace = ["--workspace", str(self.folder / "runs")]
        with pytest.raises(SystemExit) as raised:
            main(["run", str(ROOT / file), *arguments, *workspace])
        lines = self.capsys.readouterr().out.splitlines()
        assert isinstance(raised.value.code, int)
        return Ran(raised.value.code, [json.loads(line) for line in lines])


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Runner:
    monkeypatch.chdir(tmp_path)
    return Runner(tmp_path, capsys)


def drill(folder: Path, *rules: str) -> str:
    path = folder / "drill.yaml"
    body = "\n".join(f"  - {rule}" for rule in rules)
    path.write_text(f"version: 1\nfaults:\n{body}\n", encoding="utf-8")
    return f"--faults={path}"


def test_no_file_is_warned_of() -> None:
    """The shipped pipelines are valid, and nothing in them is odd."""
    with pytest.raises(SystemExit) as raised:
        main(["validate", "--strict", *map(str, FILES)])
    assert raised.value.code == 0


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_runs_alone(file: Path, run: Runner) -> None:
    """Every file runs with its defaults, without an input that somebody must have made."""
    ran = run(file, *UNBROKEN.get(name_of(file), ()))
    assert (ran.code, ran.one("run_ended")["status"]) == (0, "succeeded")
    assert not ran.of("node_failed")


@pytest.mark.parametrize("file", FILES + DRILLS, ids=name_of)
def test_editor_line(file: Path) -> None:
    """The first line leads editors to the schema."""
    first = file.read_text(encoding="utf-8").splitlines()[0]
    _, _, schema = first.partition("# yaml-language-server: $schema=")
    assert (file.parent / schema).is_file()


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_readable(file: Path) -> None:
    """A page at most; the pipeline, its params, stages and groups are described."""
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 130
    assert max(map(len, text.splitlines())) <= 120
    pipeline = load(file)
    assert pipeline.description
    assert all(param.description for param in pipeline.params)
    for node in pipeline.stages:
        assert node.description or (isinstance(node, Use) and node.pipeline.description), node.id


def test_nothing_is_written_twice() -> None:
    """Both pipelines are made of the same stage files, and call next to nothing themselves."""
    for name, most in (("full_cube.yaml", 2), ("calibration.yaml", 2)):
        stages = load(ROOT / name).stages
        assert sum(isinstance(stage, Task) for stage in stages) <= most
        assert all(isinstance(stage, Use | Task) for stage in stages)


def test_full_cube_has_every_stage() -> None:
    """Every row of the demonstration pipeline is there, in its order."""
    assert [stage.id for stage in load(ROOT / "full_cube.yaml").stages] == STAGES


def test_full_cube_uses_the_language() -> None:
    """Conditions, fan-outs, loops, retries, QA, pauses and tolerated failures are all in it."""
    nodes = [node for _, node in walk(load(ROOT / "full_cube.yaml"))]
    assert any(node.when is not None for node in nodes)
    assert any(node.for_each is not None and node.for_each.batch > 1 for node in nodes)
    assert any(node.for_each is not None and node.for_each.min_success < 100 for node in nodes)
    assert any(node.loop is not None and node.loop.keep == "best" for node in nodes)
    assert any(node.retries is not None and node.retries.on for node in nodes)
    assert any(node.on_error == "continue" for node in nodes)
    assert sum(node.qa is not None for node in nodes) > 10
    assert {"Task", "Group", "Use", "Pause"} == {type(node).__name__ for node in nodes}


@pytest.mark.parametrize(
    ("imaging", "skipped", "files"),
    [
        ("contselfcal", set(), 20),
        ("cont", {"image_cube", "image_continuum/selfcal"}, 18),
        ("cube", {"image_continuum", "image_continuum_per_spw"}, 14),
    ],
)
def test_imaging_modes(imaging: str, skipped: set[str], files: int, run: Runner) -> None:
    """Each mode skips the stages that it does not ask for, and exports what it made."""
    ran = run("full_cube.yaml", "-p", f"imaging={imaging}")
    assert ran.code == 0
    found = {fact["place"] for fact in ran.of("node_skipped")}
    asked = (
        "data",
        "/picture",
        "/review",
        "/radiometers",
    )  # data are simulated, and nothing is asked
    assert {place for place in found if not place.endswith(asked)} == skipped
    assert ran.outputs["files"] == files


def test_order_of_the_stages(run: Runner) -> None:
    """Stages wait for what they read; the two imports wait for one another not at all."""
    ran = run("full_cube.yaml")
    for first, then in [
        ("import_calibrators", "calibrate_bandpass"),
        ("calibrate_bandpass", "calibrate_gains"),
        ("calibrate_gains", "calibrate_target_and_find_continuum"),
        ("import_target", "calibrate_target_and_find_continuum"),
        ("calibrate_target_and_find_continuum", "image_continuum"),
        ("image_continuum", "image_cube"),
        ("image_continuum", "image_continuum_per_spw"),
        ("image_calibrators", "export"),
        ("image_cube", "export"),
    ]:
        assert ran.order("node_succeeded", first) < ran.order("node_started", then)
    for one, other in [
        ("import_calibrators", "import_target"),
        ("image_cube", "image_continuum_per_spw"),
    ]:
        assert ran.order("node_started", one) < ran.order("node_succeeded", other)
        assert ran.order("node_started", other) < ran.order("node_succeeded", one)


def test_selfcal_is_rolled_back(run: Runner) -> None:
    """The dynamic range rises, the cycle that made it worse is not kept, the better goes on."""
    ran = run("stages/image_continuum.yaml")
    outputs = ran.one("node_succeeded", "selfcal")["outputs"]
    history = outputs["history"]
    assert outputs["outcome"] == "converged"
    assert history.index(max(history)) < len(history) - 1
    assert ran.outputs["dynamic_range"] == pytest.approx(max(history))
    assert ran.outputs["ms"]["group"] == f"sc{history.index(max(history)) + 1}"


def test_a_bad_round_is_rolled_back(run: Runner) -> None:
    """A round that made the image worse is not what the next one starts from, nor what is kept."""
    ran = run("selfcal.yaml")
    history = ran.one("node_succeeded", "rounds")["outputs"]["history"]
    best = history.index(max(history))
    assert best < len(history) - 1
    assert ran.outputs["after"] == pytest.approx(max(history))
    assert ran.outputs["after"] > 3 * ran.outputs["before"]
    kept = {score["reason"]: score["value"] for score in ran.of("scored", "rounds#")}
    assert kept["rolled back"] < 1 < kept["accepted"]


def test_sabotage_is_caught(run: Runner) -> None:
    """Broken radiometers and a dead receptor each stop the run for one question to a person."""
    detached = ("--detach-on-pause", "--interactive=never")
    ran = run("sabotage.yaml", *detached)
    assert ran.code == 3
    asked = [fact["place"] for fact in ran.of("question_asked")]
    assert asked == ["import_calibrators/radiometers"]
    ran = run("sabotage.yaml", *detached, "-p", "wvr_error=0.2")
    assert ran.code == 3
    assert [fact["place"] for fact in ran.of("question_asked")] == ["calibrate_bandpass"]
    (score,) = [
        fact for fact in ran.of("scored", "calibrate_bandpass") if fact["verdict"] == "alert"
    ]
    assert score["reason"] == "A03:XX"


def test_without_selfcal(run: Runner) -> None:
    """Without self-calibration the stage hands on what it was given."""
    ran = run("stages/image_continuum.yaml", "-p", "selfcal=false")
    assert ran.outputs["ms"]["group"] == "corrected"
    assert [fact["place"] for fact in ran.of("node_skipped", "selfcal")] == ["selfcal"]


def test_low_snr_combines_spws(run: Runner) -> None:
    """A signal to noise that no spw reaches alone makes one solution of all spws."""
    ran = run("stages/calibrate_gains.yaml", "-p", "snr_min=100")
    assert ran.outputs["combined"] is True
    started = {fact["place"] for fact in ran.of("node_started", "solve[")}
    assert {place.partition("#")[0] for place in started} == {
        f"solve[spw0+1,scan{scan}]" for scan in (1, 2, 3)
    }


def test_archive_is_asked_again(run: Runner, tmp_path: Path) -> None:
    """Two failed attempts are retried; a fault that stays fails stage and run, and says why."""
    rule = "{at: import/fetch, exception: ConnectionError, message: gone"
    ran = run("stages/import_visibilities.yaml", drill(tmp_path, rule + ", attempts: 2}"))
    assert ran.code == 0
    assert len(ran.of("retrying")) == 8  # 2 calibrators, 2 spws
    ran = run("stages/import_visibilities.yaml", drill(tmp_path, rule + "}"))
    assert ran.code == 1
    assert "ConnectionError: gone" in ran.one("run_ended")["message"]


def test_other_errors_are_not_retried(run: Runner, tmp_path: Path) -> None:
    """Only what another attempt may mend is tried again."""
    rule = "{at: import/fetch, exception: ValueError}"
    ran = run("stages/import_visibilities.yaml", drill(tmp_path, rule))
    assert ran.code == 1
    assert not ran.of("retrying")


def test_one_spw_may_fail(run: Runner, tmp_path: Path) -> None:
    """The cube is made of the spws whose continuum could be subtracted; not of none."""
    ran = run(
        "stages/image_cube.yaml",
        drill(tmp_path, "{at: 'subtract[spw=1]', exception: ArithmeticError}"),
    )
    assert ran.code == 0
    assert ran.outputs["failed"] == ["1"]
    blocks = {fact["place"] for fact in ran.of("node_started", "block[")}
    assert {place.partition(",")[0] for place in blocks} == {"block[spw0"}
    ran = run("stages/image_cube.yaml", drill(tmp_path, "{at: subtract, exception: OSError}"))
    assert ran.code == 1


def test_catalogue_may_be_down(run: Runner, tmp_path: Path) -> None:
    """Without the line catalogue the stage goes on."""
    ran = run(
        "stages/calibrate_target.yaml",
        drill(tmp_path, "{at: spw/catalogue, exception: ConnectionError}"),
    )
    assert ran.code == 0
    assert [fact["tolerated"] for fact in ran.of("node_failed")] == [True, True]


def test_calibrator_images_are_good_to_have(run: Runner, tmp_path: Path) -> None:
    """One image may fail; where all do, the calibration still succeeds, without an export."""
    one = "{at: 'image_calibrators/image[field=J1924-2914,spw=0]/fits', exception: OSError}"
    ran = run("calibration.yaml", drill(tmp_path, one))
    assert ran.code == 0
    assert len(ran.outputs["images"]) == 3
    ran = run("calibration.yaml", drill(tmp_path, "{at: '**/fits', exception: OSError}"))
    assert ran.code == 0
    assert ran.outputs["images"] == []
    assert "export" in {fact["place"] for fact in ran.of("node_skipped")}


def test_forced_qa(run: Runner, tmp_path: Path) -> None:
    """A drill's score is shown as an alert; where a stage must be good, it stops the run."""
    rule = "{at: '**/flux_scale', qa: {snr: 0.1}}"
    ran = run("stages/calibrate_gains.yaml", drill(tmp_path, rule))
    assert ran.code == 0
    assert [fact["verdict"] for fact in ran.of("scored", "flux_scale")] == ["alert", "good"]
    ran = run("stages/export.yaml", drill(tmp_path, "{at: verify, qa: {files: 0.5}}"))
    assert ran.code == 1


def test_crash_needs_processes(run: Runner, tmp_path: Path) -> None:
    """A drill that kills its process is refused where that is the run's own."""
    crash = drill(tmp_path, "{at: verify, crash: true}")
    assert run("stages/export.yaml", crash).code == 2
    ran = run("stages/export.yaml", crash, "--executor=processes")
    assert ran.code == 1
    assert ran.one("node_failed", "verify")["error"] == "WorkerDied"


@pytest.mark.parametrize(
    # That with a person in it pauses: tests/cli/test_drill_questions.py.
    "file",
    [file for file in DRILLS if file.stem != "questions"],
    ids=name_of,
)
def test_drills(file: Path, run: Runner) -> None:
    """What a drill's own command shows: attempts again, failures that are tolerated, an alert."""
    command = file.read_text(encoding="utf-8").splitlines()[1]
    drilled = re.search(r"radps-dag run pipelines/(\S+) --faults pipelines/(\S+) (.*)", command)
    assert drilled is not None
    assert drilled[2] == f"{name_of(file)}.yaml"
    ran = run(drilled[1], f"--faults={file}", *drilled[3].split())
    assert ran.code == 0
    assert ran.of("retrying")
    assert any(fact["tolerated"] for fact in ran.of("node_failed"))
    assert "alert" in {fact["verdict"] for fact in ran.of("scored")}


def test_one_stage_on_what_an_earlier_run_left(run: Runner) -> None:
    """`--only` runs a stage again, with the products of the stages before it, and nothing else."""
    assert run("calibration.yaml").code == 0
    ran = run("calibration.yaml", "--only=export")
    assert ran.code == 0
    started = {fact["place"].partition("/")[0] for fact in ran.of("node_started")}
    assert started - {""} == {"export"}


def test_same_seed_same_result(run: Runner) -> None:
    """Two runs of one seed make the same images, whatever order their calls had."""

    def versions(*options: str) -> list[str]:
        ran = run("stages/image_continuum_per_spw.yaml", *options)
        return [image["version"] for image in ran.outputs["images"]]

    assert versions("--seed=3") == versions("--seed=3", "--max-parallel=1")
    assert versions("--seed=3") != versions("--seed=4")
