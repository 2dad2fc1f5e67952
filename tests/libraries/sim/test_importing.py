"""Importing: what the telescope knows itself brings the data as near to the truth as it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from sim_data_support import BANDPASS, FIELDS, PHASE, TARGET, Calls, observation

from radps_dag.storage.remote import path_of
from radps_dag.workloads.contract.knowledge import Declared, Snapshot
from radps_dag.workloads.contract.workload import Context, Product
from radps_dag.workloads.sim.apriori.positions import correct_positions, service_offsets
from radps_dag.workloads.sim.apriori.radiometers import phase_rms_ratio, radiometer_solutions
from radps_dag.workloads.sim.caltables import apply_calibration
from radps_dag.workloads.sim.flagging import autoflag
from radps_dag.workloads.sim.flags.outliers import flag_outliers
from radps_dag.workloads.sim.importing import (
    apply_antenna_positions,
    apply_online_flags,
    calibrate_tsys,
    calibrate_wvr,
    gather_visibilities,
    import_visibilities,
    query_antenna_positions,
)
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.observing import (
    describe_observation,
    describe_visibilities,
    simulate_observation,
)
from radps_dag.workloads.sim.simulation.corruption import position_errors, position_phase
from radps_dag.workloads.sim.simulation.observe import simulate, thermal_noise
from radps_dag.workloads.sim.stores.caltables import read_caltable
from radps_dag.workloads.sim.stores.observations import read_observation
from radps_dag.workloads.sim.stores.sources import read_visibilities
from radps_dag.workloads.sim.visibilities import Visibilities

SEEDS = (1, 2, 3)
EACH = tuple(zip(FIELDS, SEEDS, strict=True))  # a seed of its own for each field


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    """Calls in directories of their own."""
    return Calls(tmp_path)


def only(ms: Product) -> Visibilities:
    """The one measurement set of a product."""
    (vis,) = read_visibilities(ms)
    return vis


def spoil(ms: Product, array: str, change: Callable[[Any], None]) -> None:
    """Change an array of a store on the disk."""
    found = zarr.open_array(path_of(ms["uri"]) / array, mode="r+", zarr_format=2)
    values = found[...]
    change(values)
    found[...] = values


@pytest.mark.parametrize(("field", "seed"), EACH)
def test_imported_data_are_the_simulated_ones(calls: Calls, field: str, seed: int) -> None:
    """What was simulated is what is read, to the bit; nothing is flagged yet."""
    about = observation(seed)
    made = calls(import_visibilities, observation=calls.record(about), field=field, spw=1)
    vis, truth = only(made["ms"]), simulate(about, field, 1).vis
    for name in ("time", "scan", "uvw", "data", "weight", "antenna1", "antenna2", "frequency"):
        assert np.array_equal(getattr(vis, name), getattr(truth, name)), name
    assert vis.antennas.names == truth.antennas.names
    assert np.array_equal(vis.antennas.positions, truth.antennas.positions)
    assert not vis.flag.any()
    assert made["intents"] == list(truth.intents)
    assert made["size"] >= vis.data.nbytes
    assert made["ms"]["group"] == "imported"
    assert made["ms"]["selection"] == {"field": field, "spw": 1}


@pytest.mark.parametrize(("field", "seed"), EACH)
def test_online_flags_cover_what_is_bad(calls: Calls, field: str, seed: int) -> None:
    """All that an antenna without a view took part in is flagged, and nothing else."""
    about = observation(seed)
    flagged = calls(apply_online_flags, ms=calls.imported(about, field))
    expected = simulate(about, field, 0).off_source
    vis = only(flagged["ms"])
    assert (vis.flag == expected[:, :, np.newaxis, np.newaxis]).all()
    assert flagged["flagged_fraction"] == pytest.approx(expected.mean())
    assert 0.0 < flagged["flagged_fraction"] < 0.1
    assert flagged["score"] > 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_positions_are_known_to_the_services_error(calls: Calls, seed: int) -> None:
    """The service is wrong by a twentieth of the errors, not more; the largest is in m."""
    about = observation(seed, antennas=30)
    found = calls(query_antenna_positions, observation=calls.record(about))
    offsets = read_caltable(found["caltable"]).parameters["offsets"]
    service = np.array([offsets[f"A{number:02d}"] for number in range(30)])
    truth = position_errors(about)
    assert truth.std() == pytest.approx(3e-4, rel=0.3)
    assert 0.02 * 3e-4 < (service - truth).std() < 0.08 * 3e-4
    assert found["largest"] == pytest.approx(np.abs(service).max())


@pytest.mark.parametrize(("field", "seed"), EACH)
def test_positions_take_the_phases_out(calls: Calls, field: str, seed: int) -> None:
    """Corrected data are those of an array without errors, but for what the service is wrong by."""
    about = observation(seed, position_error=2e-3, noise=1e-3, interference=0.0, channels=4)
    right = simulate(replace(about, position_error=0.0), field, 0).vis.data
    vis = only(calls.prepared(about, field))
    wrong = position_errors(about) - service_offsets(about)
    left = position_phase(wrong, vis.direction, vis.time, vis.frequency)
    turn = np.exp(1j * (left[:, vis.antenna1] - left[:, vis.antenna2]))[..., np.newaxis]
    assert np.abs(vis.data - right * turn).max() < 0.01
    assert np.abs(only(calls.flagged(about, field)).data - right).max() > 0.1


def test_no_offsets_change_nothing() -> None:
    """Antennas without an offset keep their phases."""
    vis = simulate(observation(1), PHASE, 0).vis
    assert np.array_equal(correct_positions(vis, {}).data, vis.data)


@pytest.mark.parametrize(("field", "seed"), EACH)
def test_system_temperatures_bring_the_scale(calls: Calls, field: str, seed: int) -> None:
    """Applied, they bring amplitudes to Jy within 1 %, and the weights to those of the noise."""
    about = observation(
        seed, interference=0.0, bandpass_rms=0.0, amplitude_rms=0.0, noise=0.05, channels=32
    )
    ms = calls.flagged(about, field)
    made = calls(calibrate_tsys, ms=ms)
    applied = calls(apply_calibration, ms=ms, caltables=[made["caltable"]], group="prepared")["ms"]
    vis, truth = only(applied), simulate(about, field, 0)
    middle = (slice(None), slice(None), slice(8, 24))
    good = ~vis.flag[middle]
    sky = np.abs(truth.sky[middle])[..., np.newaxis] * np.ones(2)
    ratio = np.abs(vis.data[middle])[good].sum() / sky[good].sum()
    raw = np.abs(only(ms).data[middle])[good].sum() / sky[good].sum()
    assert ratio == pytest.approx(1.0, abs=0.01)
    assert abs(ratio - 1) < abs(raw - 1)
    assert made["median"] == pytest.approx(np.median(truth.tsys), rel=1e-6)
    later = simulate(about, field, 0, "prepared").vis.weight
    assert np.allclose(vis.weight[good.any(axis=(2, 3))], later[good.any(axis=(2, 3))], rtol=0.1)


def ratio_of(about: Observation, field: str) -> float:
    """What calibrate_wvr finds, without the stores."""
    truth = simulate(about, field, 0)
    flag = truth.vis.flag | truth.off_source[:, :, np.newaxis, np.newaxis]
    clean = flag_outliers(replace(truth.vis, flag=flag), 5.0)
    return phase_rms_ratio(clean, radiometer_solutions(clean, truth.path))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("noise", [1.0, 3.0])
@pytest.mark.parametrize("field", FIELDS)
def test_radiometers_are_judged_rightly(field: str, noise: float, seed: int) -> None:
    """The ratio is the inverse of what they miss: far above 1 for good ones, under a half for
    those that make it three times worse, also of faint sources in short scans."""
    assert 3.0 < ratio_of(observation(seed, noise=noise), field) < 9.0
    assert 0.75 < ratio_of(observation(seed, noise=noise, wvr_error=1.0), field) < 1.3
    assert 0.2 < ratio_of(observation(seed, noise=noise, wvr_error=3.0), field) < 0.48


def test_bad_radiometers_score_low(calls: Calls) -> None:
    """The score is the ratio, at most 1."""
    about = observation(1)
    good = calls(calibrate_wvr, ms=calls.flagged(about))
    assert good["phase_rms_ratio"] == pytest.approx(ratio_of(about, TARGET))
    assert good["score"] == 1.0
    bad = calls(calibrate_wvr, ms=calls.flagged(replace(about, wvr_error=3.0)))
    assert bad["score"] == bad["phase_rms_ratio"] < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_radiometers_applied_leave_what_they_miss(calls: Calls, seed: int) -> None:
    """The phases that their caltable leaves are a fifth of those that were there."""
    about = observation(seed)
    ms = calls.flagged(about, BANDPASS)
    table = read_caltable(calls(calibrate_wvr, ms=ms)["caltable"]).parts[0]
    truth = simulate(about, BANDPASS, 0)
    before = truth.gain[:, :, 8, 0]
    after = before / table.gain[:, :, 0, 0]

    def steps(gain: Any) -> float:
        near = truth.vis.time[5:] - truth.vis.time[:-5] < 11
        return float(np.angle(gain[5:] * gain[:-5].conj())[near].std())

    assert steps(before) > 3 * steps(after)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_whole_import_comes_near_the_truth(calls: Calls, seed: int) -> None:
    """Positions, temperatures and radiometers leave what later solvers find: slow gains, a
    bandpass, and a fifth of the troposphere."""
    about = observation(seed, interference=0.0)
    ms = calls.prepared(about, BANDPASS)
    tables = [calls(calibrate_tsys, ms=ms)["caltable"], calls(calibrate_wvr, ms=ms)["caltable"]]
    vis = only(calls(apply_calibration, ms=ms, caltables=tables, group="prepared")["ms"])
    truth = simulate(about, BANDPASS, 0, "prepared")
    gain = truth.gain[:, vis.antenna1] * truth.gain[:, vis.antenna2].conj()
    expected = gain * truth.sky[..., np.newaxis]
    left = np.where(vis.flag, 0, vis.data / expected - 1)
    rms = np.sqrt((np.abs(left) ** 2).sum() / (~vis.flag).sum())
    noise = thermal_noise(about) / np.abs(expected).mean()
    air = np.radians(40.0 * 0.2)
    assert rms < 1.5 * np.sqrt(2 * noise**2 + 2 * air**2)
    raw = only(ms).data / expected - 1
    assert rms < 0.3 * np.sqrt((np.abs(raw) ** 2).mean())


def gathered(calls: Calls, about: Observation, fields: tuple[str, ...], **more: Any) -> Any:
    """Of fields in both spws."""
    parts = [calls.flagged(about, field, spw) for field in fields for spw in (1, 0)]
    return calls(gather_visibilities, parts=parts, group="prepared", **more)


def test_gathering_puts_fields_and_spws_together(calls: Calls) -> None:
    """All parts are there, in the observation's order; scores are of all of them."""
    about = observation(1, channels=4)
    whole = gathered(calls, about, (PHASE, BANDPASS))
    assert whole["fields"] == [BANDPASS, PHASE]
    assert whole["spws"] == [0, 1]
    assert whole["intents_score"] == 1.0
    assert whole["ms"]["group"] == "prepared"
    parts = read_visibilities(whole["ms"])
    assert {(vis.field, vis.spw) for vis in parts} == {
        (field, spw) for field in (BANDPASS, PHASE) for spw in (0, 1)
    }
    assert whole["flagged_fraction"] == pytest.approx(np.mean([vis.flag.mean() for vis in parts]))
    assert gathered(calls, about, (PHASE,))["intents_score"] == pytest.approx(1 / 3)
    assert gathered(calls, about, (TARGET,))["intents_score"] == 1.0


def test_gathered_datasets_are_in_the_context(calls: Calls) -> None:
    """Where the pipeline declares it, a dataset is described with its true frequencies."""
    about = observation(1, channels=4)
    parts = [calls.flagged(about, TARGET, spw) for spw in (0, 1)]
    context = Context(Snapshot(declared={"datasets": Declared({}, collection=True)}))
    gather_visibilities(parts, "prepared", workdir=calls.directory(), context=context)
    ((key, described),) = [(one.key, one.value) for one in context.added]
    assert key == "datasets"
    assert [spw["low_ghz"] for spw in described["spws"]] == pytest.approx([230.0, 232.0])
    assert [spw["high_ghz"] for spw in described["spws"]] == pytest.approx([231.875, 233.875])
    assert [field["name"] for field in described["fields"]] == [TARGET]


def test_polarizations_flagged_apart_come_together(calls: Calls) -> None:
    """Flags of one polarization are in their column, and other arrays are as they were."""
    ms = gathered(calls, observation(1), (PHASE,))["ms"]
    pieces = [
        calls(autoflag, ms=ms, spw=spw, polarization=polarization)["ms"]
        for spw in (0, 1)
        for polarization in ("XX", "YY")
    ]
    whole = calls(gather_visibilities, parts=pieces, group="flagged")["ms"]
    for before, after in zip(read_visibilities(ms), read_visibilities(whole), strict=True):
        assert after.polarizations == ("XX", "YY")
        assert np.array_equal(before.data, after.data)
        assert (after.flag >= before.flag).all()
        assert (after.flag & ~before.flag).any(axis=(0, 1, 2)).all()
    (one,) = read_visibilities(pieces[1])
    assert one.polarizations == ("YY",)
    second = next(vis for vis in read_visibilities(whole) if vis.spw == 0)
    assert np.array_equal(second.flag[..., 1], one.flag[..., 0])


@pytest.mark.parametrize(
    ("group", "intent"),
    [
        ("imported", "calibrators"),
        ("prepared", "calibrators"),
        ("flagged", "calibrators"),
        ("corrected", "target"),
        ("sc1", "target"),
    ],
)
def test_visibilities_are_made_up_for_a_stage(calls: Calls, group: str, intent: str) -> None:
    """Without any, those of the stage's fields are simulated, as far as their group says."""
    opened = calls(describe_visibilities, intent=intent, group=group, channels_per_block=10)
    assert opened["fields"] == ([BANDPASS, PHASE] if intent == "calibrators" else [TARGET])
    assert opened["spws"] == [0, 1]
    assert opened["scans"] == [1, 2, 3]
    assert opened["polarizations"] == ["XX", "YY"]
    assert opened["channel_blocks"] == [
        {"spw": spw, "first": first, "last": last}
        for spw in (0, 1)
        for first, last in ((0, 9), (10, 19), (20, 29), (30, 31))
    ]
    assert opened["ms"]["group"] == group
    assert (opened["flagged_fraction"] > 0) == (group in ("prepared", "flagged"))
    again = calls(describe_visibilities, ms=opened["ms"])
    assert again["ms"] == opened["ms"]
    assert again["fields"] == opened["fields"]


def test_an_observation_is_described(calls: Calls) -> None:
    """Its record says what it holds, and gives back what was asked for; none is a default."""
    about = calls(simulate_observation, scans=[2, 5], antennas=4, seed=9, dead_receptors=["A01:XX"])
    again = calls(describe_observation, observation=about["observation"])
    assert {**again} == {**about}
    record = read_observation(about["observation"])
    assert (record.scans, record.antennas, record.seed) == ((2, 5), 4, 9)
    assert calls(describe_observation)["spws"] == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"spws": []}, r"spws must be one or more, each once; they are \[\]"),
        ({"scans": [1, 1]}, r"scans must be one or more, each once"),
        ({"calibrators": [], "targets": []}, r"fields must be one or more"),
        ({"targets": ["A/B"]}, r"'A/B' is not a name of a field"),
        ({"targets": [".."]}, r"'..' is not a name of a field"),
        ({"polarizations": ["XY"]}, r"no polarization 'XY'"),
        ({"channels": 0}, r"0 channels and 12 antennas"),
        ({"noise": -1.0}, r"noise must be a number from 0 to 1,000,000, not -1.0"),
        ({"phase_rms": 1e308}, r"phase_rms must be a number from 0 to 1,000,000, not 1e\+308"),
        ({"position_error": float("nan")}, r"position_error must be a number .* not nan"),
        ({"antennas": 1_000_000}, r"1000000 antennas, .* visibilities of a field and spw, more"),
        ({"channels": 10**9}, r"12 antennas, 1000000000 channels and 3 scans .* fewer of them"),
        ({"seed": -3}, r"seed must be a number from 0, not -3"),
        ({"interference": 0.9}, r"interference must be 0 to 0.5, not 0.9"),
        ({"dead_receptors": ["A77"]}, r"no receptor 'A77'"),
    ],
)
def test_what_cannot_be_observed_is_refused(
    calls: Calls, arguments: dict[str, Any], message: str
) -> None:
    """In one line that says what is wrong."""
    with pytest.raises(ValueError, match=message) as caught:
        calls(simulate_observation, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": 1},
        {"polarizations": ("YY",)},
        {"antennas": 2},
        {"antennas": 1},
        {"scans": (4,)},
        {"calibrators": ()},
        {"noise": 0.0},
    ],
    ids=str,
)
def test_small_and_odd_observations_are_imported(calls: Calls, changes: dict[str, Any]) -> None:
    """All tasks of the import work on them: no number is none, no warning is given."""
    about = observation(1, **changes)
    with np.errstate(all="raise", under="ignore"):
        ms = calls.prepared(about)
        wvr, tsys = calls(calibrate_wvr, ms=ms), calls(calibrate_tsys, ms=ms)
        flagged = calls(autoflag, ms=ms, spw=0)
        whole = calls(gather_visibilities, parts=[flagged["ms"]], group="flagged")
    assert np.isfinite([wvr["phase_rms_ratio"], tsys["median"], whole["flagged_fraction"]]).all()
    assert only(whole["ms"]).data.shape == only(ms).data.shape


def test_data_that_are_no_numbers_are_flagged(calls: Calls) -> None:
    """NaN in the archive's data become flags, and spoil no ratio."""
    ms = calls.imported(observation(1))

    def change(data: Any) -> None:
        data[20:25, 3] = np.nan

    spoil(ms, f"{TARGET}_spw0/VISIBILITY", change)
    flagged = calls(apply_online_flags, ms=ms)["ms"]
    assert only(flagged).flag[20:25, 3].all()
    assert calls(calibrate_wvr, ms=ms)["phase_rms_ratio"] > 2.0
    assert only(calls(autoflag, ms=ms, spw=0)["ms"]).flag[20:25, 3].all()


def test_all_flagged_is_no_accident(calls: Calls) -> None:
    """Data that are flagged altogether give a ratio of 1 and a score of 0, not an error."""
    ms = calls.imported(observation(1))

    def change(flag: Any) -> None:
        flag[:] = True

    spoil(ms, f"{TARGET}_spw0/FLAG", change)
    assert calls(calibrate_wvr, ms=ms)["phase_rms_ratio"] == 1.0
    found = calls(autoflag, ms=ms, spw=0)
    assert (found["flagged_fraction"], found["score"]) == (1.0, 0.0)


def test_temperatures_that_are_none_are_flagged(calls: Calls) -> None:
    """A temperature that is NaN or below zero is not a solution; without any there is an error."""
    ms = calls.imported(observation(1))
    array = f"{TARGET}_spw0/system_calibration_xds/TSYS"

    def change(tsys: Any) -> None:
        tsys[2, 0] = np.nan
        tsys[3, 0] = -5.0

    spoil(ms, array, change)
    made = calls(calibrate_tsys, ms=ms)
    flag = read_caltable(made["caltable"]).parts[0].flag
    assert flag[0, 2:4].all()
    assert not flag[1:].any()
    assert np.isfinite(made["median"])

    def erase(tsys: Any) -> None:
        tsys[:] = np.nan

    spoil(ms, array, erase)
    with pytest.raises(ValueError, match="no system temperatures above zero in file:"):
        calls(calibrate_tsys, ms=ms)


def test_what_is_not_there_is_said(calls: Calls) -> None:
    """Fields, spws, parts and tables that are not there are named."""
    about = observation(1, channels=4)
    record = calls.record(about)
    with pytest.raises(ValueError, match=r"no field 'M87' in the observation"):
        calls(import_visibilities, observation=record, field="M87", spw=0)
    with pytest.raises(ValueError, match=r"no spw 5 in the observation; there are \[0, 1\]"):
        calls(import_visibilities, observation=record, field=TARGET, spw=5)
    ms = calls.imported(about)
    with pytest.raises(ValueError, match=r"no spw 1 in file:"):
        calls(autoflag, ms=ms, spw=1)
    with pytest.raises(ValueError, match=r"no polarization ZZ in G09.62_spw0"):
        calls(autoflag, ms=ms, spw=0, polarization="ZZ")
    with pytest.raises(ValueError, match=r"threshold must be above 0"):
        calls(autoflag, ms=ms, spw=0, threshold=0.0)
    with pytest.raises(ValueError, match=r"no visibilities to gather"):
        calls(gather_visibilities, parts=[], group="prepared")
    tsys = calls(calibrate_tsys, ms=ms)["caltable"]
    with pytest.raises(ValueError, match=r"expected a .* of type antenna_positions, found tsys"):
        calls(apply_antenna_positions, ms=ms, positions=tsys)
    with pytest.raises(ValueError, match=r"channels_per_block must be at least 1"):
        calls(describe_visibilities, ms=ms, channels_per_block=0)
