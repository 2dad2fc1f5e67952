"""Workloads of caltables of any kind: checked, combined, applied."""

from __future__ import annotations

from pathlib import Path

from radps_dag.workloads.contract.scores import flag_score
from radps_dag.workloads.contract.workload import Product, Workdir, workload
from radps_dag.workloads.outcomes import Applied, Table
from radps_dag.workloads.sim.bandpass import solve_bandpass, solve_phase_up
from radps_dag.workloads.sim.calibration.applying import apply_table
from radps_dag.workloads.sim.calibration.combining import combine
from radps_dag.workloads.sim.inputs import some_visibilities
from radps_dag.workloads.sim.stores.caltables import (
    read_caltable,
    write_caltable,
)
from radps_dag.workloads.sim.stores.observations import observation_behind
from radps_dag.workloads.sim.stores.processing_sets import Changed, derive

__all__ = ["apply_calibration", "combine_caltables", "describe_caltable"]

_TOLERANCE, _MOST = 0.005, 12


@workload
def describe_caltable(
    ms: Product, caltable: Product | None = None, type: str = "bandpass", *, workdir: Workdir
) -> Table:
    """Check that a caltable is one; without any, solve the bandpass that a stage wants.

    Args:
        type: type of solutions to make where none are given; only a bandpass can be
    """
    if caltable is not None:
        read_caltable(caltable)
        return {"caltable": caltable}
    if type != "bandpass":
        raise ValueError(f"no caltable of type {type} is given, and only a bandpass can be made up")
    return {"caltable": _made_up(ms, workdir)}


@workload
def combine_caltables(caltables: list[Product], *, workdir: Workdir) -> Table:
    """Put caltables of parts (spws, scans, polarizations) together to one."""
    together = combine([read_caltable(caltable) for caltable in caltables])
    observation = observation_behind(caltables[0])
    return {"caltable": write_caltable(workdir, observation, together)}


@workload
def apply_calibration(
    ms: Product, caltables: list[Product], group: str = "corrected", *, workdir: Workdir
) -> Applied:
    """Apply caltables, in their order, to make a new data group."""
    tables = [read_caltable(caltable) for caltable in caltables]
    parts = some_visibilities(ms)
    for table in tables:
        parts = [apply_table(vis, table) for vis in parts]
    # Without a caltable the new group is the old one under another name.
    changed: tuple[Changed, ...] = ("data", "flag", "weight") if tables else ()
    corrected = derive(workdir, ms, group, parts, changed, ms.get("selection"))
    size = sum(vis.flag.size for vis in parts)
    fraction = sum(int(vis.flag.sum()) for vis in parts) / size if size else 1.0
    return {"ms": corrected, "flagged_fraction": fraction, "score": flag_score(fraction)}


def _made_up(ms: Product, workdir: Path) -> Product:
    """The bandpass of the visibilities, as the stage of the bandpass solves it."""
    up = solve_phase_up(ms, workdir=_below(workdir, "phase_up"))["caltable"]
    solved = None
    for number in range(_MOST):
        start = solved and solved["caltable"]
        solved = solve_bandpass(ms, up, start, workdir=_below(workdir, f"iteration{number + 1}"))
        if solved["change"] < _TOLERANCE:
            break
    assert solved is not None
    return solved["caltable"]


def _below(workdir: Path, name: str) -> Path:
    below = workdir / name
    below.mkdir()
    return below
