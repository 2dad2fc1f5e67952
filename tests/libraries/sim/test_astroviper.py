"""Astroviper, where it is installed, makes the same images of our stores as we do."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from calibration_support import some_observation
from sim_astroviper import VERSION, dirty_cube

from radps_dag.workloads.sim.imaging.making import make_dirty
from radps_dag.workloads.sim.simulation.geometry import cell_of
from radps_dag.workloads.sim.simulation.observe import simulate
from radps_dag.workloads.sim.stores.processing_sets import write_visibilities


def installed() -> str:
    """The version of astroviper; empty where there is none."""
    try:
        return metadata.version("astroviper")
    except metadata.PackageNotFoundError:
        return ""


@pytest.mark.skipif(installed() != VERSION, reason=f"no astroviper {VERSION} to compare with")
def test_the_same_image(tmp_path: Path) -> None:
    """The peak agrees within 0.5 %, at the same place; so does all of the image."""
    about = replace(some_observation(10, 1), channels=4, spws=(0,))
    vis = simulate(about, about.targets[0], 0, "corrected").vis
    ms = write_visibilities(tmp_path, about, [vis], "imported")
    cell = cell_of(about)
    ours = make_dirty([vis], [float(vis.frequency.max())], "cube", cell, 128, 2.0).planes["dirty"]
    theirs = dirty_cube(ms, 128, cell)
    for one, other in zip(ours, theirs, strict=True):
        assert one.argmax() == other.argmax()
        assert other.max() == pytest.approx(one.max(), rel=0.005)
        # Their correction for the gridding kernel is coarser at the edges.
        inside = (slice(8, -8), slice(8, -8))
        assert np.abs(one[inside] - other[inside]).max() < 0.005 * one.max()
