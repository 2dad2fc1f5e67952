"""Processing sets are MSv4, as xradio's own checker sees it. Skipped where there is no xradio."""

from __future__ import annotations

from pathlib import Path

import pytest
from sim_data_support import BANDPASS, TARGET, Calls, observation

from radps_dag.storage.remote import path_of
from radps_dag.workloads.contract.workload import Product
from radps_dag.workloads.sim.flagging import autoflag
from radps_dag.workloads.sim.importing import gather_visibilities

xradio = pytest.importorskip("xradio.measurement_set")
check = pytest.importorskip("xradio.schema.check")

# Extensions, of which xradio knows no schema; and metadata that is not consolidated for it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Skipping schema check"),
    pytest.mark.filterwarnings("ignore:Failed to open Zarr store with consolidated"),
]


def _gathered(calls: Calls) -> Product:
    """Two fields and spws, then flagged by polarizations and gathered again."""
    small = observation(channels=8, antennas=4, scans=(1, 2))
    parts = [calls.flagged(small, field, spw) for field in (BANDPASS, TARGET) for spw in (0, 1)]
    whole = calls(gather_visibilities, parts=parts, group="prepared")["ms"]
    pieces = [
        calls(autoflag, ms=whole, spw=spw, polarization=polarization)["ms"]
        for spw in (0, 1)
        for polarization in ("XX", "YY")
    ]
    ms: Product = calls(gather_visibilities, parts=pieces, group="flagged")["ms"]
    return ms


def test_an_imported_processing_set_conforms(tmp_path: Path) -> None:
    """xradio's schema checker finds no issue in visibilities as they are imported."""
    ms = Calls(tmp_path).imported(observation(channels=8, antennas=4, scans=(1,)))
    issues = check.check_datatree(xradio.open_processing_set(str(path_of(ms["uri"]))))
    assert list(issues) == []


def test_a_gathered_processing_set_conforms(tmp_path: Path) -> None:
    """It finds none in one that was gathered, with several data groups, and xradio sums it up."""
    ms = _gathered(Calls(tmp_path))
    tree = xradio.open_processing_set(str(path_of(ms["uri"])))
    assert list(check.check_datatree(tree)) == []
    groups = tree[f"{TARGET}_spw1"].attrs["data_groups"]
    assert {"base", "prepared", "flagged"} <= set(groups)
    summary = tree.xr_ps.summary()
    assert sorted(summary["name"]) == sorted(
        f"{field}_spw{spw}" for field in (BANDPASS, TARGET) for spw in (0, 1)
    )
    assert tree.xr_ps.get_max_dims()["frequency"] == 8


def test_the_checker_would_find_an_issue(tmp_path: Path) -> None:
    """It does find one where a unit is not what MSv4 has."""
    ms = Calls(tmp_path).imported(observation(channels=8, antennas=4, scans=(1,)))
    tree = xradio.open_processing_set(str(path_of(ms["uri"])))
    tree[f"{TARGET}_spw0"]["frequency"].attrs["units"] = "furlong"
    assert list(check.check_datatree(tree)) != []
