"""Workloads of this project: plain functions that pipelines call by name.

The signature is what `radps-dag validate` checks pipelines against. Values are JSON; bulk data is
handed on by reference, as a Product.
"""

from __future__ import annotations

import json
import statistics
from typing import Annotated, TypedDict

from radps_dag.workloads import Product, Random, Unit, Workdir, workload

Jansky = Annotated[float, Unit("Jy")]


class Noise(TypedDict):
    """A measurement.

    Attributes:
        noise: standard error of the mean
    """

    noise: Jansky


class Summary(TypedDict):
    """Results derived from the measurements.

    Attributes:
        faintest: flux density of the faintest source that stands out
        table: the numbers, as a file
    """

    faintest: Jansky
    table: Product


@workload
def measure_noise(field: str, samples: int = 100, *, random: Random) -> Noise:
    """Measure the noise of a field (simulated: replace this by something real).

    `random` is not an input of the pipeline: it is handed in, seeded by the run.

    Args:
        field: name of the field
        samples: how many samples to average
    """
    drawn = [random.gauss(0.0, 0.5) for _ in range(samples)]
    return {"noise": statistics.stdev(drawn) / samples**0.5}


@workload
def summarize(noise: list[float], sigmas: float = 5.0, *, workdir: Workdir) -> Summary:
    """Say how faint a source can be to stand out of the noise.

    `workdir` is not an input of the pipeline: it is a directory of this call's own.

    Args:
        noise: noise of each field in Jy
        sigmas: how far above the noise a source must be
    """
    faintest = sigmas * max(noise)
    path = workdir / "summary.json"
    path.write_text(json.dumps({"noise": noise, "faintest": faintest}), encoding="utf-8")
    return {"faintest": faintest, "table": {"uri": path.resolve().as_uri(), "kind": "table"}}
