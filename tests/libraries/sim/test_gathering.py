"""Parts that do not belong together are not gathered: one would hide the other in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sim_data_support import TARGET, Calls, observation

from radps_dag.workloads.sim.flagging import autoflag
from radps_dag.workloads.sim.importing import gather_visibilities
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable

SMALL: dict[str, Any] = {"channels": 4, "antennas": 3, "scans": (1,)}


def test_parts_of_two_observations_are_refused(tmp_path: Path) -> None:
    """Spectral windows of different observations make no processing set."""
    calls = Calls(tmp_path)
    parts = [
        calls.imported(observation(1, **SMALL), spw=0),
        calls.imported(observation(2, **SMALL), spw=1),
    ]
    with pytest.raises(StoreUnusable, match="are not of the observation of"):
        calls(gather_visibilities, parts=parts, group="prepared")


def test_parts_of_two_processing_sets_are_refused(tmp_path: Path) -> None:
    """Polarizations of one field and spw must have been taken from the same visibilities."""
    calls = Calls(tmp_path)
    small = observation(**SMALL)
    first, second = calls.flagged(small, TARGET, 0), calls.prepared(small, TARGET, 0)
    wholes = [
        calls(gather_visibilities, parts=[ms], group="prepared")["ms"] for ms in (first, second)
    ]
    parts = [
        calls(autoflag, ms=ms, spw=0, polarization=polarization)["ms"]
        for ms, polarization in zip(wholes, ("XX", "YY"), strict=True)
    ]
    with pytest.raises(StoreUnusable, match="are of several processing sets"):
        calls(gather_visibilities, parts=parts, group="flagged")


def test_a_polarization_that_comes_twice_is_refused(tmp_path: Path) -> None:
    """Which of two flaggings of one polarization counts must not depend on their order."""
    calls = Calls(tmp_path)
    whole = calls(
        gather_visibilities, parts=[calls.flagged(observation(**SMALL))], group="prepared"
    )
    parts = [
        calls(autoflag, ms=whole["ms"], spw=0, polarization="XX", threshold=threshold)["ms"]
        for threshold in (4.0, 6.0)
    ]
    with pytest.raises(StoreUnusable, match="several parts have polarization XX"):
        calls(gather_visibilities, parts=parts, group="flagged")
