"""The recipe with other people's programs: AOFlagger and WSClean on a real MeasurementSet."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_support import PIPELINES, Ran, run
from sim_data_support import TARGET, observation

from radps_dag.executors.manifest import describe
from radps_dag.outcome import CallFailed
from radps_dag.workloads import invoke, local_path
from radps_dag.workloads.contract.registry import find_library
from radps_dag.workloads.sim.simulation.observe import simulate
from radps_dag.workloads.sim.stores.measurement_set_v2 import write_measurement_set
from radps_dag.workloads.tools.process import Host, hosting

pytest.importorskip("casacore")
for program in ("wsclean", "aoflagger"):
    if not shutil.which(program):
        pytest.skip(f"there is no {program}", allow_module_level=True)

RECIPE = PIPELINES / "programs" / "wsclean_image.yaml"
LIBRARY = find_library("sim", [RECIPE.parent / "tools"])


@pytest.fixture(scope="module")
def ms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MeasurementSet of a target in two spws."""
    about = observation(antennas=10, channels=8, scans=(1, 2))
    parts = [simulate(about, TARGET, spw, "corrected").vis for spw in (0, 1)]
    return write_measurement_set(tmp_path_factory.mktemp("data") / "my.ms", parts)


@pytest.fixture(scope="module")
def ran(ms: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """The recipe, run on that, and its place."""
    folder = tmp_path_factory.mktemp("run")
    given = [f"ms={ms}", "pixels=128", "niter=500"]
    options = [word for one in given for word in ("-p", one)]
    return run(RECIPE, *options, "--no-prefect", cwd=folder), folder


def test_the_recipe_images_a_measurement_set(ran: tuple[Ran, Path]) -> None:
    """Each spw has an image, whose peak is far above the noise, with a beam and a picture."""
    outputs: Mapping[str, Any] = ran[0].outputs
    assert ran[0].code == 0
    for name in ("images", "quicklooks", "peak", "rms", "beam"):
        assert len(outputs[name]) == 2
    for peak, rms, (major, minor) in zip(
        outputs["peak"], outputs["rms"], outputs["beam"], strict=True
    ):
        assert 0.1 < peak < 1.0
        assert 5 * rms < peak
        assert 0 < minor <= major < 5
    assert local_path(outputs["quicklooks"][0]).read_bytes().startswith(b"\x89PNG")


def test_the_peak_is_that_of_the_file(ran: tuple[Ran, Path]) -> None:
    """What is measured is what stands in the FITS file that WSClean has written."""
    from astropy.io import fits

    values = fits.getdata(local_path(ran[0].outputs["images"][0]))
    assert np.isclose(values.max(), ran[0].outputs["peak"][0], rtol=1e-6)


def test_the_data_given_are_left_alone(ran: tuple[Ran, Path], ms: Path) -> None:
    """A copy is flagged: the given one is as it was written, the copy is not."""
    from casacore import tables

    flagged = ran[0].one("node_succeeded", "flag")["outputs"]["ms"]
    with (
        tables.table(str(ms), ack=False) as given,
        tables.table(str(local_path(flagged)), ack=False) as copied,
    ):
        before, after = given.getcol("FLAG"), copied.getcol("FLAG")
        assert np.array_equal(given.getcol("DATA"), copied.getcol("DATA"))
    assert after.sum() >= before.sum()
    assert describe(ms) != describe(local_path(flagged))


def test_a_diverging_clean_is_named(ms: Path, tmp_path: Path) -> None:
    """WSClean itself ends with exit code 0 there."""
    inputs = {
        "ms": {"uri": ms.as_uri(), "kind": "visibilities"},
        "spws": [0],
        "size": [64, 64],
        "gain": 2.5,
        "mgain": 1,
        "niter": 500,
        "auto_threshold": 0,
    }
    with (
        Path(os.devnull).open("wb") as nowhere,
        hosting(Host(nowhere.fileno())),
        pytest.raises(CallFailed) as caught,
    ):
        invoke(LIBRARY.find("wsclean"), inputs, tmp_path / "call", 0)
    assert caught.value.error == "CleanDiverged"


HAS_SCRIPT = subprocess.run(["/usr/bin/python3", "-c", "import casacore"], capture_output=True)
with_script = pytest.mark.skipif(
    HAS_SCRIPT.returncode != 0, reason="there is no python3-casacore of the system"
)


def called(name: str, folder: Path, **inputs: Any) -> dict[str, Any]:
    with Path(os.devnull).open("wb") as nowhere, hosting(Host(nowhere.fileno())):
        return invoke(LIBRARY.find(name), inputs, folder / name, 0)


@with_script
@pytest.mark.parametrize("mode", ["phase", "amplitude_phase"])
def test_gains_are_found_and_applied(ms: Path, tmp_path: Path, mode: str) -> None:
    """Data that known gains have spoilt are the model again, to rounding; flagged ones stay."""
    from casacore import tables

    path = tmp_path / "spoilt.ms"
    shutil.copytree(ms, path)
    rng = np.random.default_rng(1)
    gain = np.exp(1j * rng.uniform(-1, 1, 10))
    if mode == "amplitude_phase":
        gain *= rng.uniform(0.8, 1.2, 10)
    with tables.table(str(path), readonly=False, ack=False) as table:
        table.addcols(
            tables.maketabdesc(tables.makecoldesc("MODEL_DATA", table.getcoldesc("DATA")))
        )
        model = np.ones_like(table.getcol("DATA"))
        both = gain[table.getcol("ANTENNA1")] * gain[table.getcol("ANTENNA2")].conj()
        table.putcol("MODEL_DATA", model)
        table.putcol("DATA", (model * both[:, None, None]).astype(np.complex64))
        table.putcol("FLAG", np.zeros(model.shape, bool))
    data = {"uri": path.as_uri(), "kind": "visibilities"}
    solved = called("solve_ms_gains", tmp_path, ms=data, interval=60.0, mode=mode)
    assert solved["solved"] == 1
    assert called("apply_ms_gains", tmp_path, ms=data, gains=solved["gains"]) == {"ms": data}
    with tables.table(str(path), ack=False) as table:
        assert np.allclose(table.getcol("CORRECTED_DATA"), 1, atol=1e-4)


@with_script
def test_self_calibration_makes_the_image_better(ms: Path, tmp_path: Path) -> None:
    """The whole recipe on data with wrong phases: the kept round is far better than none."""
    from casacore import tables

    spoilt = tmp_path / "spoilt.ms"
    shutil.copytree(ms, spoilt)
    gain = np.exp(1j * np.random.default_rng(1).uniform(-1, 1, 10))
    with tables.table(str(spoilt), readonly=False, ack=False) as table:
        both = gain[table.getcol("ANTENNA1")] * gain[table.getcol("ANTENNA2")].conj()
        data = table.getcol("DATA") * both[:, None, None]
        table.putcol("DATA", data.astype(np.complex64))
    rounds = "[{interval: 60, mode: phase}, {interval: 60, mode: phase}]"
    given = [f"ms={spoilt}", "pixels=128", "niter=500", f"rounds={rounds}"]
    options = [word for one in given for word in ("-p", one)]
    recipe = RECIPE.with_name("wsclean_selfcal.yaml")
    ran = run(recipe, *options, "--no-prefect", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.outputs["after"] > 1.3 * ran.outputs["before"]
    assert len(ran.outputs["images"]) == 2
    described = [fact["place"] for fact in ran.of("node_succeeded", "rounds#")]
    assert {"rounds#1/clean", "rounds#2/apply"} <= set(described)


@with_script
def test_the_recipe_as_it_stands(tmp_path: Path) -> None:
    """By its defaults, on the data that it simulates, a round makes the image better, and no score
    is an alert: field, pixels and masks fit each other."""
    recipe = RECIPE.with_name("wsclean_selfcal.yaml")
    rounds = "rounds=[{interval: 20, mode: phase}]"
    ran = run(recipe, "-p", rounds, "-p", "spws=[0]", "--no-prefect", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.outputs["after"] > 2 * ran.outputs["before"]
    assert {fact["verdict"] for fact in ran.of("scored")} == {"good"}
