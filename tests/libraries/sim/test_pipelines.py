"""Every shipped pipeline, unchanged, with the sim library: through the real engine, to its end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import forked
import pytest
from run_support import PIPELINES, Ran, run

from radps_dag.prefect.server import ServerAddress

SIM = ("--library", "sim")
SMALL = ("-p", "channels=16", "-p", "channels_per_block=8", "-p", "pixels=128")
STAGES = sorted((PIPELINES / "stages").glob("*.yaml"))

# Runs each file given, in one process: what takes long is the import of all that it needs, and
# images larger than what is looked at here.
EACH = """
import sys
from pathlib import Path
from radps_dag.cli.main import _exit_code
for file in sys.argv[1:]:
    workspace = file.replace("/", "_")
    run = ["run", file, "--library", "sim", "--no-prefect", "--workspace", workspace, "--quiet"]
    if "pixels:" in Path(file).read_text(encoding="utf-8"):
        run += ["-p", "pixels=128"]
    print(workspace, _exit_code(run), flush=True)
"""


@pytest.fixture(scope="module")
def cube(prefect_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The whole demonstration, small, with Prefect."""
    return run(PIPELINES / "full_cube.yaml", *SIM, *SMALL, cwd=tmp_path_factory.mktemp("cube"))


def products(ran: Ran, place: str) -> list[Path]:
    """Files of what a node's calls made."""
    found = []
    for fact in ran.of("node_succeeded", place):
        for value in fact["outputs"].values():
            if isinstance(value, dict) and str(value.get("uri", "")).startswith("file://"):
                found.append(Path(value["uri"].removeprefix("file://")))
    return found


def test_full_cube(cube: Ran) -> None:
    """The whole of it succeeds; no score alerts, nothing is tolerated."""
    assert cube.code == 0, cube.err
    assert not cube.of("node_failed")
    assert not [fact for fact in cube.of("scored") if fact["verdict"] == "alert"]


def test_loops_converge_because_the_numbers_do(cube: Ran) -> None:
    """Solvers, CLEAN, sigma clipping and self-calibration all end before their limits."""
    ended = [
        fact["outputs"]
        for fact in cube.of("node_succeeded")
        if isinstance(fact["outputs"].get("outcome"), str)
    ]
    assert len(ended) > 15
    assert {outputs["outcome"] for outputs in ended} == {"converged"}


def test_self_calibration_helps(cube: Ran) -> None:
    """Self-calibration brings the dynamic range from what the atmosphere left to near thermal."""
    before = cube.one("node_succeeded", "image_continuum/first_image")["outputs"]
    after = cube.one("node_succeeded", "image_continuum")["outputs"]
    assert after["dynamic_range"] > 2.5 * before["dynamic_range"] > 250
    assert after["dynamic_range"] > 700


def test_noise_is_thermal(cube: Ran) -> None:
    """Of the cube, which is of the self-calibrated data, in every block of channels."""
    blocks = [
        fact["outputs"]["rms_over_sensitivity"]
        for fact in cube.of("node_succeeded", "image_cube/block[")
        if fact["place"].endswith("/restore")
    ]
    assert len(blocks) == 4
    assert max(blocks) < 1.5


def test_flux_scale(cube: Ran) -> None:
    """The phase calibrator comes out of its image with the flux density that the sky has."""
    from radps_dag.workloads.sim.simulation.sky import calibrator_model
    from radps_dag.workloads.sim.stores.observations import read_observation

    observed = cube.one("node_succeeded", "observation")["outputs"]
    truth = calibrator_model(read_observation(observed["observation"]), "J1832-2039")
    found = cube.one("node_succeeded", "calibrate_gains/flux_scale")["outputs"]["flux_densities"]
    assert found["J1832-2039"] == pytest.approx(truth.flux_density, rel=0.03)


def test_pictures_and_files(cube: Ran) -> None:
    """What is exported is there: FITS and PNG, each with the checksum of the manifest."""
    manifest = cube.one("node_succeeded", "export/manifest")["outputs"]["manifest"]
    paths = [Path(one["uri"].removeprefix("file://")) for one in manifest["stands_on"]]
    kinds = [path.suffix for path in paths]
    assert kinds.count(".fits") == 8
    assert kinds.count(".png") == 12
    for path in paths:
        magic = path.read_bytes()[:8]
        assert magic in (b"SIMPLE  ", b"\x89PNG\r\n\x1a\n")


def test_a_bad_round_is_rolled_back(tmp_path: Path) -> None:
    """Self-calibration comes near the thermal noise; the round that spoils it is not kept."""
    ran = run(PIPELINES / "selfcal.yaml", *SIM, "--no-prefect", cwd=tmp_path)
    assert ran.code == 0, ran.err
    outputs = ran.one("run_ended")["outputs"]
    history = ran.one("node_succeeded", "rounds")["outputs"]["history"]
    assert outputs["before"] < history[0] < history[1] < history[2] < history[4]
    assert history[3] < 0.3 * history[2]
    assert outputs["after"] == pytest.approx(history[4])
    assert outputs["after"] > 3 * outputs["before"]
    assert ran.one("node_succeeded", "accept")["outputs"]["ms"]["group"] == "sc5"


def test_sabotage_is_caught_and_asked_about(tmp_path: Path) -> None:
    """Broken radiometers, then a dead receptor, stop the run; answered, it comes to images."""
    ran = run(PIPELINES / "sabotage.yaml", *SIM, "--no-prefect", "--detach-on-pause", cwd=tmp_path)
    assert ran.code == 3, ran.err
    asked = ran.of("question_asked")
    assert [fact["place"] for fact in asked] == ["import_calibrators/radiometers"]

    def command(*arguments: str) -> str:
        done = forked.command(tmp_path, *arguments)
        assert done.returncode in (0, 3), done.stderr
        return done.stdout

    listed: list[dict[str, Any]] = json.loads(command("questions", "--json"))
    assert len(listed) == 1
    command("answer", listed[0]["run"], "-i", "apply=false")
    command("resume", "--detach-on-pause", "--quiet")
    (second,) = json.loads(command("questions", "--json"))
    assert second["place"] == "calibrate_bandpass"
    assert "A03:XX" in json.dumps(second)
    command("answer", second["run"], "-i", "action=go on")
    command("resume", "--quiet")
    (last,) = json.loads(command("runs", "--json"))
    assert last["status"] == "succeeded"


def test_every_stage_runs_alone(tmp_path: Path) -> None:
    """Each stage makes up the data that it wants, as far as it wants them."""
    done = subprocess.run(
        [sys.executable, "-c", EACH, *map(str, STAGES)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    codes = dict(line.split() for line in done.stdout.splitlines())
    assert len(codes) == len(STAGES), done.stderr
    assert set(codes.values()) == {"0"}, done.stderr


def test_the_executor_and_the_number_of_workers_change_nothing(tmp_path: Path) -> None:
    """Every product has the same version in threads, in processes, and one call after the other."""

    def versions(folder: str, *options: str) -> dict[str, str]:
        (tmp_path / folder).mkdir()
        file = PIPELINES / "stages" / "calibrate_gains.yaml"
        ran = run(file, *SIM, "--no-prefect", *options, cwd=tmp_path / folder)
        assert ran.code == 0, ran.err
        return {
            f"{fact['place']} {name}": value["version"]
            for fact in ran.of("node_succeeded")
            for name, value in fact["outputs"].items()
            if isinstance(value, dict) and "version" in value
        }

    threads = versions("threads")
    assert len(threads) > 15
    assert versions("processes", "--executor=processes", "--max-parallel=2") == threads
    assert versions("one", "--max-parallel=1") == threads
