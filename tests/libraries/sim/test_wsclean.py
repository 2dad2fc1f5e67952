"""Images are those that WSClean makes of the same MeasurementSet. Skipped where there is none."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sim_data_support import TARGET, observation

from radps_dag.workloads.sim.imaging.making import make_dirty
from radps_dag.workloads.sim.simulation.geometry import cell_of
from radps_dag.workloads.sim.simulation.observe import simulate

pytest.importorskip("casacore")
if not shutil.which("wsclean"):
    pytest.skip("there is no wsclean", allow_module_level=True)

ABOUT = observation(antennas=10, channels=8, scans=(1, 2))
PIXELS = 128
ARCSEC = np.pi / 180 / 3600
# Its gridder at its best: with its defaults it is 7 % off the direct sum at the rim.
ACCURATE = ["-padding", "2", "-kernel-size", "13", "-oversampling", "1023"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """The dirty image and the psf of the target, as this library and as WSClean make them."""
    from astropy.io import fits
    from measurement_set_v2 import write_measurement_set

    folder = tmp_path_factory.mktemp("wsclean")
    vis = simulate(ABOUT, TARGET, 0, "corrected").vis
    # It takes the plain mean of XX and YY; with these weights ours is that, too.
    vis = replace(vis, weight=np.full_like(vis.weight, 100.0))
    write_measurement_set(folder / "a.ms", [vis])
    cell = cell_of(ABOUT)
    options = ["-size", str(PIXELS), str(PIXELS), "-scale", f"{cell / ARCSEC}asec", "-j", "1"]
    subprocess.run(
        ["wsclean", "-name", "a", *options, "-weight", "natural", "-make-psf", *ACCURATE,
         "-no-update-model-required", "a.ms"],
        cwd=folder, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    top = [float(vis.frequency.max())]
    ours = make_dirty([vis], top, "continuum", cell, PIXELS, robust=2.0).planes
    theirs = {
        "dirty": fits.getdata(folder / "a-image.fits"),
        "psf": fits.getdata(folder / "a-psf.fits"),
    }
    return {name: (ours[name][0], theirs[name][0, 0]) for name in ("dirty", "psf")}  # type: ignore[index]


@pytest.mark.parametrize("name", ["dirty", "psf"])
def test_an_image_is_that_of_wsclean(
    both: dict[str, tuple[NDArray[Any], NDArray[Any]]], name: str
) -> None:
    """To 0.1 % of the peak in each pixel, the right way round, with the flux in Jy."""
    ours, theirs = both[name]
    assert np.abs(ours - theirs).max() < 1e-3 * theirs.max()
    assert np.abs(ours - theirs[::-1, ::-1]).max() > 0.1 * theirs.max()
