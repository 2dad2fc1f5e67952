"""Flagging what only the data show to be bad."""

from __future__ import annotations

from radps_dag.workloads.contract.scores import flag_score
from radps_dag.workloads.contract.workload import Product, Workdir, workload
from radps_dag.workloads.outcomes import Flagged
from radps_dag.workloads.sim.flags.outliers import flag_outliers
from radps_dag.workloads.sim.stores.processing_sets import derive
from radps_dag.workloads.sim.stores.sources import read_visibilities
from radps_dag.workloads.sim.visibilities import mean_flagged
from radps_dag.workloads.units import Sigmas

__all__ = ["autoflag"]


@workload
def autoflag(
    ms: Product,
    spw: int,
    polarization: str | None = None,
    threshold: Sigmas = 5.0,
    *,
    workdir: Workdir,
) -> Flagged:
    """Flag outliers in time and frequency."""
    if threshold <= 0:
        raise ValueError(f"threshold must be above 0, not {threshold}")
    chosen = None if polarization is None else [polarization]
    parts = read_visibilities(ms, spws=[spw], polarizations=chosen)
    flagged = [flag_outliers(vis, threshold) for vis in parts]
    selection = {**ms.get("selection", {}), "spw": spw}
    if polarization is not None:
        selection["polarization"] = polarization
    product = derive(workdir, ms, "flagged", flagged, ["flag"], selection)
    fraction = mean_flagged(flagged)
    return {"ms": product, "flagged_fraction": fraction, "score": flag_score(fraction)}
