"""Self-calibration against what CLEAN finds: better until it fits noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibration_support import array, flagged, observe, random_gains, some_observation
from sim_oracles import predict_directly

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.workload import invoke
from radps_dag.workloads.sim import caltables, selfcal
from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.imaging.making import major_cycle, make_dirty
from radps_dag.workloads.sim.imaging.predicting import predict
from radps_dag.workloads.sim.imaging.restoring import restore
from radps_dag.workloads.sim.imaging.statistics import statistics
from radps_dag.workloads.sim.stores.caltables import read_caltable
from radps_dag.workloads.sim.stores.images import write_image
from radps_dag.workloads.sim.stores.processing_sets import write_visibilities
from radps_dag.workloads.sim.stores.sources import read_visibilities
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable

COUNT, SIZE, CELL = 12, 96, 4.8e-7
SCANS = (1, 2, 3)
Call = Callable[..., dict[str, Any]]
# Two points and a blob of points, in Jy, within 2 arcsec.
BLOB = [(0.02, 3e-6 + x * CELL, -4e-6 + y * CELL) for x in range(-2, 3) for y in range(-2, 3)]
SKY = [(0.3, 0.0, 0.0), (0.08, -6e-6, 5e-6), *BLOB]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Calls a workload as the engine does, each call in a directory of its own."""
    number = iter(range(1000))

    def call(function: Any, **arguments: Any) -> dict[str, Any]:
        return invoke(function.workload, arguments, tmp_path / f"call{next(number)}", 1)

    return call


def target(workdir: Path, seed: int, noise: float = 0.5, phase: float = 0.5) -> Product:
    """A target in two scans, with phases that calibration has left."""
    antennas = array(COUNT)
    parts = []
    for scan in SCANS:
        gain = random_gains(COUNT, seed=10 * seed + scan, phase=phase, size=0.0)
        parts.append(
            observe(
                antennas,
                gain,
                times=15,
                sky=SKY,
                scans=(scan,),
                noise=noise,
                channels=8,
                field="G1",
                intents=("TARGET",),
                seed=10 * seed + scan,
            )
        )
    joined = {
        name: np.concatenate([getattr(vis, name) for vis in parts])
        for name in ("time", "scan", "uvw", "data", "flag", "weight")
    }
    workdir.mkdir()
    vis = replace(parts[0], **joined)
    return write_visibilities(workdir, some_observation(COUNT), [vis], "imported")


def imaged(workdir: Path, ms: Product, cycles: int = 4) -> tuple[Product, Image]:
    """The clean image of all the visibilities."""
    parts = read_visibilities(ms)
    highest = [float(vis.frequency.max()) for vis in parts]
    image = make_dirty(parts, highest, "continuum", CELL, SIZE, 0.5)
    for _ in range(cycles):
        image, _ = major_cycle(image, parts, highest, 300, 0.1, 3.0)
    restored = [
        restore(model, residual, beam, CELL)
        for model, residual, beam in zip(
            image.planes["model"], image.planes["residual"], image.beam, strict=True
        )
    ]
    image = replace(image, planes={**image.planes, "restored": np.array(restored)})
    workdir.mkdir()
    return write_image(workdir, some_observation(COUNT), image, "restored"), image


def cycle(
    call: Call, ms: Product, model: Product, interval: float, snr_min: float = 3.0
) -> tuple[Product, list[dict[str, Any]]]:
    """Solve, combine and apply, as the pipeline does."""
    solved = [
        call(
            selfcal.solve_selfcal,
            ms=ms,
            model=model,
            spw=0,
            scan=scan,
            interval=interval,
            snr_min=snr_min,
        )
        for scan in SCANS
    ]
    table = call(caltables.combine_caltables, caltables=[one["caltable"] for one in solved])
    applied = call(caltables.apply_calibration, ms=ms, caltables=[table["caltable"]], group="sc1")
    assert applied["flagged_fraction"] == 0.0
    return applied["ms"], solved


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_dynamic_range_rises_and_the_better_image_is_chosen(
    call: Call, tmp_path: Path, seed: int
) -> None:
    """A cycle or two against the model that CLEAN found raise the dynamic range tenfold."""
    states = [target(tmp_path / "ms", seed)]
    images, ranges = [], []
    for number, interval in enumerate((60.0, 30.0, 12.0)):
        product, image = imaged(tmp_path / f"image{number}", states[-1])
        images.append(product)
        ranges.append(statistics(image).dynamic_range)
        states.append(cycle(call, states[-1], product, interval)[0])
    assert ranges[1] > 3 * ranges[0]
    assert ranges[2] > 10 * ranges[0]
    compared = call(selfcal.compare_images, before=images[0], after=images[2])
    assert compared["improvement"] == pytest.approx(ranges[2] / ranges[0], rel=1e-4)
    assert compared["rms_ratio"] < 0.2
    assert compared["score"] == 0.98
    worse = call(selfcal.compare_images, before=images[2], after=images[0])
    assert worse["improvement"] < 1
    assert worse["score"] == 0.85
    chosen = call(selfcal.choose_image, ms=states[:3], images=images)
    best = int(np.argmax(ranges))
    assert chosen["ms"] == states[best]
    assert chosen["image"] == images[best]
    assert chosen["dynamic_range"] == pytest.approx(ranges[best], rel=1e-4)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_intervals_of_too_little_snr_do_harm(call: Call, tmp_path: Path, seed: int) -> None:
    """Solutions that are mostly noise turn noise into flux, or if flagged lower the dynamic range.

    The phases are right as they are, so that whatever is solved is noise.
    """
    ms = target(tmp_path / "ms", seed, noise=20.0, phase=0.0)
    model, image = imaged(tmp_path / "before", ms)
    before = statistics(image)
    after = {}
    for interval, snr_min in ((2.0, 0.0), (2.0, 3.0), (30.0, 3.0)):
        applied, solved = cycle(call, ms, model, interval, snr_min)
        assert all((one["snr"] < 4.0) == (interval == 2.0) for one in solved)
        name = f"after{interval:.0f}-{snr_min:.0f}"
        after[interval, snr_min] = statistics(imaged(tmp_path / name, applied)[1])
    assert after[2.0, 0.0].peak > 1.5 * before.peak
    assert after[2.0, 3.0].dynamic_range < before.dynamic_range
    assert after[30.0, 3.0].peak == pytest.approx(before.peak, rel=0.06)


def test_prediction_is_the_direct_sum(tmp_path: Path) -> None:
    """What is solved against is the Fourier transform of the model's pixels."""
    ms = target(tmp_path / "ms", 1, noise=0.1)
    _, image = imaged(tmp_path / "image", ms)
    (vis,) = read_visibilities(ms)
    direct = predict_directly(image, vis)
    assert np.abs(predict(image, vis) - direct).max() < 1e-3 * np.abs(direct).max()


def test_amplitudes_do_not_move_the_flux_scale(call: Call, tmp_path: Path) -> None:
    """Solving amplitudes against a model keeps them 1 in their geometric mean."""
    ms = target(tmp_path / "ms", 1)
    model, image = imaged(tmp_path / "image", ms)
    half = replace(image, planes={**image.planes, "model": 0.5 * image.planes["model"]})
    (tmp_path / "half").mkdir()
    halved = write_image(tmp_path / "half", some_observation(COUNT), half, "restored")
    for against in (model, halved):
        solved = call(
            selfcal.solve_selfcal, ms=ms, model=against, spw=0, scan=1, mode="amplitude_phase"
        )
        (part,) = read_caltable(solved["caltable"]).parts
        assert np.exp(np.log(np.abs(part.gain)).mean()) == pytest.approx(1.0, abs=1e-6)
        assert np.abs(part.gain).std() > 0.01
    solved = call(selfcal.solve_selfcal, ms=ms, model=model, spw=0, scan=1, mode="phase")
    (part,) = read_caltable(solved["caltable"]).parts
    assert np.allclose(np.abs(part.gain), 1.0)


def test_channels_that_are_not_of_the_model_do_not_count(call: Call, tmp_path: Path) -> None:
    """A bright line, left out of the continuum image, is not taken for wrong gains."""
    ms = target(tmp_path / "ms", 1)
    (vis,) = read_visibilities(ms)
    (tmp_path / "line").mkdir()
    data = vis.data.copy()
    data[:, :, 5] += 100.0
    about = some_observation(COUNT)
    with_line = write_visibilities(tmp_path / "line", about, [replace(vis, data=data)], "imported")
    free = np.arange(vis.channels.size) != 5
    parts = [vis.of_channels(free)]
    highest = [float(vis.frequency.max())]
    image = make_dirty(parts, highest, "continuum", CELL, SIZE, 0.5)
    image, _ = major_cycle(image, parts, highest, 300, 0.1, 3.0)
    (tmp_path / "model").mkdir()
    model = write_image(tmp_path / "model", about, image, "residual")

    def solved(of: Product) -> Any:
        made = call(selfcal.solve_selfcal, ms=of, model=model, spw=0, scan=SCANS[0])
        return read_caltable(made["caltable"]).parts[0].gain

    assert np.array_equal(solved(with_line), solved(ms))


def test_nothing_to_solve_changes_nothing(call: Call, tmp_path: Path) -> None:
    """An empty model, or a scan that is flagged wholly, flags all solutions and no data."""
    ms = target(tmp_path / "ms", 1)
    _, image = imaged(tmp_path / "image", ms, cycles=1)
    empty = replace(image, planes={**image.planes, "model": 0.0 * image.planes["model"]})
    (tmp_path / "empty").mkdir()
    product = write_image(tmp_path / "empty", some_observation(COUNT), empty, "restored")
    after, solved = cycle(call, ms, product, 6.0)
    assert [one["flagged_fraction"] for one in solved] == [1.0] * 3
    assert [one["snr"] for one in solved] == [0.0] * 3
    assert np.array_equal(read_visibilities(after)[0].data, read_visibilities(ms)[0].data)


def test_bad_data_have_an_answer(call: Call, tmp_path: Path) -> None:
    """What cannot be solved or compared is named in one line."""
    ms = target(tmp_path / "ms", 1)
    model, image = imaged(tmp_path / "image", ms, cycles=1)
    with pytest.raises(ValueError, match="no data of scan 7 of G1_spw0; there are 1, 2, 3"):
        call(selfcal.solve_selfcal, ms=ms, model=model, spw=0, scan=7)
    with pytest.raises(ValueError, match="no spw 4"):
        call(selfcal.solve_selfcal, ms=ms, model=model, spw=4, scan=1)
    with pytest.raises(ValueError, match="interval of -1"):
        call(selfcal.solve_selfcal, ms=ms, model=model, spw=0, scan=1, interval=-1.0)
    with pytest.raises(StoreUnusable, match="expected image"):
        call(selfcal.solve_selfcal, ms=ms, model=ms, spw=0, scan=1)
    with pytest.raises(ValueError, match="1 images do not go with 2"):
        call(selfcal.choose_image, ms=[ms, ms], images=[model])
    without = {name: plane for name, plane in image.planes.items() if name != "model"}
    (tmp_path / "without").mkdir()
    dirty = write_image(
        tmp_path / "without", some_observation(COUNT), replace(image, planes=without), "dirty"
    )
    with pytest.raises(ValueError, match="has no model to solve against: clean it first"):
        call(selfcal.solve_selfcal, ms=ms, model=dirty, spw=0, scan=1)
    blank = {name: 0.0 * plane for name, plane in image.planes.items()}
    (tmp_path / "blank").mkdir()
    nothing = write_image(
        tmp_path / "blank", some_observation(COUNT), replace(image, planes=blank), "restored"
    )
    with pytest.raises(ValueError, match="is blank"):
        call(selfcal.compare_images, before=nothing, after=model)
    (vis,) = read_visibilities(ms)
    (tmp_path / "flagged").mkdir()
    bad = write_visibilities(
        tmp_path / "flagged", some_observation(COUNT), [flagged(vis, slice(0, 15))], "imported"
    )
    solved = call(selfcal.solve_selfcal, ms=bad, model=model, spw=0, scan=1)
    assert solved["flagged_fraction"] == 1.0
