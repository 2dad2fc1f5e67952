"""The import: from the archive to visibilities with a-priori calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.contract.opening import local_path
from radps_dag.workloads.contract.scores import flag_score, intents_score, wvr_score
from radps_dag.workloads.contract.workload import Context, Product, Workdir, workload
from radps_dag.workloads.outcomes import (
    Corrected,
    Flagged,
    Gathered,
    Imported,
    Positions,
    Tsys,
    Wvr,
)
from radps_dag.workloads.sim.apriori.online import flag_online
from radps_dag.workloads.sim.apriori.positions import correct_positions, service_offsets
from radps_dag.workloads.sim.apriori.radiometers import phase_rms_ratio, radiometer_solutions
from radps_dag.workloads.sim.apriori.tables import nothing_recorded, tables_of
from radps_dag.workloads.sim.apriori.tsys import tsys_solutions
from radps_dag.workloads.sim.flags.outliers import flag_outliers
from radps_dag.workloads.sim.inputs import caltable_of, some_visibilities
from radps_dag.workloads.sim.observing import data_of
from radps_dag.workloads.sim.simulation.geometry import antennas_of
from radps_dag.workloads.sim.simulation.observe import intents_of, simulate
from radps_dag.workloads.sim.solutions import Caltable, CaltableType, Solutions
from radps_dag.workloads.sim.stores.caltables import write_caltable
from radps_dag.workloads.sim.stores.measurement_sets import read_field
from radps_dag.workloads.sim.stores.observations import read_observation
from radps_dag.workloads.sim.stores.processing_sets import Table, derive, gather, write_visibilities
from radps_dag.workloads.sim.stores.sources import observation_behind, read_table, read_visibilities
from radps_dag.workloads.sim.visibilities import Visibilities, mean_flagged

__all__ = [
    "apply_antenna_positions",
    "apply_online_flags",
    "calibrate_tsys",
    "calibrate_wvr",
    "gather_visibilities",
    "import_visibilities",
    "query_antenna_positions",
]

_OUTLIER = 5.0  # standard deviations


@workload
def import_visibilities(
    observation: Product, field: str, spw: int, *, workdir: Workdir
) -> Imported:
    """Fetch the visibilities of one field and spw: from data, or else simulate them."""
    record = read_observation(observation)
    tables: dict[str, Sequence[Table]] = {}
    if record.data is not None:
        vis = read_field(local_path(data_of(observation)), record.data, field, spw)
    else:
        simulated = simulate(record, field, spw)
        vis = simulated.vis
        tables[vis.name] = tables_of(simulated)
    ms = write_visibilities(workdir, record, [vis], "imported", tables)
    size = vis.data.nbytes + vis.flag.nbytes + vis.weight.nbytes + vis.uvw.nbytes
    return {"ms": ms, "intents": list(vis.intents), "size": size}


@workload
def apply_online_flags(ms: Product, *, workdir: Workdir) -> Flagged:
    """Flag what the telescope knew to be bad while it observed."""
    flagged = [flag_online(vis, _recorded(ms, vis, "flags_xds")) for vis in some_visibilities(ms)]
    product = derive(workdir, ms, "flagged", flagged, ["flag"])
    fraction = mean_flagged(flagged)
    return {"ms": product, "flagged_fraction": fraction, "score": flag_score(fraction)}


@workload
def query_antenna_positions(observation: Product, *, workdir: Workdir) -> Positions:
    """Ask the service for antenna positions newer than the observation's."""
    record = read_observation(observation)
    names: tuple[str, ...] = ()
    offsets = np.zeros((0, 3))
    if record.data is None:  # it knows the simulated array alone
        names, offsets = antennas_of(record).names, service_offsets(record)
    parameters: dict[str, Any] = {"offsets": dict(zip(names, offsets.tolist(), strict=True))}
    table = Caltable("antenna_positions", names, (), parameters)
    return {
        "caltable": write_caltable(workdir, record, table),
        "largest": float(np.abs(offsets).max(initial=0.0)),
    }


@workload
def apply_antenna_positions(ms: Product, positions: Product, *, workdir: Workdir) -> Corrected:
    """Correct the visibilities for better antenna positions."""
    offsets = caltable_of(positions, "antenna_positions").parameters["offsets"]
    corrected = [correct_positions(vis, offsets) for vis in some_visibilities(ms)]
    return {"ms": derive(workdir, ms, "prepared", corrected, ["data"])}


@workload
def calibrate_tsys(ms: Product, *, workdir: Workdir) -> Tsys:
    """Derive system temperatures."""
    parts = some_visibilities(ms)
    tables = [_recorded(ms, vis, "system_calibration_xds") for vis in parts]
    solutions = [tsys_solutions(vis, table) for vis, table in zip(parts, tables, strict=True)]
    measured = np.concatenate([table["TSYS"].ravel() for table in tables])
    usable = measured[np.isfinite(measured) & (measured > 0)]
    if not usable.size:
        raise ValueError(f"no system temperatures above zero in {ms['uri']}")
    median = float(np.median(usable))
    return {"caltable": _written(workdir, ms, "tsys", parts, solutions), "median": median}


@workload
def calibrate_wvr(ms: Product, *, workdir: Workdir) -> Wvr:
    """Derive phase corrections from the water-vapour radiometers.

    The ratio compares how much the phases of the antennas move within some seconds, without the
    correction and with it, as the visibilities show it: averaged over channels and polarizations,
    outliers left out, and the noise, which has no part in it, told apart.
    """
    parts = some_visibilities(ms)
    tables = [_recorded(ms, vis, "radiometer_xds") for vis in parts]
    solutions = [
        radiometer_solutions(vis, table["PATH"]) for vis, table in zip(parts, tables, strict=True)
    ]
    caltable = _written(workdir, ms, "wvr", parts, solutions)
    clean = [flag_outliers(vis, _OUTLIER) for vis in parts]
    ratio = float(np.median(list(map(phase_rms_ratio, clean, solutions))))
    return {"caltable": caltable, "phase_rms_ratio": ratio, "score": wvr_score(ratio)}


@workload
def gather_visibilities(
    parts: list[Product], group: str, *, workdir: Workdir, context: Context
) -> Gathered:
    """Put parts (fields, spws) together to one set of visibilities.

    Parts of the same field and spw are of different polarizations. Where the pipeline declares the
    context key `datasets`, what has been gathered is described there.
    """
    if not parts:
        raise ValueError("no visibilities to gather")
    ms = gather(workdir, parts, group)
    observation = observation_behind(ms)
    together = read_visibilities(ms)
    present = {vis.field for vis in together}
    fields = [field for field in observation.fields if field in present]
    spws = [spw for spw in observation.spws if spw in {vis.spw for vis in together}]
    if context.declares("datasets"):
        context.add("datasets", _described(ms, group, fields, spws, together))
    calibrators = any(field in observation.calibrators for field in fields)
    wanted = ["BANDPASS", "FLUX", "PHASE"] if calibrators else ["TARGET"]
    intents = [intent for field in fields for intent in intents_of(observation, field)]
    flagged = mean_flagged(together)
    return {
        "ms": ms,
        "fields": fields,
        "spws": spws,
        "flagged_fraction": flagged,
        "flag_score": flag_score(flagged),
        "intents_score": intents_score(list(dict.fromkeys(intents)), wanted),
    }


def _described(
    ms: Product, group: str, fields: list[str], spws: list[int], parts: list[Visibilities]
) -> dict[str, object]:
    """A dataset as the matching of datasets takes it."""
    of_spw = {vis.spw: vis for vis in parts}
    return {
        "name": f"{group}: {', '.join(fields)}",
        "ms": ms,
        "fields": [{"id": number, "name": field} for number, field in enumerate(fields)],
        "spws": [
            {
                "id": spw,
                "name": f"simulated {spw}",
                "low_ghz": float(of_spw[spw].frequency[0] - of_spw[spw].channel_width / 2) / 1e9,
                "high_ghz": float(of_spw[spw].frequency[-1] + of_spw[spw].channel_width / 2) / 1e9,
                "data_type": group,
            }
            for spw in spws
        ],
    }


def _written(
    workdir: Path,
    ms: Product,
    type: CaltableType,
    parts: Sequence[Visibilities],
    solutions: Sequence[Solutions],
) -> Product:
    table = Caltable(type, parts[0].antennas.names, tuple(solutions))
    return write_caltable(workdir, observation_behind(ms), table, ms.get("selection"))


def _recorded(ms: Product, vis: Visibilities, table: str) -> Mapping[str, NDArray[Any]]:
    """Read what the telescope recorded beside visibilities; real data get nothing that would change
    them.
    """
    if observation_behind(ms).data is None:
        return read_table(ms, vis.name, table)
    return nothing_recorded(vis)
