"""The simulation against independent formulas: geometry, sky, corruptions, noise, chance."""

from __future__ import annotations

import cmath
import inspect
import math
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from repository import SUPPORT
from sim_data_support import BANDPASS, FIELDS, PHASE, TARGET, digest, observation

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.observing import simulate_observation
from radps_dag.workloads.sim.simulation.corruption import (
    T0,
    bandpass,
    position_errors,
    position_phase,
    radiometers,
    residual_path,
    system_temperature,
)
from radps_dag.workloads.sim.simulation.geometry import (
    INTEGRATION,
    antennas_of,
    cell_of,
    direction_of,
    elevation,
    frequencies_of,
    schedule,
    source_vector,
    uvw_of,
)
from radps_dag.workloads.sim.simulation.observe import Simulated, simulate, thermal_noise
from radps_dag.workloads.sim.simulation.sky import (
    Source,
    calibrator_model,
    line_of,
    sky_of,
    visibilities_of,
)
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT

SEEDS = (1, 2, 3)
QUIET = {"noise": 1e-6, "interference": 0.0}


def gains_of_baselines(simulated: Simulated) -> NDArray[np.complex128]:
    """g_i conj(g_j) of the truth (t, b, f, p)."""
    vis, gain = simulated.vis, simulated.gain
    return gain[:, vis.antenna1] * gain[:, vis.antenna2].conj()


def test_the_defaults_of_an_observation() -> None:
    """A record that says nothing is of what simulate_observation makes without arguments."""
    parameters = inspect.signature(simulate_observation).parameters
    for name, value in asdict(Observation()).items():
        if name != "data":
            default = parameters[name].default
            assert value == (tuple(default) if isinstance(default, list) else default), name


@pytest.mark.parametrize("seed", SEEDS)
def test_uvw_by_differences_of_paths(seed: int) -> None:
    """w is the path along the source's direction; u and v are how it changes with it."""
    about = observation(seed)
    positions = np.asarray(antennas_of(about).positions)
    baselines = positions[1:] - positions[0]
    direction = direction_of(about, TARGET)
    time = np.array([visit.start for visit in schedule(about)])
    uvw = uvw_of(baselines, direction, time)

    def path(right_ascension: float, declination: float) -> NDArray[np.float64]:
        towards = source_vector(np.array([right_ascension, declination]), time)
        return np.einsum("tx,bx->tb", towards, baselines)

    step = 1e-4
    ra, dec = direction
    east = (path(ra + step, dec) - path(ra - step, dec)) / (2 * step * math.cos(dec))
    north = (path(ra, dec + step) - path(ra, dec - step)) / (2 * step)
    assert np.allclose(uvw[..., 2], path(ra, dec), atol=1e-6)
    assert np.allclose(uvw[..., 0], east, atol=1e-4)
    assert np.allclose(uvw[..., 1], north, atol=1e-4)
    assert np.allclose((uvw**2).sum(axis=-1), (baselines**2).sum(axis=-1)), "a turn keeps lengths"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_array_is_like_almas(seed: int) -> None:
    """Dishes of 12 m that do not touch, on baselines to some 600 m, at 23 degrees south."""
    antennas = antennas_of(observation(seed, antennas=12))
    positions = np.asarray(antennas.positions)
    apart = np.linalg.norm(positions[:, np.newaxis] - positions, axis=-1)
    others = apart[np.triu_indices(12, 1)]
    assert others.min() > 12.0
    assert 350.0 < others.max() < 610.0
    latitude = np.degrees(np.arcsin(positions[0, 2] / np.linalg.norm(positions[0])))
    assert latitude == pytest.approx(-23.02, abs=0.1)
    assert antennas.names[:2] == ("A00", "A01")


def test_cells_resolve_the_beam() -> None:
    """A cell is a quarter to a fifth of the best resolution of a 600 m baseline, in two digits."""
    cell = np.degrees(cell_of(observation())) * 3600.0
    beam = np.degrees(SPEED_OF_LIGHT / 234e9 / 600.0) * 3600.0
    assert 4.0 < beam / cell < 5.0
    assert cell == pytest.approx(round(cell, 3), abs=1e-12)


def test_sources_are_up() -> None:
    """All fields stay higher than 30 degrees."""
    about = observation()
    for visit in schedule(about):
        assert elevation(direction_of(about, visit.field), np.array([visit.start]))[0] > 0.5


def test_scans_and_intents() -> None:
    """Each field has all scan numbers, at times of its own, and its intents."""
    about = observation()
    seen: set[float] = set()
    for field, intents in zip(FIELDS, (("BANDPASS", "FLUX"), ("PHASE",), ("TARGET",)), strict=True):
        vis = simulate(about, field, 0).vis
        assert vis.intents == intents
        assert set(vis.scan.tolist()) == {1, 2, 3}
        assert (np.diff(vis.time) >= INTEGRATION - 1e-6).all()
        assert not seen & set(vis.time.tolist())
        seen |= set(vis.time.tolist())


def test_visibilities_are_the_direct_sum() -> None:
    """Points and Gaussians, seen through the primary beam, agree with plain complex arithmetic, the
    third dimension included."""
    random = np.random.default_rng(7)
    uvw = random.uniform(-300, 300, (3, 4, 3))
    frequency = 230e9 + 1e8 * np.arange(5)
    sources = (Source(0.3, -0.5, 2e-5, -1e-5), Source(0.1, 0.7, -6e-6, 1.5e-5, 4e-6))
    found = visibilities_of(sources, uvw, frequency, 12.0)
    for t, b, f in np.ndindex(found.shape):
        u, v, w = (float(one) * float(frequency[f]) / SPEED_OF_LIGHT for one in uvw[t, b])
        total = 0j
        for one in sources:
            n = math.sqrt(1 - one.l**2 - one.m**2)
            sigma = one.width / (2 * math.sqrt(2 * math.log(2)))
            fall = math.exp(-2 * (math.pi * sigma) ** 2 * (u * u + v * v))
            flux = one.flux_density * (float(frequency[f]) / 230e9) ** one.spectral_index
            beam = 1.13 * SPEED_OF_LIGHT / float(frequency[f]) / 12.0
            flux *= 0.5 ** (4 * (one.l**2 + one.m**2) / beam**2)
            phase = -2j * math.pi * (u * one.l + v * one.m + w * (n - 1))
            total += flux * fall * cmath.exp(phase)
        assert abs(found[t, b, f] - total) < 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sky_is_the_scenario(seed: int) -> None:
    """Compact sources within 4 arcsec, the brightest 0.3 Jy; lines of 3 to 5 channels of 32, off
    the centre like the sources."""
    about = observation(seed, channels=32)
    sources = sky_of(about, TARGET)
    arcsec = np.degrees([math.hypot(one.l, one.m) for one in sources]) * 3600
    assert 4 <= len(sources) <= 6
    assert arcsec.max() <= 4.0
    assert max(one.flux_density for one in sources) == pytest.approx(0.3)
    for spw in about.spws:
        line = line_of(about, TARGET, spw)
        assert line is not None
        assert 3 <= (line.profile(frequencies_of(about, spw)) > 0.5).sum() <= 5
        off = {math.degrees(math.hypot(one.l, one.m)) * 3600 for one in line.sources}
        assert len(off) == 1 and 0.01 < off.pop() < 1.5
    assert 2.0 < calibrator_model(about, BANDPASS).flux_density < 5.0
    assert 0.5 < calibrator_model(about, PHASE).flux_density < 2.0
    assert line_of(about, BANDPASS, 0) is None


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("field", FIELDS)
def test_raw_data_are_gains_times_sky(seed: int, field: str) -> None:
    """Without noise and interference the data are g_i conj(g_j) V, where the source is seen."""
    simulated = simulate(observation(seed, **QUIET), field, 1)
    expected = gains_of_baselines(simulated) * simulated.sky[..., np.newaxis]
    seen = ~simulated.off_source
    assert np.allclose(simulated.vis.data[seen], expected[seen], atol=1e-4)
    assert seen.mean() > 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gain_is_the_product_of_its_causes(seed: int) -> None:
    """Bandpass, troposphere, positions and temperatures are each in the gain as they are said to
    be: what is left when they are taken out does not depend on frequency, and moves slowly."""
    about = observation(seed, **QUIET)
    simulated = simulate(about, PHASE, 0)
    vis = simulated.vis
    frequency, time = np.asarray(vis.frequency), np.asarray(vis.time)
    both = radiometers(about)
    start = min(visit.start for visit in schedule(about))
    places = np.rint((time - start) / INTEGRATION - 0.5).astype(int)
    path = both.true[places][:, :, np.newaxis] / SPEED_OF_LIGHT * frequency
    air = np.exp(2j * np.pi * path)[..., np.newaxis]
    moved = position_phase(position_errors(about), direction_of(about, PHASE), time, frequency)
    cold = np.sqrt(T0 / system_temperature(about, PHASE, 0, time))[:, :, np.newaxis]
    left = simulated.gain / (bandpass(about, 0) * air * cold * np.exp(1j * moved)[..., np.newaxis])
    assert np.allclose(left, left[:, :, :1], atol=1e-6)
    amplitude = np.abs(left[:, :, 0])
    assert amplitude.mean() == pytest.approx(1.0, abs=0.05)
    assert np.abs(np.diff(amplitude, axis=0))[np.diff(time) < 3].max() < 0.02


@pytest.mark.parametrize("seed", SEEDS)
def test_noise_is_that_of_the_radiometer_equation(seed: int) -> None:
    """Real and imaginary parts scatter by 2 k T / (0.7 A) / sqrt(2 dnu tau), and weights say so."""
    about = observation(seed, interference=0.0)
    loud, quiet = simulate(about, PHASE, 0), simulate(replace(about, noise=1e-6), PHASE, 0)
    noise = loud.vis.data - quiet.vis.data
    area = math.pi * 36.0
    sefd = 2 * 1.380649e-23 * 90.0 / (0.7 * area) / 1e-26
    expected = sefd / math.sqrt(2 * (1.875e9 / 16) * 2.0)
    assert thermal_noise(about) == pytest.approx(expected, rel=1e-6)
    assert noise.real.std() == pytest.approx(expected, rel=0.02)
    assert noise.imag.std() == pytest.approx(expected, rel=0.02)
    assert abs(np.mean(noise.real * noise.imag)) < 0.02 * expected**2
    assert np.allclose(loud.vis.weight, 1 / expected**2, rtol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_interference_is_where_the_truth_says(seed: int) -> None:
    """About the wanted share is hit, and nothing is changed elsewhere."""
    about = observation(seed, interference=0.02)
    with_it, without = (
        simulate(about, TARGET, 0),
        simulate(replace(about, interference=0), TARGET, 0),
    )
    differs = with_it.vis.data != without.vis.data
    assert (differs == with_it.interference).all()
    assert with_it.interference.mean() == pytest.approx(0.02, abs=0.003)
    assert not without.interference.any()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_troposphere_has_the_asked_rms(seed: int) -> None:
    """Phases at 230 GHz are of the asked rms, smooth in time; radiometers miss the asked share."""
    both = radiometers(observation(seed))
    degrees = 360.0 * 230e9 / SPEED_OF_LIGHT
    assert both.true.std() * degrees == pytest.approx(40.0, rel=0.02)
    assert (both.measured - both.true).std() * degrees == pytest.approx(8.0, rel=0.02)
    assert np.diff(both.true, axis=0).std() * degrees < 8.0
    assert 4.0 < residual_path(observation(seed)).std() * degrees < 12.0


@pytest.mark.parametrize("seed", SEEDS)
def test_bandpasses_have_edges_ripples_and_delays(seed: int) -> None:
    """They fall at the edges, ripple by the asked share, and turn along the band by a delay of a
    fraction of a turn."""
    gain = bandpass(observation(seed, antennas=40, channels=32), 0)
    flat = bandpass(observation(seed, antennas=40, channels=32, bandpass_rms=0.0), 0)
    size, smooth = np.abs(gain), np.abs(flat)
    assert (smooth[:, [0, -1]] < 0.8).all()
    assert np.allclose(smooth[:, 10:22], 1.0, atol=0.01)
    assert (size / smooth)[:, 4:-4].std() == pytest.approx(0.1, rel=0.25)
    across = np.unwrap(np.angle(gain), axis=1)
    slopes = (across[:, -1] - across[:, 0]) / (2 * np.pi)
    assert 0.05 < slopes.std() < 0.15
    assert np.abs(slopes).max() < 0.4


@pytest.mark.parametrize("seed", SEEDS)
def test_temperatures_rise_towards_the_horizon(seed: int) -> None:
    """The lower source has the higher system temperature in all receivers."""
    about = observation(seed)
    hours = np.array([schedule(about)[0].start, schedule(about)[0].start + 4 * 3600.0])
    height = elevation(direction_of(about, TARGET), hours)
    tsys = system_temperature(about, TARGET, 0, hours)
    assert height[1] < height[0]
    assert (tsys[1] > tsys[0]).all()
    assert 60.0 < tsys[0].mean() < 120.0


@pytest.mark.parametrize("seed", SEEDS)
def test_dead_receptors_see_noise_alone(seed: int) -> None:
    """A dead receptor's baselines have no signal; the antenna's other receptor has."""
    about = observation(seed, dead_receptors=("A03:YY",), interference=0.0, noise=0.01)
    vis = simulate(about, BANDPASS, 0).vis
    of = (vis.antenna1 == 3) | (vis.antenna2 == 3)
    assert np.abs(vis.data[:, of, :, 1]).mean() < 0.01
    assert np.abs(vis.data[:, of, :, 0]).mean() > 1.0
    assert np.abs(vis.data[:, ~of, :, 1]).mean() > 1.0


def test_off_source_data_are_bad() -> None:
    """Where the array says that an antenna had no view, the signal is less by half or more."""
    simulated = simulate(observation(2, **QUIET), BANDPASS, 0)
    expected = np.abs(gains_of_baselines(simulated) * simulated.sky[..., np.newaxis])
    share = np.abs(simulated.vis.data) / expected
    bad = simulated.off_source
    assert bad.any()
    assert share[bad].max() < 0.51
    assert share[~bad].min() > 0.99
    assert {event.reason for event in simulated.events} == {"slewing", "shadowed"}


@pytest.mark.parametrize("state", ["prepared", "flagged", "corrected"])
@pytest.mark.parametrize("seed", SEEDS)
def test_later_states_have_less_to_correct(seed: int, state: str) -> None:
    """Prepared data have no temperatures left; corrected ones only phases of some degrees."""
    simulated = simulate(observation(seed), TARGET, 0, state)  # type: ignore[arg-type]
    size = np.abs(simulated.gain)
    if state == "corrected":
        assert np.allclose(size, 1.0)
        assert 2.0 < np.degrees(np.angle(simulated.gain)).std() < 15.0
        assert not simulated.vis.flag.any()
    else:
        assert size.mean() == pytest.approx(np.abs(bandpass(observation(seed), 0)).mean(), rel=0.1)
        assert (simulated.vis.flag.any(axis=(2, 3)) == simulated.off_source).all()
    assert simulated.interference.any() == (state == "prepared")


@pytest.mark.parametrize("state", ["prepared", "corrected"])
def test_weights_are_those_of_the_noise(state: str) -> None:
    """Noise times the root of the weight has unit variance, whatever the temperatures."""
    about = observation(3, interference=0.0)
    loud = simulate(about, PHASE, 0, state)  # type: ignore[arg-type]
    quiet = simulate(replace(about, noise=1e-6), PHASE, 0, state)  # type: ignore[arg-type]
    noise = (loud.vis.data - quiet.vis.data) * np.sqrt(loud.vis.weight)
    assert noise.real.std(axis=(0, 2)) == pytest.approx(1.0, abs=0.12)
    assert noise.real.std() == pytest.approx(1.0, rel=0.02)


def test_the_same_observation_gives_the_same_bytes() -> None:
    """In any order, and in another process; another seed gives others."""
    about = observation(1, antennas=5, channels=8, scans=(1,))
    first = {field: digest(simulate(about, field, 0)) for field in FIELDS}
    again = {field: digest(simulate(about, field, 0)) for field in reversed(FIELDS)}
    assert first == again
    assert len(set(first.values())) == 3
    assert digest(simulate(replace(about, seed=2), TARGET, 0)) != first[TARGET]
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from sim_data_support import *\n"
        "from radps_dag.workloads.sim.simulation.observe import simulate\n"
        "about = observation(1, antennas=5, channels=8, scans=(1,))\n"
        "print(digest(simulate(about, TARGET, 0)))\n"
    )
    other = subprocess.run(
        [sys.executable, "-c", script, str(SUPPORT)], capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == first[TARGET]


def test_one_switch_changes_what_it_says_alone() -> None:
    """Draws do not depend on other members: another noise has the same gains and interference."""
    one = simulate(observation(1), TARGET, 0)
    two = simulate(observation(1, noise=2.0, dead_receptors=("A01:XX",)), TARGET, 0)
    alive = np.abs(two.gain) > 0
    assert (one.gain[alive] == two.gain[alive]).all()
    assert (one.interference == two.interference).all()
    assert (one.path == two.path).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": 1},
        {"spws": (0,)},
        {"polarizations": ("YY",)},
        {"antennas": 2},
        {"antennas": 1},
        {"scans": (4,)},
        {"calibrators": ()},
        {"calibrators": (BANDPASS,)},
        {"noise": 0.0},
    ],
    ids=str,
)
def test_small_and_odd_observations(changes: dict[str, object]) -> None:
    """One of each, or none of what can be missing, gives finite data of the right shape."""
    about: Observation = observation(1, **changes)
    for state in ("imported", "corrected"):
        vis = simulate(about, TARGET, about.spws[0], state).vis  # type: ignore[arg-type]
        baselines = about.antennas * (about.antennas - 1) // 2
        shape = (vis.time.size, baselines, about.channels, len(about.polarizations))
        assert vis.data.shape == vis.flag.shape == vis.weight.shape == shape
        assert np.isfinite(vis.data).all()
        assert np.isfinite(vis.weight).all()


def test_what_is_not_observed_is_said() -> None:
    """A field, spw or receptor that is not there is named, with those that are."""
    with pytest.raises(ValueError, match=r"no field 'M87' in the observation; there are J1924"):
        simulate(observation(), "M87", 0)
    with pytest.raises(ValueError, match=r"no spw 7 in the observation; there are \[0, 1\]"):
        simulate(observation(), TARGET, 7)
    with pytest.raises(ValueError, match=r"no receptor 'A99:XX'; they are called A00:XX to A07:YY"):
        simulate(observation(dead_receptors=("A99:XX",)), TARGET, 0)
