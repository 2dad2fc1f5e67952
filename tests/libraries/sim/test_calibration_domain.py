"""Bandpass, gains, flux scale: found as they are, and applied as they were found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from calibration_support import array, flagged, observe, random_gains, referred

from radps_dag.workloads.sim.calibration import bandpass, gains
from radps_dag.workloads.sim.calibration.applying import apply_table, gains_at
from radps_dag.workloads.sim.calibration.fluxscale import derive_flux_densities, scale
from radps_dag.workloads.sim.calibration.interpolating import interpolate
from radps_dag.workloads.sim.calibration.selfcal import solve_against
from radps_dag.workloads.sim.calibration.solving import phase_scatter
from radps_dag.workloads.sim.calibration.sums import intervals_of, visits_of
from radps_dag.workloads.sim.solutions import Caltable, Solutions
from radps_dag.workloads.sim.visibilities import PointModel

SEEDS = [1, 2, 3]
COUNT = 10
STRONG = PointModel(3.0, -0.4, 231e9)


def _table(kind, parts, antennas) -> Caltable:
    return Caltable(kind, antennas.names, tuple(parts))


def _truth(seed: int, times: int, channels: int = 16, spw: int = 0):
    """A bandpass (1, a, f, p) of mean amplitude 1, and phases of the atmosphere (t, a, 1, 1)."""
    random = np.random.default_rng([seed, spw])
    f = np.linspace(-1, 1, channels)[:, np.newaxis]
    wave = random.normal(size=(COUNT, 1, 2)) * 0.1 * np.cos(3 * f) + 1
    band = (
        wave
        / wave.mean(axis=1, keepdims=True)
        * np.exp(
            1j * (random.normal(size=(COUNT, 1, 2)) + 0.3 * f * random.normal(size=(COUNT, 1, 2)))
        )
    )
    random = np.random.default_rng([seed, 99])
    walk = np.cumsum(random.normal(size=(times, COUNT)), axis=0) * 0.1
    return band[np.newaxis], np.exp(1j * walk)[:, :, np.newaxis, np.newaxis]


@pytest.mark.parametrize("seed", SEEDS)
def test_bandpass_is_found_to_the_noise(seed: int) -> None:
    """The bandpass is that of the simulation to 1.5 %, though the phases wandered meanwhile."""
    band, air = _truth(seed, 30)
    antennas = array(COUNT)
    vis = observe(antennas, band * air, times=30, model=STRONG, intents=("BANDPASS",), seed=seed)
    phases = bandpass.phase_up(vis, 0)
    steady = apply_table(vis, _table("phase_up", [phases], antennas))
    found = bandpass.solve_bandpass([steady], 0)
    loops = 1
    while found.change >= 0.005 and loops < 12:
        found = bandpass.solve_bandpass([steady], 0, found.solutions, found.amplitude)
        loops += 1
    assert 2 <= loops <= 12
    assert not found.dead.any()
    # The mean phase of the atmosphere stays in the bandpass, the same in all channels.
    error = found.solutions.gain / referred(band, 0)
    error /= np.exp(1j * np.angle(error.mean(axis=2, keepdims=True)))
    assert np.abs(np.abs(error).mean(axis=2) - 1).max() < 2e-3
    assert np.sqrt(np.mean(np.abs(error - 1) ** 2)) < 0.015
    expected = np.median(np.abs(found.solutions.gain) / found.solutions.snr) * 2**0.5
    assert np.sqrt(np.mean(np.abs(error - 1) ** 2)) < 1.4 * expected


@pytest.mark.parametrize("seed", SEEDS)
def test_one_dead_receptor_is_found(seed: int) -> None:
    """A receptor that sees noise alone is found, it alone, and its solutions are flagged."""
    band, air = _truth(seed, 20)
    band[:, 3, :, 1] = 0.0
    antennas = array(COUNT)
    vis = observe(antennas, band * air, times=20, model=STRONG, seed=seed)
    steady = apply_table(vis, _table("phase_up", [bandpass.phase_up(vis, 0)], antennas))
    found = bandpass.solve_bandpass([steady], 0, iterations=8)
    assert np.argwhere(found.dead).tolist() == [[3, 1]]
    assert found.solutions.flag[0, 3, :, 1].all()
    assert found.solutions.flag.mean() == pytest.approx(1 / (2 * COUNT))


def test_a_weak_antenna_is_not_dead_and_a_silent_array_has_none() -> None:
    """Half the amplitude is no death; where all see noise alone, none stands out."""
    gain = np.ones((1, COUNT, 1, 2), dtype=complex)
    gain[:, 4] = 0.5
    found = bandpass.solve_bandpass([observe(array(COUNT), gain)], 0, iterations=8)
    assert not found.dead.any()
    found = bandpass.solve_bandpass([observe(array(COUNT), gain * 0)], 0, iterations=8)
    assert not found.dead.any()


def test_spws_are_aligned_by_the_bandpass() -> None:
    """After each spw's bandpass, phases of the spws agree, so that they can be combined."""
    antennas, steady = array(COUNT), []
    for spw in (0, 1):
        band, air = _truth(7, 20, spw=spw)
        vis = observe(antennas, band * air, times=20, spw=spw, model=STRONG, seed=spw)
        up = bandpass.phase_up(vis, 0)
        found = bandpass.solve_bandpass(
            [apply_table(vis, _table("phase_up", [up], antennas))], 0, iterations=20
        )
        steady.append(apply_table(vis, _table("bandpass", [found.solutions], antennas)))
    phases = [gains.solve_scan([vis], 0, 2.0, iterations=40).parts[0].gain / 1.0 for vis in steady]
    assert np.sqrt(np.mean(np.angle(phases[0] * np.conj(phases[1])) ** 2)) < 0.05
    # Far from true of the data as they were:
    bands = [_truth(7, 20, spw=spw)[0] for spw in (0, 1)]
    away = np.angle(referred(bands[0], 0) * np.conj(referred(bands[1], 0)))
    assert np.sqrt(np.mean(away**2)) > 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_phases_follow_the_atmosphere_within_the_noise(seed: int) -> None:
    """Phases of each integration are off by what their snr says, the amplitude by a percent."""
    _, air = _truth(seed, 20)
    size = np.abs(random_gains(COUNT, seed=seed))
    vis = observe(array(COUNT), air * size, times=20, seed=seed)
    found = gains.solve_scan([vis], 0, 2.0, iterations=40).parts[0]
    error = np.angle(found.gain * np.conj(referred(air + 0j, 0)))[:, 1:]
    normal = np.sqrt(np.mean((error * found.snr[:, 1:]) ** 2))
    # The noise of the reference antenna is in each of them: 1.4 times their own.
    assert 1.2 < normal < 1.6
    assert np.abs(np.abs(found.gain) / size - 1).max() < 0.02
    assert np.allclose(np.abs(found.gain), np.abs(found.gain[:1]))
    truth = referred(air * np.ones_like(found.gain), 0)
    wander = phase_scatter(truth, found.flag, 0)
    assert wander > 5.0
    assert phase_scatter(found.gain, found.flag, 0) == pytest.approx(wander, rel=0.05)


def test_gains_go_on_from_where_they_ended() -> None:
    """A scan's gains, iterated two by two, come to rest, and where many at once come to."""
    _, air = _truth(1, 10)
    vis = observe(array(COUNT), air * random_gains(COUNT), times=10)
    at_once = gains.solve_scan([vis], 0, 4.0, iterations=60)
    found = gains.solve_scan([vis], 0, 4.0)
    changes = [found.change]
    while changes[-1] >= 1e-6 and len(changes) < 12:
        found = gains.solve_scan([vis], 0, 4.0, start=found.parts)
        changes.append(found.change)
    assert 3 <= len(changes) < 12
    assert changes == sorted(changes, reverse=True)
    assert np.allclose(found.parts[0].gain, at_once.parts[0].gain, atol=1e-5)


def test_weak_calibrators_need_their_spws_together() -> None:
    """Where one spw does not reach the snr in a scan, both do, and their phases are better."""
    truth = random_gains(COUNT, polarizations=1, phase=1.0, size=0.0)
    parts = [
        observe(array(COUNT), truth, spw=spw, noise=36.0, times=15, seed=spw + 3) for spw in (0, 1)
    ]
    alone = gains.choose_interval(parts[:1], 0, 8.0)
    assert alone[0] == 30.0
    assert alone[1] < 8.0
    assert gains.choose_interval(parts, 0, 8.0)[1] > 1.25 * alone[1]
    errors: list[list[float]] = [[], []]
    for seed in range(10):
        parts = [
            observe(array(COUNT), truth, spw=spw, noise=36.0, times=15, seed=2 * seed + spw)
            for spw in (0, 1)
        ]
        for error, chosen in zip(errors, (parts[:1], parts), strict=True):
            found = gains.solve_scan(chosen, 0, 30.0, iterations=60).parts[0]
            away = np.angle(found.gain * np.conj(referred(truth, 0)))
            error.append(float(np.mean(away**2)))
    assert np.mean(errors[1]) < 0.7 * np.mean(errors[0])


def test_strong_calibrators_are_solved_each_integration() -> None:
    """The interval grows with the noise, from one integration to the scan."""
    chosen = [
        gains.choose_interval([observe(array(COUNT), noise=noise, times=15)], 0, 10.0)[0]
        for noise in (1.0, 8.0, 100.0)
    ]
    assert chosen[0] == 2.0
    assert 2.0 < chosen[1] < 30.0
    assert chosen[2] == 30.0


@pytest.mark.parametrize("seed", SEEDS)
def test_flux_densities_are_those_of_the_sky(seed: int) -> None:
    """Flux densities are within 0.5 % and three errors of the truth, per spw."""
    size = random_gains(COUNT, seed=seed)
    parts = []
    for spw, flux in ((0, 1.31), (1, 1.27)):
        model = PointModel(3.0)
        for scan in (1, 2, 3):
            drift = size * (1 + 0.01 * scan)
            known = observe(
                array(COUNT),
                drift,
                field="known",
                spw=spw,
                scans=(scan,),
                times=30,
                model=model,
                seed=seed + 10 * scan,
            )
            other = observe(
                array(COUNT),
                drift,
                field="other",
                spw=spw,
                scans=(scan,),
                times=15,
                sky=((flux, 0.0, 0.0),),
                seed=seed + 10 * scan + 5,
            )
            parts += gains.solve_scan([known], 0, 2.0, iterations=30).parts
            parts += gains.solve_scan([other], 0, 2.0, iterations=30).parts
    found = derive_flux_densities(parts, {"known"})
    assert list(found) == ["other"]
    for spw, flux in ((0, 1.31), (1, 1.27)):
        assert found["other"].by_spw[spw] == pytest.approx(flux, rel=0.005)
        assert abs(found["other"].by_spw[spw] - flux) < 4 * found["other"].error[spw]
    assert found["other"].snr > 100
    assert found["other"].spread == pytest.approx(0.04 / 1.29, abs=0.008)
    scaled = scale(parts, found)
    for before, after in zip(parts, scaled, strict=True):
        if before.field == "other":
            assert np.abs(np.abs(after.gain) / np.abs(size) - 1).max() < 0.08
        else:
            assert after is before


def test_flux_scale_needs_a_flux_calibrator() -> None:
    """Without a field of known flux density, or with other spws, there is no flux scale."""
    part = gains.solve_scan([observe(array(COUNT))], 0, 10.0).parts[0]
    with pytest.raises(ValueError, match="intent FLUX"):
        derive_flux_densities([part], {"known"})
    with pytest.raises(ValueError, match="no gains of field J1, spw 0, to compare"):
        derive_flux_densities([part, replace(part, field="known", spws=(1,))], {"known"})


def _solutions(gain, vis, **changes) -> Solutions:
    gain = np.asarray(gain, dtype=complex)
    made = Solutions(
        field=vis.field,
        intents=vis.intents,
        spws=(vis.spw,),
        scan=None,
        time=np.linspace(vis.time[0], vis.time[-1], gain.shape[0]),
        interval=2.0,
        frequency=vis.frequency if gain.shape[2] > 1 else vis.frequency[:1],
        polarizations=vis.polarizations,
        gain=gain,
        flag=np.zeros(gain.shape, dtype=bool),
        snr=np.ones(gain.shape),
    )
    return replace(made, **changes)


def test_applying_undoes_what_corrupted() -> None:
    """Data over g conj(g) are the sky's, with weights that are the noise's."""
    antennas, gain = array(COUNT), random_gains(COUNT)
    vis = observe(antennas, gain, noise=0.0)
    applied = apply_table(vis, _table("gains", [_solutions(gain, vis)], antennas))
    assert np.allclose(applied.data, 1.0)
    size = np.abs(gain)
    expected = vis.weight * (size[:, vis.antenna1] * size[:, vis.antenna2]) ** 2
    assert np.allclose(applied.weight, expected)
    assert not applied.flag.any()


def test_gains_between_are_linear_in_amplitude_and_phase() -> None:
    """Half-way between 1 and 3 e^2i is 2 e^i; beyond the ends it is the nearest."""
    vis = observe(array(3), times=5)
    gain = np.ones((2, 3, 1, 2), dtype=complex)
    gain[1, 2] = 3 * np.exp(2j)
    found, flag = gains_at(vis, _table("gains", [_solutions(gain, vis)], vis.antennas))
    assert np.allclose(found[2, 2], 2 * np.exp(1j))
    assert not flag.any()
    early, late = vis.time[0] - 100, vis.time[-1] + 100
    values, _ = interpolate(vis.time[[0, -1]], gain, gain == 0, np.array([early, late]))
    assert np.allclose(values, gain)


def test_phases_are_unwrapped() -> None:
    """Between +170 and -170 degrees lies 180, not 0."""
    gain = np.exp(1j * np.deg2rad([[170.0], [-170.0]]))
    values, _ = interpolate(np.array([0.0, 2.0]), gain, gain == 0, np.array([1.0]))
    assert np.angle(values[0, 0], deg=True) % 360 == pytest.approx(180)


def test_flagged_solutions_are_passed_over() -> None:
    """A flagged solution is bridged; an antenna without any is flagged in the data."""
    vis = observe(array(4), times=5)
    gain = np.ones((3, 4, 1, 2), dtype=complex)
    gain[1, 2] = 1e3
    flag = np.zeros(gain.shape, dtype=bool)
    flag[1, 2] = True
    flag[:, 3, :, 0] = True
    part = _solutions(gain, vis, flag=flag)
    applied = apply_table(vis, _table("gains", [part], vis.antennas))
    with_it = (vis.antenna1 == 3) | (vis.antenna2 == 3)
    assert applied.flag[:, with_it, :, 0].all()
    assert not applied.flag[:, ~with_it].any()
    assert not applied.flag[..., 1].any()
    assert np.allclose(applied.data[~applied.flag], vis.data[~applied.flag])
    kept = apply_table(vis, _table("selfcal", [part], vis.antennas))
    assert not kept.flag.any()


def test_solutions_of_the_own_field_count_before_those_of_phase() -> None:
    """The same field is first, then the intent PHASE, then what there is."""
    vis = observe(array(3), field="target", intents=("TARGET",))
    ones = np.ones((1, 3, 1, 2))
    own, phase, other = (
        _solutions(ones * size, vis, field=field, intents=(intent,))
        for size, field, intent in (
            (2, "target", "TARGET"),
            (3, "p", "PHASE"),
            (4, "b", "BANDPASS"),
        )
    )
    for parts, size in (([other, phase, own], 2), ([other, phase], 3), ([other], 4)):
        found, _ = gains_at(vis, _table("gains", parts, vis.antennas))
        assert (found == size).all()


def test_what_is_no_number_is_flagged() -> None:
    """NaN in the data or a gain of 0 never comes out as a number."""
    vis = observe(array(4))
    data = vis.data.copy()
    data[1, 2, 3, 0] = np.nan
    gain = np.ones((1, 4, 1, 2), dtype=complex)
    gain[0, 2, 0, 1] = 0
    applied = apply_table(
        replace(vis, data=data), _table("gains", [_solutions(gain, vis)], vis.antennas)
    )
    assert np.isfinite(applied.data).all()
    assert applied.flag[1, 2, 3, 0]
    assert applied.flag[:, (vis.antenna1 == 2) | (vis.antenna2 == 2), :, 1].all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spws": (3,)}, "no solutions for spw 0; there are spws 3"),
        ({"polarizations": ("XX", "XY")}, "no solutions for polarization YY of spw 0"),
        ({"frequency": np.linspace(1e11, 2e11, 16)}, "other channels than J1_spw0: 16 from 100.0"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changes, message: str) -> None:
    """A caltable of another spw, polarization or grid of channels says so."""
    vis = observe(array(3))
    part = _solutions(np.ones((1, 3, 16, 2)), vis, **changes)
    with pytest.raises(ValueError, match=message):
        apply_table(vis, _table("bandpass", [part], vis.antennas))


def test_other_antennas_and_positions_are_refused() -> None:
    """A caltable without an antenna of the data, or one of geometry, is no gains for them."""
    vis = observe(array(3))
    part = _solutions(np.ones((1, 3, 1, 2)), vis)
    with pytest.raises(ValueError, match="no antenna A00"):
        apply_table(vis, Caltable("gains", ("B00", "B01", "B02"), (part,)))
    with pytest.raises(ValueError, match="apply_antenna_positions"):
        apply_table(vis, Caltable("antenna_positions", vis.antennas.names, ()))


SKY = ((0.3, 0.0, 0.0), (0.1, 8e-6, -5e-6), (0.05, -1e-5, 1e-6))


def _dynamic_range(vis) -> float:
    """Of the residual of the true sky at the phase centre's surroundings, by direct sums."""
    grid = np.linspace(-2e-5, 2e-5, 41)
    u = vis.uvw[..., 0] * 231e9 / 299792458.0
    v = vis.uvw[..., 1] * 231e9 / 299792458.0
    model = observe(vis.antennas, sky=SKY, times=vis.time.size, noise=0.0).data
    left = (np.where(vis.flag, 0, vis.data - model)).mean(axis=(2, 3))
    beam = [np.exp(2j * np.pi * (u * east)) for east in grid]
    rows = [np.exp(2j * np.pi * (v * north)) for north in grid]
    image = np.array([[np.mean((left * b * r).real) for b in beam] for r in rows])
    return float(SKY[0][0] / image.std())


@pytest.mark.parametrize("seed", SEEDS)
def test_selfcal_raises_the_dynamic_range_until_it_fits_noise(seed: int) -> None:
    """Against the target's model phases are taken out; intervals of too little snr do harm."""
    antennas = array(COUNT)
    truth = random_gains(COUNT, seed=seed, phase=0.4, size=0.0)
    vis = observe(antennas, truth, times=30, sky=SKY, noise=1.0, seed=seed)
    model = observe(antennas, times=30, sky=SKY, noise=0.0).data
    before = _dynamic_range(vis)
    good = solve_against(vis, model, 0, 60.0, "phase", 3.0)
    after = _dynamic_range(apply_table(vis, _table("selfcal", [good], antennas)))
    assert after > 3 * before
    noisy = observe(antennas, truth, times=30, sky=SKY, noise=20.0, seed=seed)
    short = solve_against(noisy, model, 0, 2.0, "phase", 0.0)
    long = solve_against(noisy, model, 0, 60.0, "phase", 0.0)
    # Fitted noise brings data and model together, so the harm shows where the truth is known.
    error = [
        np.mean(1 - np.cos(np.angle(one.gain * np.conj(referred(truth, 0)))))
        for one in (short, long)
    ]
    assert error[0] > 2 * error[1]
    asked = solve_against(noisy, model, 0, 2.0, "phase", 3.0)
    assert asked.flag.mean() > 0.3
    assert (asked.gain[asked.flag] == 1).all()


def test_selfcal_of_amplitudes_keeps_the_flux_scale() -> None:
    """With a model of half the flux density, amplitudes are still 1 in the mean."""
    truth = random_gains(COUNT, size=0.1)
    vis = observe(array(COUNT), truth, sky=SKY, noise=0.0, times=10)
    model = 0.5 * observe(array(COUNT), sky=SKY, noise=0.0, times=10).data
    found = solve_against(vis, model, 0, 20.0, "amplitude_phase", 3.0)
    assert np.exp(np.log(np.abs(found.gain)).mean()) == pytest.approx(1.0)
    ratio = np.abs(found.gain) / np.abs(truth)
    assert ratio.std(axis=1).max() < 1e-5


def test_flagged_everything_stays_flagged() -> None:
    """Solving a scan of which one antenna is flagged flags that antenna's solutions alone."""
    vis = observe(array(5))
    vis = flagged(vis, (slice(None), (vis.antenna1 == 4) | (vis.antenna2 == 4)))
    found = gains.solve_scan([vis], 0, 10.0, iterations=20).parts[0]
    assert found.flag[:, 4].all()
    assert not found.flag[:, :4].any()


def test_a_scan_may_come_back_to_a_field() -> None:
    """Intervals end where the telescope went elsewhere, though the scan goes on."""
    vis = observe(array(3), times=10)
    away = replace(vis, time=np.where(np.arange(10) < 5, vis.time, vis.time + 170.0))
    visits = visits_of(away.time, away.scan, away.integration)
    assert visits.tolist() == [0] * 5 + [1] * 5
    numbers = intervals_of(away.time, away.scan, away.integration, 6.0)
    assert all(np.unique(visits[numbers == number]).size == 1 for number in np.unique(numbers))
    assert gains.choose_interval([away], 0, 1e9)[0] == 10.0
