"""StefCal finds the gains that are there, and says how well."""

from __future__ import annotations

import numpy as np
import pytest
from calibration_support import (
    array,
    flagged,
    observe,
    random_gains,
    referred,
)

from radps_dag.workloads.sim.calibration import stefcal
from radps_dag.workloads.sim.calibration.solving import (
    model_of,
    reference_antenna,
    require_solvable,
)
from radps_dag.workloads.sim.calibration.sums import accumulate, add, intervals_of, midpoints

SEEDS = [1, 2, 3, 4, 5]


def _solved(vis, reference, **options):
    sums = accumulate(vis, model_of(vis), np.zeros(vis.time.size, dtype=np.int64))
    return sums, stefcal.solve(sums, reference, **options)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [3, 8, 12])
def test_without_noise_gains_are_exact(seed: int, count: int) -> None:
    """Gains of any phase are found to a millionth, also of the least number of antennas."""
    gain = random_gains(count, seed=seed, phase=3.0)
    vis = observe(array(count), gain, noise=0.0)
    _, found = _solved(vis, 1, iterations=200, tolerance=1e-9)
    assert np.abs(np.moveaxis(found.gain, -1, 1) - referred(gain, 1)).max() < 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_calibrators_converge_in_a_dozen_iterations(seed: int) -> None:
    """After 12 iterations the gains of 12 antennas are at 1e-5, as the paper shows."""
    gain = random_gains(12, seed=seed, phase=1.0)
    vis = observe(array(12), gain, noise=0.0)
    _, found = _solved(vis, 0, iterations=12)
    assert np.abs(np.moveaxis(found.gain, -1, 1) - referred(gain, 0)).max() < 1e-5


@pytest.mark.parametrize("seed", SEEDS)
def test_going_on_is_the_same_as_not_stopping(seed: int) -> None:
    """Two iterations from where two ended are four; the change tells how far it still was."""
    vis = observe(array(8), random_gains(8, seed=seed))
    sums, four = _solved(vis, 0, iterations=4)
    two = stefcal.solve(sums, 0, iterations=2)
    again = stefcal.solve(sums, 0, start=two.gain, iterations=2)
    assert np.allclose(again.gain, four.gain, atol=1e-12)
    assert 0 < again.change < 0.2 * two.change


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("noise", [0.3, 3.0])
def test_errors_are_the_noise_that_the_snr_says(seed: int, noise: float) -> None:
    """With noise, gains are off by 1/snr: neither worse, nor is the snr too modest."""
    gain = random_gains(10, seed=seed, phase=0.5)
    vis = observe(array(10), gain, noise=noise, times=20, seed=seed)
    sums = accumulate(vis, model_of(vis), np.arange(20))
    found = stefcal.solve(sums, 0, iterations=60, tolerance=1e-8)
    snr = stefcal.signal_to_noise(sums, found.gain)
    truth = np.moveaxis(referred(gain, 0), 1, -1)
    error = (found.gain - truth)[..., 1:]
    # Of the real and of the imaginary part; the others' errors add some to an antenna's own.
    normal = np.sqrt(np.mean(np.abs(error) ** 2 * snr[..., 1:] ** 2) / 2)
    assert 0.9 < normal / np.abs(truth).mean() < 1.35


def test_residuals_beyond_the_weights_lower_the_snr() -> None:
    """Where the noise is three times what the weights say, the snr is a third."""
    gain = random_gains(10, phase=0.5)
    quiet, loud = (observe(array(10), gain, noise=noise, times=20) for noise in (1.0, 3.0))
    loud = loud.__class__(
        **{name: getattr(loud, name) for name in loud.__slots__} | {"weight": quiet.weight}
    )
    snr = []
    for vis in (quiet, loud):
        sums, found = _solved(vis, 0, iterations=40)
        snr.append(np.median(stefcal.signal_to_noise(sums, found.gain)))
    assert snr[0] / snr[1] == pytest.approx(3.0, rel=0.1)


def test_phases_alone_keep_the_amplitude() -> None:
    """Phase-only gains have amplitude 1 and the phases of the truth, whatever the model's flux."""
    gain = random_gains(10, phase=1.0, size=0.1)
    vis = observe(array(10), gain, noise=0.0, sky=((2.5, 0.0, 0.0),))
    _, found = _solved(vis, 2, unknown="phase", iterations=100, tolerance=1e-10)
    truth = np.moveaxis(referred(gain, 2), 1, -1)
    assert np.allclose(np.abs(found.gain), 1.0)
    assert np.abs(np.angle(found.gain * np.conj(truth))).max() < 1e-5


def test_an_extended_model_is_divided_out() -> None:
    """Gains are found against a model that is no point, when it is given."""
    sky = ((1.0, 1e-6, -2e-6), (0.4, -4e-6, 3e-6))
    gain = random_gains(8)
    vis = observe(array(8), gain, sky=sky, noise=0.0)
    model = observe(array(8), sky=sky, noise=0.0).data
    sums = accumulate(vis, model, np.zeros(vis.time.size, dtype=np.int64))
    found = stefcal.solve(sums, 0, iterations=100, tolerance=1e-10)
    assert np.abs(np.moveaxis(found.gain, -1, 1) - referred(gain, 0)).max() < 1e-6


def test_flagged_and_missing_numbers_do_not_count() -> None:
    """Garbage that is flagged or no number leaves the gains exact; an antenna without data is 1."""
    gain = random_gains(8)
    vis = observe(array(8), gain, noise=0.0)
    data = vis.data.copy()
    data[2, 3] = 1e6
    data[4, 1, 2, 0] = np.nan
    data[:, (vis.antenna1 == 5) | (vis.antenna2 == 5)] = np.inf
    vis = flagged(
        vis.__class__(**{n: getattr(vis, n) for n in vis.__slots__} | {"data": data}), (2, 3)
    )
    sums, found = _solved(vis, 0, iterations=100, tolerance=1e-10)
    truth = np.moveaxis(referred(gain, 0), 1, -1)
    others = [0, 1, 2, 3, 4, 6, 7]
    assert np.abs((found.gain - truth)[..., others]).max() < 1e-6
    assert (found.gain[..., 5] == 1).all()
    assert (stefcal.signal_to_noise(sums, found.gain)[..., 5] == 0).all()
    assert not sums.present[..., 5].any()


def test_spws_together_see_less_noise() -> None:
    """The sums of two spws give an snr that is 1.4 times higher."""
    parts = [observe(array(10), spw=spw, seed=spw + 1) for spw in (0, 1)]
    sums = [accumulate(vis, model_of(vis), np.arange(10)) for vis in parts]
    snr = [
        np.median(stefcal.signal_to_noise(one, stefcal.solve(one, 0, iterations=40).gain))
        for one in (sums[0], add(sums))
    ]
    assert snr[1] / snr[0] == pytest.approx(2**0.5, rel=0.05)


def test_intervals_stay_within_scans_and_leave_no_rest() -> None:
    """Intervals never hold two scans, and differ by one integration at most."""
    vis = observe(array(3), times=15, scans=(1, 2))
    numbers = intervals_of(vis.time, vis.scan, vis.integration, 8.0)
    sizes = np.bincount(numbers)
    assert sizes.tolist() == [4, 4, 4, 3] * 2
    assert all(np.unique(vis.scan[numbers == number]).size == 1 for number in range(8))
    assert np.allclose(midpoints(vis.time, numbers)[0], vis.time[:4].mean())
    assert np.bincount(intervals_of(vis.time, vis.scan, 2.0, 0.5)).tolist() == [1] * 30
    assert np.bincount(intervals_of(vis.time, vis.scan, 2.0, 1e9)).tolist() == [15, 15]


def test_reference_is_central_and_has_data() -> None:
    """The antenna in the middle is the reference, unless it, or one receptor of it, has no data."""
    antennas = array(8)
    vis = observe(antennas)
    middle = reference_antenna([vis])
    away = np.hypot(*(antennas.positions - np.median(antennas.positions, axis=0))[:, :2].T)
    assert middle == np.argmin(away)
    with_it = (vis.antenna1 == middle) | (vis.antenna2 == middle)
    without = flagged(vis, (slice(None), with_it, slice(None), 1))
    assert reference_antenna([without]) == np.argsort(away)[1]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda vis: flagged(vis, ...), "all data of it are flagged"),
        (lambda vis: vis.of_times(vis.scan == 9), "no data of it"),
        (lambda vis: flagged(vis, (slice(None), slice(1, None))), "2 antennas with unflagged data"),
    ],
)
def test_what_cannot_be_solved_is_said(spoil, message: str) -> None:
    """No data, flagged data and too few antennas are each named in one line."""
    with pytest.raises(ValueError, match=message):
        require_solvable([spoil(observe(array(5)))], "it")


def test_one_antenna_cannot_be_solved() -> None:
    """An array of one antenna has no baseline."""
    with pytest.raises(ValueError, match="all data of it"):
        require_solvable([observe(array(1))], "it")
