"""Lines told from continuum: in a spectrum, and in visibilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sim_imaging_support import (
    CELL,
    OBSERVATION,
    call,
    draw,
    make_visibilities,
    store,
    without_data,
)

from radps_dag.workloads.sim import cleaning, continuum
from radps_dag.workloads.sim.cleaning import make_dirty_image
from radps_dag.workloads.sim.continuum import (
    average_spectrum,
    combine_continuum_ranges,
    sigma_clip,
    subtract_continuum,
)
from radps_dag.workloads.sim.imaging.continuum import channels_of, clip_once, mask_lines, ranges_of
from radps_dag.workloads.sim.imaging.uvcontsub import residual_continuum, subtract_polynomial
from radps_dag.workloads.sim.stores.records import read_record, write_record
from radps_dag.workloads.sim.stores.sources import read_visibilities

SOURCES = ((0.3, 0.5, -0.8, 0.0), (0.1, -2.1, 1.3, 0.0))
LINE = ((0.15, -0.5, 1.0, 0.8),)
SHINING = (13, 14, 15, 16)
EVERY = np.ones(32, dtype=bool)


@pytest.fixture(autouse=True)
def cell(monkeypatch):
    """The array of these tests has its own pixels."""
    for module in (cleaning, continuum):
        monkeypatch.setattr(module, "cell_of", lambda observation: CELL)


def target(seed: int, sigma: float = 0.1):
    """Continuum and a line in 4 of 32 channels."""
    return make_visibilities(
        seed,
        channels=32,
        integrations=8,
        sigma=sigma,
        sources=SOURCES,
        line=LINE,
        line_channels=SHINING,
        spectral_index=2.0,
    )


def spectrum_of(tmp_path, mean, rms=1.0):
    """A spectrum as a record."""
    frequency = 230e9 + 58e6 * np.arange(len(mean))
    content = {
        "observation": OBSERVATION.to_json(),
        "field": "target",
        "spw": 0,
        "channels": list(range(len(mean))),
        "total": len(mean),
        "frequency": frequency.tolist(),
        "mean": list(map(float, mean)),
        "rms": rms,
    }
    tmp_path.mkdir(parents=True, exist_ok=True)
    return write_record(tmp_path, "spectrum", content)


def clipped(tmp_path, spectrum, lines=()):
    """The loop of calibrate_target.yaml; the channels kept, what the last round gave, rounds."""
    ranges = None
    for cycle in range(1, 16):
        given = call(
            sigma_clip,
            tmp_path / f"round{cycle}",
            spectrum=spectrum,
            ranges=ranges,
            lines=list(lines),
        )
        ranges = given["ranges"]
        if given["clipped"] == 0:
            return channels_of(read_record(ranges, "continuum_ranges")["ranges"]["0"]), given, cycle
    raise AssertionError("still clipping after 15 rounds")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_line_channels_are_found_in_visibilities(tmp_path, seed):
    """From a dirty cube in blocks to line-free channels: all with a line out, few others."""
    ms = store(tmp_path / "ms", [target(seed)])
    blocks = [
        call(make_dirty_image, tmp_path / f"block{first}", ms=ms, field="target", spws=[0],
             mode="cube", channels={"first": first, "last": first + 15}, pixels=64)["image"]
        for first in (0, 16)
    ]  # fmt: skip
    spectrum = call(average_spectrum, tmp_path / "spectrum", images=blocks)
    assert spectrum["channels"] == 32
    record = read_record(spectrum["spectrum"], "spectrum")
    mean = np.array(record["mean"])
    line, free = mean[list(SHINING)], np.delete(mean, SHINING)
    assert line.min() - np.median(free) > 10 * spectrum["rms"]
    kept, given, rounds = clipped(tmp_path, spectrum["spectrum"])
    assert not set(kept) & set(SHINING)
    assert len(kept) >= 26
    assert given["score"] == 1.0 and 1 < rounds < 15
    assert given["continuum_fraction"] == len(kept) / 32


def test_few_channels_are_clipped_by_mistake(tmp_path):
    """Of noise on a slope, less than 5 % of the channels are taken for lines, over twenty seeds."""
    lost = 0
    for seed in range(20):
        mean = draw(seed).normal(size=32) + 0.3 * np.arange(32)
        kept, _, _ = clipped(tmp_path / str(seed), spectrum_of(tmp_path / str(seed), mean))
        lost += 32 - len(kept)
    assert lost < 0.05 * 20 * 32


def test_lines_of_the_catalogue_are_masked_in_the_first_round(tmp_path):
    """A line that is known goes first, so that weak ones go in fewer rounds; others stay."""
    mean = draw(1).normal(size=32)
    known = [{"name": "CO (simulated)", "frequency": (230e9 + 58e6 * 10) / 1e9}]
    kept, _, _ = clipped(tmp_path, spectrum_of(tmp_path, mean), known)
    assert {9, 10, 11} & set(kept) == set()
    assert {5, 15, 20} <= set(kept)
    frequency = 230e9 + 58e6 * np.arange(32)
    everything = mask_lines(frequency, EVERY, [9e11])
    assert everything.all()


def test_a_spectrum_without_noise_keeps_its_continuum():
    """Rounding alone is nothing to clip; a line above it is."""
    mean = np.full(32, 0.3)
    frequency = 230e9 + 58e6 * np.arange(32)
    assert clip_once(frequency, mean, EVERY, 3.0).all()
    mean[5] = 0.4
    assert np.flatnonzero(~clip_once(frequency, mean, EVERY, 3.0)).tolist() == [5]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_wings_of_a_line_are_clipped_with_it(sign):
    """An eighth of the peak beside the line belongs to it, however far below the threshold;
    what is over the noise elsewhere, or on the other side beyond it, is kept."""
    frequency = 229e9 + 117e6 * np.arange(16)
    mean = np.array([11.3, 10.0, 10.8, 18.6, 41.6, 34.9, 15.6, 12.5])
    mean = sign * np.append(mean, [12.9, 11.5, 9.3, 7.6, 6.4, 4.2, 4.9, 5.4])
    kept = clip_once(frequency, mean, np.ones(16, dtype=bool), 3.0)
    while (after := clip_once(frequency, mean, kept, 3.0)).sum() < kept.sum():
        kept = after
    assert np.flatnonzero(~kept).tolist() == [3, 4, 5, 6]


def test_ranges_of_spws_are_combined(tmp_path):
    """Each spw keeps its ranges; those without any are not found."""
    parts = [
        write_record(tmp_path, "continuum_ranges", {
            "observation": {}, "field": "target", "ranges": {str(spw): ranges},
            "total": {str(spw): 32}, "lines": [],
        })
        for spw, ranges in ((0, [[0, 12], [17, 31]]), (1, []))
    ]  # fmt: skip
    given = call(combine_continuum_ranges, tmp_path, parts=parts, total=2)
    assert given["found"] == 1 and given["score"] == 0.5
    record = read_record(given["ranges"], "continuum_ranges")
    assert record["ranges"] == {"0": [[0, 12], [17, 31]], "1": []}
    with pytest.raises(ValueError, match="two of the continuum ranges are of spw 0"):
        call(combine_continuum_ranges, tmp_path, parts=[parts[0], parts[0]], total=2)
    with pytest.raises(ValueError, match="no continuum ranges"):
        call(combine_continuum_ranges, tmp_path, parts=[], total=2)


def test_the_continuum_goes_and_the_line_stays():
    """Without noise: what is left of the continuum is under 1 %, of the line over 99 %."""
    vis = target(1, sigma=0.0)
    free = ~np.isin(np.arange(32), SHINING)
    line, _ = subtract_polynomial(vis, free, 1)
    alone = make_visibilities(1, channels=32, integrations=8, line=LINE, line_channels=SHINING)
    assert np.abs(line.data - alone.data).max() < 0.01 * np.abs(vis.data).max()
    middle = line.data[:, :, 14].real.mean() / alone.data[:, :, 14].real.mean()
    assert middle == pytest.approx(1.0, abs=0.05)


def test_a_polynomial_is_subtracted_to_rounding():
    """What is a polynomial of the order in frequency leaves nothing, whatever its coefficients."""
    vis = make_visibilities(1, channels=12, integrations=3)
    x = np.linspace(-1, 1, 12)[:, np.newaxis]
    factors = draw(5).normal(size=(3, *vis.data.shape[:2], 1, 2))
    data = factors[0] + 1j * factors[1] * x + factors[2] * x**2
    line, taken = subtract_polynomial(replace(vis, data=data), np.ones(12, dtype=bool), 2)
    assert np.abs(line.data).max() < 1e-12
    assert np.allclose(taken.data, data)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_subtraction_as_a_pipeline_calls_it(tmp_path, seed):
    """A new data group of the spw alone; residual_z is low where the order does, high where not."""
    vis = target(seed, sigma=0.02)
    ms = store(tmp_path / "ms", [vis, replace(vis, spw=1)])
    ranges = write_record(tmp_path, "continuum_ranges", {"ranges": {"0": [[0, 12], [17, 31]]}})
    given = call(subtract_continuum, tmp_path / "a", ms=ms, spw=0, ranges=ranges)
    assert given["ms"]["group"] == "line" and given["ms"]["selection"] == {"spw": 0}
    (line,) = read_visibilities(given["ms"])
    assert line.spw == 0
    assert given["residual_z"] < 2.5 and given["score"] > 0.9
    free = np.delete(line.data.real, SHINING, axis=2)
    assert free.std() == pytest.approx(0.02, rel=0.1)
    constant = call(subtract_continuum, tmp_path / "b", ms=ms, spw=0, ranges=ranges, fit_order=0)
    assert constant["residual_z"] > 3 > given["residual_z"]
    assert constant["score"] < given["score"]


def test_residual_z_is_near_one_on_noise():
    """Its square is 1 on average where noise alone is left, though the fit took some of it."""
    found = []
    for seed in range(12):
        vis = make_visibilities(seed, antennas=6, channels=32, integrations=4, sigma=1.0)
        line, _ = subtract_polynomial(vis, EVERY, 1)
        found.append(residual_continuum(line, EVERY, (0.0, 0.0)))
    assert np.mean(np.square(found)) == pytest.approx(1.0, abs=0.35)


def test_too_few_channels_are_flagged_or_refused(tmp_path):
    """A time and baseline with too few channels is flagged; a spw with too few is an error."""
    vis = target(1)
    flag = vis.flag.copy()
    flag[2, 3, 1:] = True
    line, _ = subtract_polynomial(replace(vis, flag=flag), EVERY, 1)
    assert line.flag[2, 3].all() and np.isfinite(line.data).all()
    assert line.flag.sum() == 64
    with pytest.raises(ValueError, match="1 line-free channels: too few for a fit of order 1"):
        subtract_polynomial(vis, np.arange(32) == 4, 1)


def test_bad_data_have_an_answer(tmp_path):
    """No line-free channels, all flagged, no numbers, a spw that is not there: one line each."""
    good = store(tmp_path / "good", [target(1)])
    ranges = write_record(tmp_path, "continuum_ranges", {"ranges": {"0": []}})
    data = target(1).data.copy()
    data[0, 0, 0, 0] = np.nan
    unset = store(tmp_path / "nan", [replace(target(1), data=data)])
    flagged = store(tmp_path / "flagged", [without_data(target(1))])
    for number, (match, arguments) in enumerate(
        (
            ("no line-free channels of target_spw0", {"ms": good, "spw": 0, "ranges": ranges}),
            ("no spw 9", {"ms": good, "spw": 9}),
            ("no numbers", {"ms": unset, "spw": 0}),
            ("all visibilities of target_spw0 are flagged", {"ms": flagged, "spw": 0}),
            ("fit_order must not be less", {"ms": good, "spw": 0, "fit_order": -1}),
        )
    ):
        with pytest.raises(ValueError, match=match) as error:
            call(subtract_continuum, tmp_path / f"w{number}", **arguments)
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="no images to average"):
        call(average_spectrum, tmp_path, images=[])
    with pytest.raises(ValueError, match="threshold must be more than 0"):
        call(sigma_clip, tmp_path, spectrum=spectrum_of(tmp_path, [1.0, 2.0]), threshold=0)


def test_clipping_does_not_run_away_to_one_side_of_the_line() -> None:
    """A dirty spectrum with a slope keeps its channels on both sides, however few agree well."""
    mean = 1e-3 * np.array(
        [
            16.8,
            17.0,
            18.3,
            30.8,
            58.3,
            48.5,
            24.4,
            19.9,
            20.3,
            19.0,
            19.7,
            19.7,
            19.6,
            19.7,
            20.0,
            20.9,
        ]
    )
    frequency = 232e9 + 117e6 * np.arange(16)
    kept = mask_lines(frequency, np.ones(16, dtype=bool), [232.5625e9])
    for _ in range(10):
        kept = clip_once(frequency, mean, kept, 3.0)
    assert ranges_of(np.flatnonzero(kept).tolist()) == [[0, 2], [7, 15]]


@pytest.mark.parametrize(
    "spectrum",
    [
        "19.9 19.6 21.1 29.2 50.6 43.8 25.8 22.8 22.3 21.5 19.8 19.1 18.0 17.7 18.2 18.6",
        "22.2 22.0 23.0 31.0 52.4 45.7 28.5 25.6 26.2 26.0 25.8 26.1 26.1 25.2 24.4 24.2",
    ],
)
def test_sidelobes_beside_a_line_are_no_line(spectrum: str) -> None:
    """A dirty spectrum that is bent keeps both sides of its line, so that the continuum under it is
    not extrapolated; the line itself goes, in emission or in absorption."""
    frequency = 230e9 + 117e6 * np.arange(16)
    known = mask_lines(frequency, np.ones(16, dtype=bool), [230.5625e9])
    for sign in (1e-3, -1e-3):
        kept = known
        for _ in range(10):
            kept = clip_once(frequency, sign * np.array(spectrum.split(), dtype=float), kept, 3.0)
        assert kept[[0, 1, 2]].all() and kept[8:].all()
        assert not kept[[4, 5]].any()


@pytest.mark.parametrize(
    "spectrum",
    [
        "39.0 40.0 41.1 58.2 101.6 85.2 45.3 36.0 35.2 34.8 34.8 35.0 35.0 34.9 35.8 35.5",
        "17.1 18.0 18.9 39.4 90.3 70.6 25.5 15.3 15.4 15.6 16.0 16.1 16.3 15.6 16.2 16.7",
        "8.7 8.4 8.9 16.4 37.9 30.0 11.4 7.2 7.6 7.4 7.5 7.7 7.7 7.9 8.3 8.6",
    ],
)
@pytest.mark.parametrize("sign", [1e-3, -1e-3])
def test_the_continuum_is_not_extrapolated_far(spectrum: str, sign: float) -> None:
    """A few channels beside a line that sidelobes lift by a tenth of it are kept, so that a fit
    adds no more than half of the noise's variance."""
    frequency = 230e9 + 117e6 * np.arange(16)
    mean = sign * np.array(spectrum.split(), dtype=float)
    kept = mask_lines(frequency, np.ones(16, dtype=bool), [230.5625e9])
    for _ in range(10):
        kept = clip_once(frequency, mean, kept, 3.0)
    assert kept[[0, 1, 2]].sum() == 2 and kept[7:].all()
    assert not kept[[3, 4, 5, 6]].any()
    terms = np.vander(np.arange(16), 2)
    assert ((terms @ np.linalg.pinv(terms[kept])) ** 2).sum(axis=1).max() < 0.5
