"""A simulated target imaged, and its lines told from its continuum, against its true sky."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sim_imaging_support import OBSERVATION, call

from radps_dag.workloads.sim.cleaning import clean, make_dirty_image, restore_image
from radps_dag.workloads.sim.continuum import (
    average_spectrum,
    query_line_catalogue,
    sigma_clip,
    subtract_continuum,
)
from radps_dag.workloads.sim.images import describe_images
from radps_dag.workloads.sim.imaging.continuum import channels_of
from radps_dag.workloads.sim.simulation.observe import simulate
from radps_dag.workloads.sim.simulation.sky import line_of, sky_of
from radps_dag.workloads.sim.stores.images import read_image
from radps_dag.workloads.sim.stores.processing_sets import write_visibilities
from radps_dag.workloads.sim.stores.records import read_record

SEEDS = (1, 2, 3)
CHANNELS = 16


def observed(seed: int):
    """A small observation without errors of calibration."""
    return replace(
        OBSERVATION,
        calibrators=("J1924-2914", "J1832-2039"),
        channels=CHANNELS,
        scans=(1, 2),
        spws=(0,),
        seed=seed,
    )


def stored(tmp_path, seed: int):
    vis = simulate(observed(seed), "target", 0, "corrected").vis
    (tmp_path / "ms").mkdir()
    return write_visibilities(tmp_path / "ms", observed(seed), [vis], "imported")


@pytest.mark.parametrize("seed", SEEDS)
def test_line_and_continuum_are_told_apart(tmp_path, seed):
    """Channels in which the line is bright are found, more than half of the band is kept."""
    ms = stored(tmp_path, seed)
    image = call(make_dirty_image, tmp_path / "cube", ms=ms, field="target", spws=[0],
                 mode="cube", pixels=128)["image"]  # fmt: skip
    spectrum = call(average_spectrum, tmp_path, images=[image])["spectrum"]
    lines = call(query_line_catalogue, tmp_path, ms=ms, spw=0)["lines"]
    truth = line_of(observed(seed), "target", 0)
    assert truth is not None
    assert lines == [{"name": truth.name, "frequency": round(truth.frequency / 1e9, 4)}]
    ranges = None
    for _ in range(15):
        given = call(sigma_clip, tmp_path, spectrum=spectrum, ranges=ranges, lines=lines)
        ranges = given["ranges"]
        if given["clipped"] == 0:
            break
    kept = channels_of(read_record(ranges, "continuum_ranges")["ranges"]["0"])
    profile = truth.profile(read_image(image).frequency)
    assert not set(np.flatnonzero(profile > 0.1).tolist()) & set(kept)
    assert len(kept) > 0.5 * CHANNELS
    given = call(subtract_continuum, tmp_path / "line", ms=ms, spw=0, ranges=ranges)
    assert given["residual_z"] < 4


@pytest.mark.parametrize("seed", SEEDS)
def test_the_brightest_source_is_where_and_as_bright_as_it_is(tmp_path, seed):
    """Of the restored continuum: flux within 5 %, position within a tenth of the beam."""
    ms = stored(tmp_path, seed)
    image = call(make_dirty_image, tmp_path / "dirty", ms=ms, field="target", spws=[0],
                 channels={"first": 8, "last": 15}, pixels=128)["image"]  # fmt: skip
    for cycle in range(10):
        given = call(clean, tmp_path / str(cycle), ms=ms, image=image)
        image = given["image"]
        if given["peak"] <= 4 * given["rms"]:
            break
    else:
        raise AssertionError("not clean after ten cycles")
    found = call(restore_image, tmp_path / "restored", image=image)
    # Few baselines with noise alone are cleaned to about the thermal noise; skirts are left.
    assert found["rms_over_sensitivity"] < 2.0
    restored = read_image(found["image"])
    width = float(np.sqrt(restored.beam[0][0] * restored.beam[0][1]))
    source = sky_of(observed(seed), "target")[0]
    rows, columns = np.mgrid[:128, :128] - 64
    model = restored.planes["model"][0].astype(float)
    near = np.hypot(rows * restored.cell - source.m, -columns * restored.cell - source.l)
    model = model * (near < 1.5 * width)
    assert model.sum() == pytest.approx(source.flux_density, rel=0.05)
    north, east = (model * rows).sum(), -(model * columns).sum()
    assert north / model.sum() * restored.cell == pytest.approx(source.m, abs=0.1 * width)
    assert east / model.sum() * restored.cell == pytest.approx(source.l, abs=0.1 * width)


def test_images_are_made_up_where_there_are_none(tmp_path):
    """Two restored images of different spws, which are images to whoever is given them."""
    images = call(describe_images, tmp_path)["images"]
    assert [image["selection"]["spws"] for image in images] == [[0], [1]]
    for image in images:
        planes = read_image(image).planes
        assert planes["restored"].max() > 20 * planes["residual"].std()
    assert call(describe_images, tmp_path, images=images)["images"] == images
