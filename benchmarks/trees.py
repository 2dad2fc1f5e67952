"""Workloads of RADPS's benchmark of workflow managers: sleeps, and sums of two results."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TypedDict

from radps_dag.workloads import Product, Workdir, local_path, workload


class Number(TypedDict):
    part: float


class Array(TypedDict):
    part: Product


@workload
def sleep_for_number(seconds: float) -> Number:
    """Sleep, and return a number."""
    time.sleep(seconds)
    return {"part": 1.0}


@workload
def add_numbers(parts: list[float]) -> Number:
    """Sum up numbers."""
    return {"part": sum(parts)}


@workload
def sleep_for_array(seconds: float, megabytes: float, workdir: Workdir) -> Array:
    """Sleep, and store an array of ones."""
    import numpy as np

    time.sleep(seconds)
    return {"part": _stored(np.ones(round(megabytes * 1e6 / 8)), workdir)}


@workload
def add_arrays(parts: list[Product], workdir: Workdir) -> Array:
    """Sum up arrays."""
    import numpy as np

    return {"part": _stored(sum(np.load(local_path(part)) for part in parts), workdir)}


def _stored(array: object, workdir: Path) -> Product:
    import numpy as np

    workdir.mkdir(parents=True, exist_ok=True)
    file = workdir / "part.npy"
    np.save(file, array)
    return {"uri": file.as_uri(), "kind": "array"}
