"""Placeholders for caltables of any kind: checked, combined, applied."""

from __future__ import annotations

from typing import Any

from radps_dag.workloads.contract.scores import flag_score
from radps_dag.workloads.contract.workload import Product, Random, Workdir, workload
from radps_dag.workloads.outcomes import Applied, Table
from radps_dag.workloads.placeholder.fake_data import Fake, read, spend, write

__all__ = [
    "apply_calibration",
    "combine_caltables",
    "describe_caltable",
    "iterated",
    "write_caltable",
]


@workload(placeholder=True)
def describe_caltable(
    ms: Product, caltable: Product | None = None, type: str = "bandpass", *, workdir: Workdir
) -> Table:
    """Check that a caltable is one; without any, simulate one that a stage wants (placeholder).

    Args:
        ms: visibilities to which it belongs
        caltable: solutions of an earlier stage
        type: type of solutions to simulate where none are given
    """
    if caltable is not None:
        read(caltable, "caltable")
        return {"caltable": caltable}
    return {
        "caltable": write_caltable(workdir, read(ms, "visibilities"), type, {"iterations": 0}, [ms])
    }


@workload(placeholder=True)
def combine_caltables(caltables: list[Product], *, workdir: Workdir) -> Table:
    """Put caltables of parts (spws, scans, polarizations) together to one (placeholder).

    Args:
        caltables: what to put together; at least one
    """
    if not caltables:
        raise ValueError("no caltables to combine")
    tables = [read(caltable, "caltable") for caltable in caltables]
    spend(tables[0].observation)
    content = {
        "type": tables[0].content["type"],
        "parts": [caltable.get("selection", {}) for caltable in caltables],
    }
    return {
        "caltable": write(workdir, "caltable", tables[0].observation, content, sources=caltables)
    }


@workload(placeholder=True)
def apply_calibration(
    ms: Product,
    caltables: list[Product],
    group: str = "corrected",
    *,
    workdir: Workdir,
    random: Random,
) -> Applied:
    """Apply caltables, in their order, to make a new data group (placeholder).

    Args:
        ms: the visibilities
        caltables: what to apply
        group: name of the data group to make
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    types = [read(caltable, "caltable").content["type"] for caltable in caltables]
    share = random.uniform(0.0, 0.01)
    datasets = [
        {**dataset, "flagged_fraction": round(min(1.0, dataset["flagged_fraction"] + share), 4)}
        for dataset in data.content["datasets"]
    ]
    content = {
        **data.content,
        "datasets": datasets,
        "applied": [*data.content["applied"], *types],
        "selfcal_cycles": data.content["selfcal_cycles"] + types.count("selfcal"),
    }
    corrected = write(
        workdir,
        "visibilities",
        data.observation,
        content,
        sources=[ms, *caltables],
        group=group,
        selection=ms.get("selection"),
    )
    fraction = sum(dataset["flagged_fraction"] for dataset in datasets) / max(1, len(datasets))
    return {"ms": corrected, "flagged_fraction": fraction, "score": flag_score(fraction)}


def iterated(data: Fake, start: Product | None) -> tuple[int, float]:
    """The number of iterations that the solver has done, and the relative change in the last.

    The change falls by a factor each time, to 0.1 % at the iteration of the cost model.
    """
    before = 0 if start is None else int(read(start, "caltable").content["iterations"])
    iterations = before + 1
    return iterations, 1e-3 ** (iterations / max(1, data.observation["cost"]["converge_after"]))


def write_caltable(
    workdir: Workdir,
    data: Fake,
    kind: str,
    solution: dict[str, Any],
    sources: list[Product],
    selection: dict[str, Any] | None = None,
) -> Product:
    """Write a caltable; without a selection, of what the data are a selection of."""
    return write(
        workdir,
        "caltable",
        data.observation,
        {"type": kind, **solution},
        sources=sources,
        selection=data.product.get("selection") if selection is None else selection,
    )
