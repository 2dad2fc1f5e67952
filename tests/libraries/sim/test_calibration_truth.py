"""Calibrating simulated observations gives what the simulation put in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calibration_support import some_observation

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.workload import invoke
from radps_dag.workloads.sim import caltables, gains
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.corruption import bandpass
from radps_dag.workloads.sim.simulation.observe import Simulated, simulate
from radps_dag.workloads.sim.simulation.sky import calibrator_model
from radps_dag.workloads.sim.solutions import Solutions
from radps_dag.workloads.sim.stores.caltables import read_caltable
from radps_dag.workloads.sim.stores.processing_sets import write_visibilities
from radps_dag.workloads.sim.stores.sources import read_visibilities

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Calls a workload as the engine does, each call in a directory of its own."""
    number = iter(range(1000))

    def call(function: Any, **arguments: Any) -> dict[str, Any]:
        return invoke(function.workload, arguments, tmp_path / f"call{next(number)}", 1)

    return call


def observed(workdir: Path, about: Observation) -> tuple[Product, dict[str, Simulated]]:
    """All fields and spws without interference, and the truth behind them."""
    simulated = [
        simulate(about, field, spw, "flagged")
        for field in (*about.calibrators, *about.targets)
        for spw in about.spws
    ]
    workdir.mkdir()
    ms = write_visibilities(workdir, about, [one.vis for one in simulated], "imported")
    return ms, {one.vis.name: one for one in simulated}


def calibrated(call: Call, ms: Product, about: Observation) -> tuple[Product, dict[str, Any]]:
    """The bandpass, and the flux scale, as the stages make them."""
    band = call(caltables.describe_caltable, ms=ms)["caltable"]
    chosen = call(gains.choose_solution_interval, ms=ms, bandpass=band)
    tables = []
    for spws in chosen["spw_groups"]:
        for scan in about.scans:
            solved = None
            for _ in range(3):
                solved = call(
                    gains.solve_gains,
                    ms=ms,
                    bandpass=band,
                    spws=spws,
                    scan=scan,
                    interval=chosen["interval"],
                    start=solved and solved["caltable"],
                )
            assert solved is not None
            assert solved["change"] < 0.005
            tables.append(solved["caltable"])
    combined = call(caltables.combine_caltables, caltables=tables)["caltable"]
    return band, call(gains.derive_flux_scale, ms=ms, gains=combined)


def bandpass_error(part: Solutions, about: Observation) -> float:
    """Rms of a bandpass over the true one, of amplitude 1 and phase 0 in the mean."""
    true = bandpass(about, part.spws[0])
    reference = int(np.abs(np.angle(part.gain)).max(axis=(0, 2, 3)).argmin())
    true = true * np.exp(-1j * np.angle(true[reference]))
    ratio = part.gain[0] / (true / np.abs(true).mean(axis=1, keepdims=True))
    ratio = ratio * np.exp(-1j * np.angle(ratio.mean(axis=1, keepdims=True)))
    return float(np.sqrt(np.mean(np.abs(ratio - 1) ** 2)))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_truth_comes_out(call: Call, tmp_path: Path, seed: int) -> None:
    """Bandpass to 0.6 %, flux densities as their errors say, residuals as the weights, the target.

    The gains of ten antennas drift by 5 %, which leaves up to a percent of a flux density.
    """
    about = replace(some_observation(10, seed), scans=(1, 2, 3))
    ms, truth = observed(tmp_path / "ms", about)
    band, scaled = calibrated(call, ms, about)
    for part in read_caltable(band).parts:
        assert bandpass_error(part, about) < 0.006
    for field in about.calibrators:
        model = calibrator_model(about, field)
        true = np.mean([model.at(truth[f"{field}_spw{spw}"].vis.frequency) for spw in about.spws])
        error = scaled["flux_densities"][field] / true - 1
        assert abs(error) < min(0.02, 3 / scaled["snr"])
    assert scaled["snr"] > 50
    assert scaled["spread"] < 0.02
    applied = call(caltables.apply_calibration, ms=ms, caltables=[band, scaled["caltable"]])
    for vis in read_visibilities(applied["ms"]):
        sky = truth[vis.name].sky[..., np.newaxis]
        weight = np.where(vis.flag, 0.0, vis.weight)
        factor = (weight * vis.data * np.conj(sky)).sum() / (weight * np.abs(sky) ** 2).sum()
        if vis.field in about.targets:
            # What the atmosphere did between the visits of the phase calibrator is left.
            assert 0.93 < factor.real < 1.01
            assert abs(factor.imag) < 0.08
        else:
            assert abs(factor - 1) < 0.02
            left = np.where(vis.flag, 0.0, np.abs(vis.data - factor * sky) ** 2 * vis.weight)
            assert left.sum() / (2 * (~vis.flag).sum()) == pytest.approx(1.0, abs=0.05)
