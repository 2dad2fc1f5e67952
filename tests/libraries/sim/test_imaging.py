"""Imaging against direct Fourier sums, and against sources and noise that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sim_imaging_support import (
    ARCSEC,
    CELL,
    draw,
    make_visibilities,
    pixel_of,
    source_visibilities,
    without_data,
)
from sim_oracles import direct_image, direct_samples, sidelobe_level

from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.imaging.gridding import Gridding
from radps_dag.workloads.sim.imaging.joining import concatenate
from radps_dag.workloads.sim.imaging.making import major_cycle, make_dirty, where_to_clean
from radps_dag.workloads.sim.imaging.multiscale import components_of, hogbom, multiscale, points_of
from radps_dag.workloads.sim.imaging.predicting import predict
from radps_dag.workloads.sim.imaging.psf import beam_shape, fit_beam
from radps_dag.workloads.sim.imaging.restoring import (
    convolve_with_beam,
    convolve_with_psf,
    restored,
)
from radps_dag.workloads.sim.imaging.samples import join, stokes_i, to_samples
from radps_dag.workloads.sim.imaging.statistics import statistics
from radps_dag.workloads.sim.imaging.weighting import imaging_weights, sensitivity
from radps_dag.workloads.sim.primary_beam import primary_beam
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT

SEEDS = (1, 2, 3)
SOURCES = ((0.3, 0.5, -0.8, 0.0), (0.12, -2.1, 1.3, 0.0), (0.05, 1.5, 2.2, 0.0))


def dirty(vis, *, mode="continuum", size=128, robust=0.5):
    parts = vis if isinstance(vis, list) else [vis]
    return make_dirty(parts, [one.frequency.max() for one in parts], mode, CELL, size, robust)


def cleaned(image: Image, vis, *, nsigma: float = 4.0, most: int = 10) -> tuple[Image, int]:
    """The loop of the pipeline, and how many cycles it took."""
    parts = vis if isinstance(vis, list) else [vis]
    for cycle in range(1, most + 1):
        highest = [one.frequency.max() for one in parts]
        image, left = major_cycle(image, parts, highest, 400, 0.1, nsigma)
        worst = where_to_clean(left)
        if worst.peak <= nsigma * worst.rms:
            return image, cycle
    raise AssertionError(f"not clean after {most} cycles: {worst}")


def points(seed: int, count: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = draw(seed, 9)
    u, v = random.uniform(-4e5, 4e5, (2, count))
    return u, v, random.normal(size=count) + 1j * random.normal(size=count)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("size", [32, 64])
def test_gridding_is_the_fourier_sum(seed, size):
    """Gridding and degridding agree with direct sums to 1e-6 of the largest value."""
    u, v, values = points(seed)
    gridding = Gridding(u, v, size, CELL)
    image, truth = gridding.to_image(values), direct_image(u, v, values, size, CELL)
    assert np.abs(image - truth).max() < 1e-6 * np.abs(truth).max()
    plane = draw(seed, 8).normal(size=(size, size))
    samples, direct = gridding.to_samples(plane), direct_samples(u, v, plane, CELL)
    assert np.abs(samples - direct).max() < 1e-6 * np.abs(direct).max()


def test_gridding_and_degridding_are_adjoint():
    """<grid V, I> = Re <V, degrid I>: a CLEAN residual is that of one operator."""
    u, v, values = points(1)
    gridding = Gridding(u, v, 64, CELL)
    plane = draw(3).normal(size=(64, 64))
    left = (gridding.to_image(values) * plane).sum()
    right = (values * gridding.to_samples(plane).conj()).sum().real
    assert left == pytest.approx(right, rel=1e-10)


def test_ducc0_agrees():
    """The gridder of another make, ducc0, gives the same to 2e-6."""
    ducc = pytest.importorskip("ducc0").wgridder
    u, v, values = points(1)
    gridding, plane = Gridding(u, v, 64, CELL), draw(3).normal(size=(64, 64))
    # Its first axis is our rows (m), its second our columns, which grow against l.
    asked = {
        "uvw": np.stack([v, -u, np.zeros_like(u)], axis=-1),
        "freq": np.array([SPEED_OF_LIGHT]),
        "pixsize_x": CELL,
        "pixsize_y": CELL,
        "epsilon": 1e-7,
        "do_wgridding": False,
    }
    image = ducc.vis2dirty(vis=values[:, np.newaxis], npix_x=64, npix_y=64, **asked)
    samples = ducc.dirty2vis(dirty=plane, **asked)[:, 0]
    for ours, theirs in (
        (gridding.to_image(values), image),
        (gridding.to_samples(plane), samples),
    ):
        assert np.abs(ours - theirs).max() < 2e-6 * np.abs(theirs).max()


def test_pixels_too_wide_are_refused():
    """A baseline that the pixels do not sample is an error, with the width that would do."""
    with pytest.raises(ValueError, match="too wide"):
        Gridding(np.array([6e5]), np.array([0.0]), 64, 1e-6)


def test_a_source_is_where_it_is():
    """East is to the left, north is up, and the phase centre in pixel size // 2."""
    vis = make_visibilities(1, sources=((1.0, 15 * CELL / ARCSEC, 7 * CELL / ARCSEC, 0.0),))
    plane = dirty(vis, size=64).planes["dirty"][0]
    assert divmod(int(plane.argmax()), 64) == (32 + 7, 32 - 15)
    assert plane.max() == pytest.approx(1.0, abs=2e-3)


def test_psf_peak_is_one():
    """The psf is 1 in the centre, for all weightings."""
    for robust in (-2.0, 0.5, 2.0):
        psf = dirty(make_visibilities(1, sigma=0.1), robust=robust).planes["psf"][0]
        assert psf[64, 64] == pytest.approx(1.0, abs=1e-5)
        assert psf.max() == psf[64, 64]


@pytest.mark.parametrize("axes", [(4.0, 4.0, 0.0), (6.0, 4.0, 0.6), (7.0, 5.0, 2.5)])
def test_beam_of_a_gaussian_is_its_own(axes):
    """The beam fitted to a Gaussian is that Gaussian, its angle from north through east."""
    major, minor, angle = axes
    y, x = np.mgrid[-32:32, -32:32]
    north, east = y, -x
    along = north * np.cos(angle) + east * np.sin(angle)
    across = east * np.cos(angle) - north * np.sin(angle)
    psf = np.exp(-4 * np.log(2) * ((along / major) ** 2 + (across / minor) ** 2))
    beam = fit_beam(psf, CELL)
    assert beam[:2] / CELL == pytest.approx([major, minor], rel=1e-6)
    if major != minor:
        assert beam[2] == pytest.approx(angle, abs=1e-6)
    a, b, c = beam_shape(beam, CELL)
    assert np.allclose(np.exp(-(a * x**2 + 2 * b * x * y + c * y**2)), psf)
    point = np.zeros((64, 64))
    point[20, 40] = 2.0
    shown = convolve_with_beam(point, beam, CELL)
    assert shown[20, 40] == pytest.approx(2.0)
    assert shown[10:30, 30:50] == pytest.approx(2.0 * psf[22:42, 22:42], abs=1e-9)


@pytest.mark.parametrize("robust", [-2.0, 0.5, 2.0])
def test_sensitivity_is_the_rms_of_noise(robust):
    """The noise of images without sources is the sensitivity within 5 %, over ten seeds."""
    ratios = []
    for seed in range(10):
        image = dirty(make_visibilities(seed, sigma=0.2), robust=robust)
        ratios.append((image.planes["dirty"][0] / image.sensitivity[0]).std())
    assert np.sqrt(np.mean(np.square(ratios))) == pytest.approx(1.0, abs=0.05)


def test_natural_weighting_is_the_most_sensitive():
    """Natural weighting reaches 1/sqrt(sum of w); robust goes from there to less."""
    vis = make_visibilities(1, sigma=0.2)
    samples = join(to_samples(vis, 64 * CELL, vis.frequency.max()))
    noise = {
        robust: sensitivity(samples, imaging_weights(samples, robust, 128, CELL))
        for robust in (2.0, 0.5, -2.0)
    }
    natural = sensitivity(samples, samples.weight)
    assert natural == pytest.approx(0.2 / np.sqrt(vis.data.size), rel=1e-6)
    assert natural <= noise[2.0] < noise[0.5] < noise[-2.0]
    assert noise[2.0] == pytest.approx(natural, rel=0.02)


def test_averaging_in_time_is_safe():
    """A source at the edge loses less than 2 thousandths, and there are far fewer samples."""
    edge = 62 * CELL / ARCSEC
    vis = make_visibilities(1, integrations=60, sources=((1.0, edge, 0.0, 0.0),))
    samples = join(to_samples(vis, 64 * CELL, vis.frequency.max()))
    truth = source_visibilities(
        np.stack([samples.u, samples.v], axis=-1)[:, np.newaxis],
        np.array([299_792_458.0]),
        ((1.0, edge, 0.0, 0.0),),
        0.0,
    )[:, 0, 0]
    assert np.abs(samples.value - truth).max() < 2e-3
    assert samples.value.size < vis.data[..., 0].size / 4
    assert samples.weight.sum() == pytest.approx(vis.weight.sum())


def test_averaging_does_not_depend_on_the_channels():
    """A channel's samples are the same whether it is taken alone or with all others."""
    vis = make_visibilities(1, sigma=0.1, integrations=40)
    every = to_samples(vis, 64 * CELL, vis.frequency.max())
    alone = to_samples(vis.of_channels(np.array([5])), 64 * CELL, vis.frequency.max())
    assert np.array_equal(alone[0].value, every[5].value)
    assert np.array_equal(alone[0].u, every[5].u)


def test_stokes_i_is_the_weighted_mean_of_what_is_good():
    """I is the weighted mean of XX and YY; a flagged one does not count, whatever it is."""
    vis = make_visibilities(1, channels=2)
    data, weight, flag = vis.data.copy(), vis.weight.copy(), vis.flag.copy()
    data[..., 0], data[..., 1] = 1.0, 4.0
    weight[..., 0], weight[..., 1] = 2.0, 1.0
    data[0, 0, 0, 0], flag[0, 0, 0, 0] = np.nan, True
    value, total = stokes_i(replace(vis, data=data, weight=weight, flag=flag))
    assert value[1, 0, 0] == pytest.approx(2.0) and total[1, 0, 0] == pytest.approx(3.0)
    assert value[0, 0, 0] == pytest.approx(4.0) and total[0, 0, 0] == pytest.approx(1.0)


def wide_psf(vis, size: int) -> np.ndarray:
    """The psf of an image of this size, twice as wide."""
    return dirty(vis, size=2 * size, robust=2.0).planes["psf"][0]


def test_hogbom_equals_clark():
    """With the whole image to be cleaned both take the same components, while the brightest are
    positive."""
    vis = make_visibilities(2, sources=SOURCES)
    residual = dirty(vis, size=64, robust=2.0).planes["dirty"][0]
    everywhere, psf = np.ones(residual.shape, dtype=bool), wide_psf(vis, 64)
    one, left, used = hogbom(residual, psf, 0.0, 0.1, 20)
    other, spent = multiscale(residual, points_of(psf), everywhere, 0.0, 0.1, 20)
    assert used == spent == 20
    assert np.abs(one - other).max() < 1e-12
    assert np.abs(left).max() < 0.5 * np.abs(residual).max()
    assert np.abs(residual - convolve_with_psf(one, psf) - left).max() < 1e-9


def test_minor_cycles_keep_to_mask_and_threshold():
    """No component is outside of the mask, none is taken below the threshold or of a wrong sign."""
    vis = make_visibilities(2, sources=(*SOURCES, (-0.2, 1.0, 1.0, 0.0)))
    residual = dirty(vis, size=64, robust=2.0).planes["dirty"][0]
    mask, psf = np.zeros(residual.shape, dtype=bool), wide_psf(vis, 64)
    mask[20:44, 20:44] = True
    model, used = multiscale(residual, points_of(psf), mask, 0.05, 0.1, 1000)
    assert not model[~mask].any() and 0 < used < 1000
    model, left, used = hogbom(residual, psf, 0.05, 0.1, 1000)
    assert left.max() <= 0.05 and left.min() < -0.1 and used < 1000
    assert model.min() == 0.0


def test_blobs_take_what_is_wide_and_points_what_is_not():
    """A minor cycle gives a wide source its flux where points alone do not, and a point a point;
    nothing is outside of the mask, and niter and threshold bound it."""
    narrow, wide = (0.2, -1.6, -1.6, 0.0), (0.4, 1.2, 1.2, 0.8)
    vis = make_visibilities(2, antennas=12, sources=(narrow, wide))
    image, psf = dirty(vis, size=64), dirty(vis, size=128).planes["psf"][0]
    residual, beam = image.planes["dirty"][0], float(np.sqrt(image.beam[0, 0] * image.beam[0, 1]))
    rows, columns = np.mgrid[:64, :64]
    where = [pixel_of(l, m, 64) for _, l, m, _ in (narrow, wide)]  # noqa: E741
    here, there = (
        np.hypot(rows - row, columns - column) < reach
        for (row, column), reach in zip(where, (1.5 * beam / CELL, 14.0), strict=True)
    )
    components = components_of(psf, [beam / CELL, 2 * beam / CELL])
    assert len(components.shapes) == 3
    model, used = multiscale(residual, components, here | there, 0.01, 0.1, 5000)
    points, spent = multiscale(residual, points_of(psf), here | there, 0.01, 0.1, 5000)
    assert not model[~(here | there)].any()
    assert used < spent
    assert model[there].sum() == pytest.approx(0.4, rel=0.05)
    assert points[there].sum() < 0.9 * 0.4
    assert model[here].sum() == pytest.approx(points[here].sum(), rel=0.03)
    assert model.max() == pytest.approx(points.max(), rel=0.1)
    assert multiscale(residual, components, here, 0.01, 0.1, 7)[1] == 7
    assert multiscale(residual, components, here, 10.0, 0.1, 7)[1] == 0
    # One that is wider than the image is left out.
    assert len(components_of(psf, [40.0]).shapes) == 1


def test_an_extended_source_keeps_its_flux():
    """A source of two beams' width is cleaned to 6 % of its flux; points alone leave 9 %."""
    found = []
    for seed in SEEDS:
        vis = make_visibilities(seed, sigma=0.1, antennas=12, sources=((0.2, 0.4, -0.3, 0.8),))
        image, _ = cleaned(dirty(vis), vis)
        found.append(image.planes["model"][0].sum())
    assert np.mean(found) == pytest.approx(0.2, rel=0.06)


@pytest.mark.parametrize("seed", SEEDS)
def test_clean_finds_fluxes_and_positions(seed):
    """Two spws together: fluxes within 3 % or 5 sigma, positions within a tenth of a beam."""
    parts = [
        make_visibilities(seed, spw=spw, sigma=0.1, antennas=12, sources=SOURCES) for spw in (0, 1)
    ]
    image, _ = cleaned(dirty(parts), parts)
    image = restored(image)
    noise = float(image.sensitivity[0])
    model = image.planes["model"][0]
    width = float(np.sqrt(image.beam[0][0] * image.beam[0][1])) / CELL
    for flux, l, m, _ in SOURCES:  # noqa: E741
        row, column = pixel_of(l, m, 128)
        rows, columns = np.mgrid[:128, :128]
        near = np.hypot(rows - row, columns - column) < 1.5 * width
        found = model * near
        assert found.sum() == pytest.approx(flux, abs=max(0.03 * flux, 5 * noise))
        assert (found * rows).sum() / found.sum() == pytest.approx(row, abs=0.1 * width)
        assert (found * columns).sum() / found.sum() == pytest.approx(column, abs=0.1 * width)


def test_a_source_between_pixels_is_fainter_with_wide_pixels():
    """CLEAN puts it on the pixels around it, which is wider than a point; with pixels half as wide
    less than half of the error is left, in data without noise."""
    place = (0.273, -0.155)  # arcsec: on no pixel of either
    vis = make_visibilities(1, antennas=12, sources=((0.3, *place, 0.0),))
    errors = []
    for cell, size in ((CELL, 96), (CELL / 2, 192)):
        image = make_dirty([vis], [vis.frequency.max()], "continuum", cell, size, 0.5)
        for _ in range(8):
            image, _ = major_cycle(image, [vis], [vis.frequency.max()], 400, 0.1, 4.0)
        image = restored(image)
        row, column = pixel_of(*place, size, cell)
        rows, columns = np.mgrid[:size, :size]
        x, y = (columns - column) * cell, (rows - row) * cell
        a, b, c = beam_shape(image.beam[0], 1.0)
        beam = np.exp(-(a * x**2 + 2 * b * x * y + c * y**2))
        at = np.unravel_index(int(beam.argmax()), beam.shape)
        errors.append(image.planes["restored"][0][at] / (0.3 * beam[at]) - 1)
    assert errors[0] < -0.001
    assert abs(errors[1]) < 0.5 * abs(errors[0])


@pytest.mark.parametrize("frequency", [100e9, 230e9, 345e9])
def test_the_primary_beam_is_half_at_its_half_width(frequency):
    """1 on the axis, and a half at half of 1.13 wavelengths over the diameter from it."""
    half = 1.13 * SPEED_OF_LIGHT / frequency / 12.0 / 2
    power = primary_beam(np.array([0.0, half]), frequency, 12.0)
    assert power == pytest.approx([1.0, 0.5])


def test_what_the_primary_beam_took_is_given_back():
    """A source off the axis is fainter in the image, and right where that is corrected; what is
    left of noise grows outwards, and where the dish sees less than a fifth is nothing."""
    flux, l, m = 0.3, 50 * CELL / ARCSEC, 40 * CELL / ARCSEC  # noqa: E741
    distance = np.hypot(l, m) * ARCSEC
    seen = float(primary_beam(np.array(distance), 230e9, 12.0))
    assert seen < 0.85
    vis = make_visibilities(1, antennas=12, sigma=0.1, sources=((flux * seen, l, m, 0.0),))
    image = restored(cleaned(dirty(vis, size=160), vis)[0])
    row, column = (round(place) for place in pixel_of(l, m, 160))
    near = np.s_[0, row - 2 : row + 3, column - 2 : column + 3]
    assert image.planes["restored"][near].max() == pytest.approx(flux * seen, rel=0.03)
    assert image.corrected[near].max() == pytest.approx(flux, rel=0.03)
    assert image.primary_beam[0, 80, 80] == 1.0
    far = replace(image, cell=3 * image.cell)
    assert np.isnan(far.corrected[0, 0, 0]) and np.isfinite(far.corrected[0, 80, 80])
    assert (np.isfinite(far.corrected) == (far.primary_beam >= 0.2)).all()


def test_dishes_that_differ_have_no_primary_beam():
    """Nothing is corrected where the diameter is not known."""
    vis = make_visibilities(1)
    image = restored(dirty(replace(vis, antennas=replace(vis.antennas, diameter=0.0))))
    assert (image.primary_beam == 1).all()
    assert (image.corrected == image.planes["restored"]).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_residual_reaches_thermal_noise(seed):
    """Perfectly calibrated data are cleaned to less than 1.3 times the thermal noise."""
    parts = [
        make_visibilities(seed, spw=spw, sigma=0.1, antennas=12, sources=SOURCES) for spw in (0, 1)
    ]
    image, cycles = cleaned(dirty(parts), parts)
    assert statistics(restored(image)).rms_over_sensitivity < 1.3
    assert 1 < cycles <= 10
    assert [entry["cycle"] for entry in image.history] == list(range(1, cycles + 1))
    assert image.history[-1]["flux"] == pytest.approx(0.47, rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_clean_at_once(seed):
    """Where there is noise alone, it is clean after two major cycles, and the model is noise."""
    vis = make_visibilities(seed, sigma=0.2)
    image, cycles = cleaned(dirty(vis), vis)
    assert cycles <= 2
    assert abs(image.planes["model"].sum()) < 10 * image.sensitivity[0]


def test_spectral_index_is_imaged_at_the_mean_frequency():
    """A continuum image of two spws shows the flux density of its frequency."""
    parts = [
        make_visibilities(1, spw=spw, sources=((1.0, 0.0, 0.0, 0.0),), spectral_index=-3.0)
        for spw in (0, 1)
    ]
    image = dirty(parts)
    expected = (image.frequency[0] / 230e9) ** -3.0
    assert image.planes["dirty"][0].max() == pytest.approx(expected, rel=2e-3)
    assert 230e9 < image.frequency[0] < 232e9


def test_blocks_of_channels_are_the_cube():
    """Images of blocks and spws, put together, are the cube made at once, dirty and cleaned."""
    parts = [
        make_visibilities(1, spw=spw, sigma=0.05, channels=6, sources=SOURCES) for spw in (0, 1)
    ]
    whole = dirty(parts, mode="cube", size=64)
    blocks = []
    for vis in parts:
        for block in (slice(0, 2), slice(2, 6)):
            part = vis.of_channels(np.arange(6)[block])
            image = make_dirty([part], [vis.frequency.max()], "cube", CELL, 64, 0.5)
            blocks.append(major_cycle(image, [part], [vis.frequency.max()], 50, 0.1, 4.0)[0])
    highest = [vis.frequency.max() for vis in parts]
    whole, _ = major_cycle(whole, parts, highest, 50, 0.1, 4.0)
    joined = concatenate(blocks[::-1])
    assert joined.channels == whole.channels
    assert np.array_equal(joined.frequency, whole.frequency)
    for name in ("psf", "dirty", "residual", "model", "mask"):
        assert np.allclose(joined.planes[name], whole.planes[name], atol=1e-9), name
    assert whole.planes["model"].any()


def test_joining_refuses_what_is_no_cube():
    """Other grids, other fields and channels that come twice are errors that say so."""
    vis = make_visibilities(1, channels=2)
    one, other = dirty(vis, mode="cube", size=32), dirty(vis, mode="cube", size=64)
    with pytest.raises(ValueError, match="different grids"):
        concatenate([one, other])
    with pytest.raises(ValueError, match="channel 0 of spw 0 is in two"):
        concatenate([one, one])
    with pytest.raises(ValueError, match="fields"):
        concatenate([one, replace(one, field="elsewhere")])


def test_predicted_is_the_fourier_sum_of_the_model():
    """Predicted visibilities are the direct sum of the model's pixels; of cubes, plane by plane."""
    vis = make_visibilities(1, channels=3, integrations=2, sources=SOURCES)
    cube = dirty(vis, mode="cube", size=64)
    model = np.zeros((3, 64, 64))
    model[0, 30, 20], model[1, 40, 41], model[2, 10, 50] = 1.0, 2.0, -0.5
    cube = replace(cube, planes={**cube.planes, "model": model})
    flat = replace(cube, mode="continuum", planes={**cube.planes, "model": model[:1]})
    for image, number in ((cube, (0, 1, 2)), (flat, (0, 0, 0))):
        found = predict(image, vis)
        assert found.shape == vis.data.shape
        for channel in range(3):
            u, v = (vis.uvw[..., axis] * vis.frequency[channel] / 299792458.0 for axis in (0, 1))
            truth = direct_samples(u.ravel(), v.ravel(), model[number[channel]], CELL)
            for polarization in range(2):
                got = found[:, :, channel, polarization].ravel()
                assert np.abs(got - truth).max() < 1e-6 * np.abs(truth).max()
    with pytest.raises(ValueError, match="no channel"):
        predict(cube, make_visibilities(1, channels=3, integrations=2, spw=1))


def test_a_channel_without_data_is_blank():
    """A channel that is all flagged is a plane of zeros, and counts in no statistics."""
    vis = make_visibilities(1, sigma=0.1, channels=3, sources=SOURCES)
    flag = vis.flag.copy()
    flag[:, :, 1] = True
    vis = replace(vis, flag=flag)
    image, _ = cleaned(dirty(vis, mode="cube", size=64), vis)
    image = restored(image)
    assert image.sensitivity[1] == 0 and not image.planes["restored"][1].any()
    assert all(np.isfinite(plane).all() for plane in image.planes.values())
    assert statistics(image).rms > 0


def test_bad_data_have_an_answer():
    """All flagged, numbers that are none, one baseline and odd sizes are errors in one line."""
    vis = make_visibilities(1, sigma=0.1, channels=2)
    with pytest.raises(ValueError, match="all visibilities of target_spw0 are flagged"):
        dirty(without_data(vis))
    data = vis.data.copy()
    data[3, 2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="no numbers"):
        dirty(replace(vis, data=data))
    with pytest.raises(ValueError, match="all visibilities"):
        dirty(make_visibilities(1, antennas=1))
    with pytest.raises(ValueError, match="no main lobe"):
        fit_beam(np.ones((64, 64)), CELL)
    with pytest.raises(ValueError, match=r"target_spw0 has data of 1 baselines, 0% .* more antenn"):
        dirty(make_visibilities(1, antennas=2, channels=1, integrations=1, scans=1))
    for robust in (-2.1, 5.0, float("nan")):
        with pytest.raises(ValueError, match=f"robust must be -2 to 2, not {robust}"):
            dirty(vis, robust=robust)
    for size in (65, 8, 0):
        with pytest.raises(ValueError, match="even number"):
            dirty(vis, size=size)


def test_sidelobes_are_those_of_the_psf():
    """The sidelobe level is the largest beside the fitted beam, of either sign."""
    y, x = np.mgrid[-32:32, -32:32]
    psf = np.exp(-(x**2 + y**2) / 8.0)
    psf[10, 10] = -0.37
    assert sidelobe_level(psf, fit_beam(psf, CELL), CELL) == pytest.approx(0.37)
