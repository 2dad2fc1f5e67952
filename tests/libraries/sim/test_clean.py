"""The workloads of imaging, called as a pipeline calls them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sim_imaging_support import CELL, call, make_visibilities, pixel_of, store, without_data

from radps_dag.workloads.contract.opening import local_path
from radps_dag.workloads.sim import cleaning
from radps_dag.workloads.sim.cleaning import clean, make_dirty_image, restore_image
from radps_dag.workloads.sim.export import draw_quicklook
from radps_dag.workloads.sim.images import concatenate_images
from radps_dag.workloads.sim.stores.images import read_image
from radps_dag.workloads.sim.stores.records import write_record
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable

SOURCES = ((0.3, 0.5, -0.8, 0.0), (0.12, -2.1, 1.3, 0.0))


@pytest.fixture(autouse=True)
def cell(monkeypatch):
    """The array of these tests has its own pixels."""
    monkeypatch.setattr(cleaning, "cell_of", lambda observation: CELL)


@pytest.fixture
def ms(tmp_path):
    """Two spws of a target with two sources."""
    parts = [make_visibilities(1, spw=spw, sigma=0.1, sources=SOURCES) for spw in (0, 1)]
    return store(tmp_path / "ms", parts)


def loop(tmp_path: Path, ms, image, nsigma: float = 4.0):
    """The loop of clean.yaml; what its last cycle gave, and how many there were."""
    for cycle in range(1, 11):
        given = call(clean, tmp_path / f"cycle{cycle}", ms=ms, image=image, nsigma=nsigma)
        image = given["image"]
        if given["peak"] <= nsigma * given["rms"]:
            return given, cycle
    raise AssertionError(f"not clean after ten cycles: {given}")


def test_a_target_is_imaged_from_dirty_to_restored(tmp_path, ms):
    """Cycles end at the noise; what is restored has the sources, the beam and a good score."""
    dirty = call(make_dirty_image, tmp_path / "dirty", ms=ms, field="target", spws=[0, 1],
                 pixels=128)  # fmt: skip
    assert dirty["peak"] == pytest.approx(0.3, rel=0.2)
    assert dirty["image"]["group"] == "dirty"
    assert dirty["image"]["selection"] == {"field": "target", "spws": [0, 1]}
    given, cycles = loop(tmp_path, ms, dirty["image"])
    assert 1 < cycles <= 10
    assert given["model_flux"] > 0.95
    history = read_image(given["image"]).history
    assert [set(entry) >= {"cycle", "peak", "rms", "flux", "iterations"} for entry in history] == [
        True
    ] * cycles
    restored = call(restore_image, tmp_path / "restored", image=given["image"])
    image = read_image(restored["image"])
    row, column = (round(one) for one in pixel_of(*SOURCES[0][1:3], 128))
    assert image.planes["restored"][0, row, column] == pytest.approx(0.3, rel=0.08)
    assert restored["dynamic_range"] > 300
    assert restored["rms"] == pytest.approx(
        restored["rms_over_sensitivity"] * image.sensitivity[0], rel=1e-6
    )
    assert restored["rms_over_sensitivity"] < 1.5
    assert restored["score"] > 0.9


def test_what_is_being_cleaned_is_drawn(tmp_path, ms):
    """After a cycle draw_quicklook gives the picture that the person who is asked sees."""
    dirty = call(make_dirty_image, tmp_path / "a", ms=ms, field="target", spws=[0], pixels=64)
    image = call(clean, tmp_path / "b", ms=ms, image=dirty["image"], niter=20)["image"]
    picture = call(draw_quicklook, tmp_path / "c", image=image)["file"]
    assert picture["kind"] == "quicklook"
    assert local_path(picture).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_same_call_gives_the_same_bytes(tmp_path, ms):
    """An image's version is the digest of all that is in it, and does not change between calls."""
    one, other = (
        call(make_dirty_image, tmp_path / name, ms=ms, field="target", spws=[0, 1], pixels=64)
        for name in ("a", "b")
    )
    assert one["image"]["version"] == other["image"]["version"]
    one, other = (
        call(clean, tmp_path / name, ms=ms, image=given["image"], niter=50)
        for name, given in (("c", one), ("d", other))
    )
    assert one["image"]["version"] == other["image"]["version"]


def test_niter_bounds_a_cycle(tmp_path, ms):
    """A cycle takes no more components than it may."""
    dirty = call(make_dirty_image, tmp_path / "a", ms=ms, field="target", spws=[0], pixels=64)
    given = call(clean, tmp_path / "b", ms=ms, image=dirty["image"], niter=3)
    assert read_image(given["image"]).history[-1]["iterations"] == 3


def test_a_line_is_imaged_in_its_channels(tmp_path):
    """Blocks of a cube, cleaned and put together, have the line's peak within 5 %, only there."""
    line = ((0.1, 0.0, 0.0, 0.0),)
    vis = make_visibilities(2, sigma=0.03, line=line, line_channels=(3, 4))
    ms = store(tmp_path / "ms", [vis])
    restored = []
    for first in (0, 4):
        block = {"first": first, "last": first + 3}
        where = tmp_path / f"block{first}"
        dirty = call(make_dirty_image, where / "dirty", ms=ms, field="target", spws=[0],
                     mode="cube", channels=block, pixels=64)  # fmt: skip
        assert dirty["image"]["selection"]["channels"] == block
        given, _ = loop(where, ms, dirty["image"])
        restored.append(call(restore_image, where / "restored", image=given["image"])["image"])
    cube = call(concatenate_images, tmp_path / "cube", images=restored)
    assert cube["channels"] == 8
    assert cube["image"]["group"] == "cube"
    image = read_image(cube["image"])
    assert image.channels == {0: tuple(range(8))}
    spectrum = image.planes["restored"][:, 32, 32]
    noise = float(image.sensitivity.max())
    assert spectrum[3:5] == pytest.approx([0.1, 0.1], rel=0.05, abs=3 * noise)
    assert np.abs(np.delete(spectrum, (3, 4))).max() < 5 * noise


def test_line_free_channels_alone_make_a_continuum_image(tmp_path):
    """Channels that are not in the ranges do not go into a continuum image."""
    line = ((5.0, 0.0, 0.0, 0.0),)
    vis = make_visibilities(2, sources=((0.2, 0.0, 0.0, 0.0),), line=line, line_channels=(3, 4))
    ms = store(tmp_path / "ms", [vis])
    ranges = write_record(
        tmp_path, "continuum_ranges", {"ranges": {"0": [[0, 2], [5, 7]]}, "total": {"0": 8}}
    )
    given = call(make_dirty_image, tmp_path / "a", ms=ms, field="target", spws=[0], ranges=ranges,
                 pixels=64)  # fmt: skip
    assert given["peak"] == pytest.approx(0.2, rel=1e-3)
    assert read_image(given["image"]).channels == {0: (0, 1, 2, 5, 6, 7)}


@pytest.mark.parametrize("seed", range(3))
def test_the_loop_ends_on_noise(tmp_path, seed):
    """Where there is nothing but noise the cycles end at once, and say that nothing is left."""
    ms = store(tmp_path / "ms", [make_visibilities(seed, sigma=0.2)])
    dirty = call(make_dirty_image, tmp_path / "a", ms=ms, field="target", spws=[0], pixels=64)
    _, cycles = loop(tmp_path, ms, dirty["image"])
    assert cycles <= 2
    assert dirty["rms"] == pytest.approx(dirty["sensitivity"], rel=0.15)


def refused(match: str, workdir: Path, **arguments) -> None:
    """What make_dirty_image does not take, in one line."""
    with pytest.raises(ValueError, match=match) as error:
        call(
            make_dirty_image, workdir, **{"field": "target", "spws": [0], "pixels": 64, **arguments}
        )
    assert "\n" not in str(error.value)


def test_what_is_not_there_is_named(tmp_path, ms):
    """A spw, a field, channels that are not there; no spws at all; odd sizes: one line each."""
    where = tmp_path / "w"
    refused("no spw 9 of field 'target'", where, ms=ms, spws=[9])
    refused("no field 'elsewhere'", where, ms=ms, field="elsewhere")
    refused("no spws to image", where, ms=ms, spws=[])
    refused("no channels left .* 90 to 99", where, ms=ms, channels={"first": 90, "last": 99})
    for size in (65, 100_000):
        refused(f"even number of 16 to 2048, not {size}", where, ms=ms, pixels=size)
    ranges = write_record(tmp_path, "continuum_ranges", {"ranges": {"1": [[0, 7]]}, "total": {}})
    refused("no channels left .* line-free", where, ms=ms, ranges=ranges)


def test_bad_data_have_an_answer(tmp_path):
    """All flagged, no numbers, one antenna, no times: one line each."""
    vis = make_visibilities(1, sigma=0.1, channels=2)
    data = vis.data.copy()
    data[0, 0, 0, 0] = np.inf
    for number, (bad, match) in enumerate(
        (
            (without_data(vis), "all visibilities of target_spw0 are flagged"),
            (replace(vis, data=data), "no numbers"),
            (make_visibilities(1, antennas=1, channels=2), "no visibilities to image: 1 antennas"),
            (vis.of_times(np.zeros(vis.time.size, dtype=bool)), "no visibilities to image"),
        )
    ):
        ms = store(tmp_path / f"ms{number}", [bad])
        refused(match, tmp_path / f"w{number}", ms=ms)


def test_other_products_are_refused(tmp_path, ms):
    """Visibilities are no image, and other visibilities are not those of an image."""
    with pytest.raises(StoreUnusable, match="expected image, found visibilities"):
        call(restore_image, tmp_path / "a", image=ms)
    dirty = call(make_dirty_image, tmp_path / "b", ms=ms, field="target", spws=[0], mode="cube",
                 pixels=32)  # fmt: skip
    fewer = store(tmp_path / "other", [make_visibilities(1, channels=4)])
    with pytest.raises(ValueError, match="8 planes, the visibilities 4"):
        call(clean, tmp_path / "c", ms=fewer, image=dirty["image"])
    with pytest.raises(ValueError, match="niter must be at least 1"):
        call(clean, tmp_path / "d", ms=ms, image=dirty["image"], niter=0)
    with pytest.raises(ValueError, match=r"nsigma not under 0; they are .* nan"):
        call(clean, tmp_path / "e", ms=ms, image=dirty["image"], nsigma=float("nan"))
    with pytest.raises(ValueError, match="no images"):
        call(concatenate_images, tmp_path / "e", images=[])
