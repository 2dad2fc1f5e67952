"""Images are those that WSClean makes of the same MeasurementSet. Skipped where there is none."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sim_data_support import TARGET, observation

from radps_dag.workloads.sim.imaging.making import major_cycle, make_dirty
from radps_dag.workloads.sim.imaging.restoring import restored
from radps_dag.workloads.sim.simulation.geometry import cell_of
from radps_dag.workloads.sim.simulation.observe import simulate
from radps_dag.workloads.sim.visibilities import Visibilities

pytest.importorskip("casacore")
if not shutil.which("wsclean"):
    pytest.skip("there is no wsclean", allow_module_level=True)

ARCSEC = np.pi / 180 / 3600
# Its gridder at its best: with its defaults it is 7 % off the direct sum at the rim.
ACCURATE = ["-padding", "2", "-kernel-size", "13", "-oversampling", "1023"]
Pair = tuple[NDArray[Any], NDArray[Any]]


def imaged(folder: Path, vis: Visibilities, size: int, cell: float, *options: str) -> Any:
    """What WSClean makes of visibilities: a plane by its name."""
    from astropy.io import fits

    from radps_dag.workloads.sim.stores.measurement_set_v2 import write_measurement_set

    write_measurement_set(folder / "a.ms", [vis])
    subprocess.run(
        ["wsclean", "-name", "a", "-size", str(size), str(size), "-scale", f"{cell / ARCSEC}asec",
         "-weight", "natural", *ACCURATE, *options, "-j", "1", "-no-update-model-required", "a.ms"],
        cwd=folder, check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return lambda name: fits.getdata(folder / f"a-{name}.fits")[0, 0].astype(np.float64)


def target(antennas: int, scans: tuple[int, ...]) -> tuple[Visibilities, float]:
    """The target in a spw, and the width of a pixel."""
    about = observation(antennas=antennas, channels=8, scans=scans)
    vis = simulate(about, TARGET, 0, "corrected").vis
    # It takes the plain mean of XX and YY; with these weights ours is that, too.
    return replace(vis, weight=np.full_like(vis.weight, vis.weight.mean())), cell_of(about)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """The dirty image and the psf of the target, as this library and as WSClean make them."""
    vis, cell = target(10, (1, 2))
    theirs = imaged(tmp_path_factory.mktemp("wsclean"), vis, 128, cell, "-make-psf")
    top = [float(vis.frequency.max())]
    ours = make_dirty([vis], top, "continuum", cell, 128, robust=2.0).planes
    return {"dirty": (ours["dirty"][0], theirs("image")), "psf": (ours["psf"][0], theirs("psf"))}


@pytest.mark.parametrize("name", ["dirty", "psf"])
def test_an_image_is_that_of_wsclean(both: dict[str, Pair], name: str) -> None:
    """To 0.1 % of the peak in each pixel, the right way round, with the flux in Jy."""
    ours, theirs = both[name]
    assert np.abs(ours - theirs).max() < 1e-3 * theirs.max()
    assert np.abs(ours - theirs[::-1, ::-1]).max() > 0.1 * theirs.max()


def test_a_cleaned_image_is_that_of_wsclean(tmp_path: Path) -> None:
    """Within the same mask the restored peak agrees to 1 %, the rms of the residual to 5 %."""
    from astropy.io import fits

    vis, cell = target(16, (1, 2, 3))
    top = [float(vis.frequency.max())]
    ours = make_dirty([vis], top, "continuum", cell, 256, robust=2.0)
    for _ in range(8):
        ours, _left = major_cycle(ours, [vis], top, niter=1000, gain=0.1, nsigma=3.0)
    # Without a mask its CLEAN diverges with the sidelobes of so few antennas.
    mask = ours.planes["mask"][0].astype(np.float32)
    fits.writeto(tmp_path / "mask.fits", mask[np.newaxis, np.newaxis])
    clean = ["-niter", "8000", "-mgain", "0.8", "-threshold", "0.0007", "-fits-mask", "mask.fits"]
    theirs = imaged(tmp_path, vis, 256, cell, *clean)
    assert np.isclose(restored(ours).planes["restored"].max(), theirs("image").max(), rtol=0.01)
    assert np.isclose(np.std(ours.planes["residual"]), np.std(theirs("residual")), rtol=0.05)
