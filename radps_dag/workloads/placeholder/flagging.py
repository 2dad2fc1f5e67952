"""Placeholders for flagging what only the data show to be bad."""

from __future__ import annotations

from radps_dag.workloads.contract.scores import flag_score
from radps_dag.workloads.contract.workload import Product, Random, Workdir, workload
from radps_dag.workloads.outcomes import Flagged
from radps_dag.workloads.placeholder.fake_data import read, spend, write
from radps_dag.workloads.units import Sigmas

__all__ = ["autoflag"]


@workload(placeholder=True)
def autoflag(
    ms: Product,
    spw: int,
    polarization: str | None = None,
    threshold: Sigmas = 5.0,
    *,
    workdir: Workdir,
    random: Random,
) -> Flagged:
    """Flag outliers in time and frequency (placeholder).

    Args:
        ms: the visibilities
        spw: spectral window id
        polarization: the one to look at; all where none is given
        threshold: how far from the median an outlier starts
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    share = random.uniform(0.0, 0.15 / threshold)
    datasets = [
        {**dataset, "flagged_fraction": round(min(1.0, dataset["flagged_fraction"] + share), 4)}
        for dataset in data.content["datasets"]
        if dataset["spw"] == spw
    ]
    if not datasets:
        raise ValueError(f"no spw {spw} in {ms['uri']}")
    selection = {**ms.get("selection", {}), "spw": spw}
    if polarization is not None:
        selection["polarization"] = polarization
    flagged = write(
        workdir,
        "visibilities",
        data.observation,
        {**data.content, "datasets": datasets},
        sources=[ms],
        group="flagged",
        selection=selection,
    )
    fraction = sum(dataset["flagged_fraction"] for dataset in datasets) / len(datasets)
    return {"ms": flagged, "flagged_fraction": fraction, "score": flag_score(fraction)}
