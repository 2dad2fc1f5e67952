"""Flagging of outliers: interference is found, and hardly anything else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sim_data_support import BANDPASS, FIELDS, PHASE, TARGET, observation

from radps_dag.workloads.sim.flags.outliers import flag_outliers, median_of
from radps_dag.workloads.sim.simulation.observe import Simulated, simulate
from radps_dag.workloads.sim.simulation.sky import line_of
from radps_dag.workloads.sim.visibilities import Visibilities

SEEDS = (1, 2, 3, 4)


def observed(seed: int, field: str, **changes: Any) -> tuple[Simulated, Visibilities]:
    """Raw data with the online flags."""
    truth = simulate(observation(seed, **changes), field, 0)
    flag = np.broadcast_to(truth.off_source[:, :, np.newaxis, np.newaxis], truth.vis.flag.shape)
    return truth, replace(truth.vis, flag=flag.copy())


def recall_and_alarms(seed: int, field: str, **changes: Any) -> tuple[float, float]:
    """Shares of the interference that is found, and of the rest that is flagged."""
    truth, vis = observed(seed, field, **changes)
    found = flag_outliers(vis, 5.0).flag & ~vis.flag
    hit, clear = truth.interference & ~vis.flag, ~truth.interference & ~vis.flag
    assert hit.any()
    return (found & hit).sum() / hit.sum(), (found & clear).sum() / clear.sum()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("noise", [0.1, 1.0, 3.0])
def test_interference_is_found(field: str, noise: float, seed: int) -> None:
    """At least 97 % of it, at less than 1 % of false alarms, on strong and on faint sources."""
    lookup, alarms = recall_and_alarms(seed, field, noise=noise)
    assert lookup >= 0.97
    assert alarms < 0.01


@pytest.mark.parametrize(
    "changes",
    [
        {"interference": 0.05},
        {"polarizations": ("YY",)},
        {"antennas": 3},
        {"dead_receptors": ("A02:XX",)},
        {"channels": 64, "antennas": 5},
        {"bandpass_rms": 0.3, "phase_rms": 80.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("field", FIELDS)
def test_interference_is_found_elsewhere(field: str, changes: dict[str, Any]) -> None:
    """So it is with more of it, one polarization, few antennas, a rough bandpass, a bad sky."""
    lookup, alarms = recall_and_alarms(1, field, **changes)
    assert lookup >= 0.97
    assert alarms < 0.01


def test_passes_find_what_the_first_one_hides() -> None:
    """Where a fifth is hit, what it adds to the scatter is gone after the first pass."""
    lookup, alarms = recall_and_alarms(1, TARGET, interference=0.2)
    assert lookup > 0.998
    assert alarms < 0.01


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("changes", [{}, {"noise": 0.1}, {"noise": 0.3, "channels": 32}], ids=str)
def test_a_line_is_not_flagged(seed: int, changes: dict[str, Any]) -> None:
    """The channels of the target's line are flagged no more than others: it is really there, and
    where it is many times the noise too."""
    _, vis = observed(seed, TARGET, interference=0.0, **changes)
    about = observation(seed, interference=0.0, **changes)
    line = line_of(about, TARGET, 0)
    assert line is not None
    inside = line.profile(np.asarray(vis.frequency)) > 0.1
    assert inside.sum() >= 3
    found = flag_outliers(vis, 5.0).flag & ~vis.flag
    assert found[:, :, inside].mean() < 0.001
    assert found.mean() < 0.001


@pytest.mark.parametrize("field", [BANDPASS, PHASE])
def test_dead_receptors_are_left_to_the_solver(field: str) -> None:
    """Noise alone has no outliers: a dead receptor is not flagged here."""
    _, vis = observed(2, field, interference=0.0, dead_receptors=("A03:YY",))
    of = (vis.antenna1 == 3) | (vis.antenna2 == 3)
    found = flag_outliers(vis, 5.0).flag & ~vis.flag
    assert found[:, of, :, 1].mean() < 0.001


def test_a_lower_threshold_flags_more() -> None:
    """At three deviations some thousandths of the noise are flagged, at eight none."""
    _, vis = observed(1, PHASE, interference=0.0)
    shares = [
        (flag_outliers(vis, threshold).flag & ~vis.flag).mean() for threshold in (3.0, 5.0, 8.0)
    ]
    assert 0.003 < shares[0] < 0.03
    assert shares[0] > shares[1] >= shares[2] == 0.0


def test_flags_are_kept_and_data_untouched() -> None:
    """What was flagged stays so, also where everything is; data and weights are as they were."""
    _, vis = observed(1, PHASE)
    after = flag_outliers(vis, 5.0)
    assert (after.flag >= vis.flag).all()
    assert after.data is vis.data
    assert after.weight is vis.weight
    none = replace(vis, flag=np.ones_like(vis.flag))
    assert flag_outliers(none, 5.0).flag.all()


def test_what_is_no_number_is_flagged() -> None:
    """NaN and infinity are flagged, and spoil nothing around them."""
    _, vis = observed(1, PHASE)
    data = vis.data.copy()
    data[10, 2] = np.nan
    data[11, 3, 4] = np.inf
    after = flag_outliers(replace(vis, data=data), 5.0).flag
    assert after[10, 2].all()
    assert after[11, 3, 4].all()
    elsewhere = np.ones(after.shape, dtype=bool)
    elsewhere[10, 2] = elsewhere[11, 3] = False
    assert (after != flag_outliers(vis, 5.0).flag)[elsewhere].mean() < 1e-3


@pytest.mark.parametrize("changes", [{"antennas": 1}, {"channels": 1}, {"scans": (1,)}], ids=str)
def test_little_data_are_no_error(changes: dict[str, Any]) -> None:
    """No baselines, one channel, one scan; no times: flags of the right shape."""
    _, vis = observed(1, PHASE, **changes)
    with np.errstate(all="raise", under="ignore"):
        assert flag_outliers(vis, 5.0).flag.shape == vis.flag.shape
        nothing = vis.of_times(np.zeros(vis.time.size, dtype=bool))
        assert flag_outliers(nothing, 5.0).flag.shape == nothing.flag.shape


@given(
    arrays(np.float32, (7, 3), elements=st.floats(-100, 100, width=32)),
    arrays(np.bool_, (7, 3)),
    st.integers(0, 1),
)
def test_medians_are_those_of_the_good(values: Any, good: Any, axis: int) -> None:
    """As numpy's median of what is good, and 0 where nothing is."""
    found = median_of(values, good, axis)
    lines = zip(np.moveaxis(values, axis, 1), np.moveaxis(good, axis, 1), strict=True)
    for number, (line, kept) in enumerate(lines):
        expected = np.median(line[kept].astype(np.float64)) if kept.any() else 0.0
        assert np.moveaxis(found, axis, 1)[number, 0] == pytest.approx(expected, abs=1e-4)
