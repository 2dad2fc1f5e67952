"""The recipe with CASA, against the truth and against this library's calibration of the same data.

CASA has an environment of its own, whose `radps-dag-casa` is on the PATH; skipped where none is.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_support import PIPELINES, Ran, run, write
from sim_data_support import BANDPASS, PHASE, TARGET

from radps_dag.workloads import local_path
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.primary_beam import primary_beam
from radps_dag.workloads.sim.simulation.sky import calibrator_model, sky_of
from radps_dag.workloads.sim.stores.fits_reading import FitsPlane, read_plane
from radps_dag.workloads.sim.stores.observations import read_observation

pytest.importorskip("casacore")
_THERE = shutil.which("radps-dag-casa")
if not _THERE or subprocess.run([_THERE, "--version"], capture_output=True).returncode:
    pytest.skip("there is no CASA", allow_module_level=True)

pytestmark = pytest.mark.slow
ARCSEC = np.pi / 180 / 3600
OURS = """
    library: sim
    stages:
      calibrators:
        run: describe_visibilities
        with: {intent: calibrators, group: prepared}
      target:
        run: describe_visibilities
        with: {intent: target, group: prepared}
      bandpass:
        use: stages/calibrate_bandpass.yaml
        with: {ms: "${{ stages.calibrators.ms }}"}
      gains:
        use: stages/calibrate_gains.yaml
        with: {ms: "${{ stages.bandpass.ms }}", bandpass: "${{ stages.bandpass.bandpass }}"}
      flag:
        for_each: {spw: [0, 1]}
        run: autoflag
        with: {ms: "${{ stages.target.ms }}", spw: "${{ each.spw }}"}
      apply:
        for_each: {part: "${{ stages.flag.ms }}"}
        run: apply_calibration
        with: {ms: "${{ each.part }}", caltables: "${{ stages.gains.caltables }}"}
      gather:
        run: gather_visibilities
        with: {parts: "${{ stages.apply.ms }}", group: corrected}
      write:
        run: export_measurement_set
        with: {ms: "${{ stages.gather.ms }}"}
      image:
        run: tclean
        with:
          ms: ${{ stages.write.ms }}
          size: [256, 256]
          scale: 0.04arcsec
          niter: 2000
          sidelobe_threshold: 1
      export:
        run: exportfits
        with: {image: "${{ stages.image.image }}"}
    outputs:
      image: ${{ stages.export.file }}
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The recipe on the data that it simulates."""
    folder = tmp_path_factory.mktemp("casa")
    ran = run(PIPELINES / "programs" / "casa_calibration.yaml", "--no-prefect", cwd=folder)
    assert ran.code == 0, ran.err
    return ran


@pytest.fixture(scope="module")
def about(ran: Ran) -> Observation:
    """What was simulated."""
    folder = ran.workspace / "runs"
    record = next(folder.glob("*/products/simulated/calibrators/observation-*.json"))
    return read_observation({"uri": record.as_uri(), "kind": "observation"})


def plane_of(outputs: Mapping[str, Any]) -> FitsPlane:
    return read_plane(outputs["image"])


def test_the_flux_scale_is_true(ran: Ran, about: Observation) -> None:
    """The calibrator whose flux density CASA is told has that of the simulation; that of the other
    comes out to 2 %."""
    known = calibrator_model(about, BANDPASS)
    params = ran.one("run_started")["params"]
    assert params["flux_density"] == known.flux_density
    assert params["spectral_index"] == known.spectral_index
    middle = np.array([231.9375e9])
    true = calibrator_model(about, PHASE).at(middle)[0]
    assert np.isclose(ran.outputs["flux_densities"][PHASE], true, rtol=0.02)


def test_the_target_is_where_it_is_and_as_bright(ran: Ran, about: Observation) -> None:
    """The brightest source: within a fifth of the beam, and 5 % of its flux density through the
    primary beam."""
    plane = plane_of(ran.outputs)
    source = max(sky_of(about, TARGET), key=lambda source: source.flux_density)
    y, x = np.unravel_index(plane.values.argmax(), plane.values.shape)
    middle = plane.values.shape[0] // 2
    east, north = (middle - x) * plane.cell, (y - middle) * plane.cell
    assert np.hypot(east - source.l, north - source.m) < plane.beam[1] / 5
    frequency = np.array([231.9375e9])
    seen = primary_beam(np.hypot(source.l, source.m), frequency, 12.0)[0]
    true = source.flux_density * (frequency[0] / 230e9) ** source.spectral_index * seen
    assert np.isclose(plane.values.max(), true, rtol=0.05)


def test_the_calibration_is_that_of_the_library(ran: Ran, tmp_path: Path) -> None:
    """Imaged alike, the peak agrees with that after our calibration to 2 %, the noise to 15 %, and
    each pixel to five times the noise."""
    shutil.copytree(PIPELINES / "stages", tmp_path / "stages")
    shutil.copytree(PIPELINES / "programs" / "tools", tmp_path / "tools")
    ours = run(write(tmp_path / "ours.yaml", OURS), "--no-prefect", cwd=tmp_path)
    assert ours.code == 0, ours.err
    theirs, mine = plane_of(ran.outputs), plane_of(ours.outputs)
    assert np.isclose(theirs.values.max(), mine.values.max(), rtol=0.02)
    assert np.isclose(theirs.rms, mine.rms, rtol=0.15)
    assert np.abs(theirs.values - mine.values).max() < 5 * mine.rms


def test_quality_has_the_usual_names(ran: Ran) -> None:
    """Flags, signal to noise and dynamic range are scored, and the beam is that in the file."""
    scored = {fact["place"] for fact in ran.of("scored")}
    assert {"flag", "bandpass", "gains/phases", "flux_scale", "image"} <= scored
    assert 50 < ran.outputs["dynamic_range"] < 1000
    assert np.allclose(ran.outputs["beam"], plane_of(ran.outputs).beam[:2] / ARCSEC, rtol=1e-3)
    assert local_path(ran.outputs["quicklook"]).read_bytes().startswith(b"\x89PNG")


def test_a_task_that_fails_says_why_in_a_line(tmp_path: Path) -> None:
    """The last line names the task and what it said; nothing is measured."""
    assert _THERE
    words = [_THERE, "gaincal", "vis=nothing.ms", "caltable=gains.cal"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("radps-dag-casa: gaincal: ")
    assert not (tmp_path / "result.json").exists()
