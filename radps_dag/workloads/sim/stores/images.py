"""Images to zarr stores, and back: arrays over time, frequency, polarization, l and m.

The dimensions and coordinates are those of xradio's images; l grows against right ascension's
sense of columns, as the direction cosine does, so that it falls along the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.sim.image import Image, Plane
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.stores.zarr_store import Writing, open_store, tuples

__all__ = ["read_image", "write_image"]

_DIMENSIONS = ("time", "frequency", "polarization", "m", "l")
# What is not an array, as JSON.
_NOTED = ("field", "spws", "mode", "cell", "robust", "diameter", "history")
_UNITS = {"model": "Jy/pixel", "mask": "", "psf": ""}


def write_image(
    workdir: Path,
    observation: Observation,
    image: Image,
    group: str,
    selection: Mapping[str, Any] | None = None,
) -> Product:
    """Write an image; `group` says how far it is: dirty, residual, restored, cube."""
    about = {name: getattr(image, name) for name in _NOTED}
    about |= {"observation": observation.to_json(), "group": group}
    about["channels"] = {str(spw): list(numbers) for spw, numbers in image.channels.items()}
    store = Writing(workdir / f"{group}.zarr", "image", about)
    size = image.size
    steps = (np.arange(size) - size // 2) * image.cell
    store.array("frequency", image.frequency, ("frequency",), {"units": "Hz"})
    store.array("polarization", np.array(["I"], dtype="U1"), ("polarization",))
    store.array("time", np.zeros(1), ("time",), {"units": "s", "format": "unix"})
    store.array("l", -steps, ("l",), {"units": "rad"})
    store.array("m", steps, ("m",), {"units": "rad"})
    store.array(
        "PHASE_CENTER", image.direction, ("sky_dir_label",), {"units": "rad", "frame": "icrs"}
    )
    store.array("BEAM_FIT_PARAMS", image.beam, ("frequency", "beam_params_label"), {"units": "rad"})
    store.array("SENSITIVITY", image.sensitivity, ("frequency",), {"units": "Jy/beam"})
    for name, plane in image.planes.items():
        values = plane.astype(np.float32)[np.newaxis, :, np.newaxis]
        units = {"units": _UNITS.get(name, "Jy/beam")}
        store.array(name.upper(), values, _DIMENSIONS, units)
    chosen = {"field": image.field, "spws": list(image.spws)}
    return store.product(group, chosen if selection is None else selection)


def read_image(product: Product) -> Image:
    """Read an image."""
    store = open_store(product, "image")
    about = store.about
    there = store.arrays()
    planes: dict[Plane, Any] = {
        name: store.array(name.upper())[0, :, 0]
        for name in get_args(Plane)
        if name.upper() in there
    }
    return Image(
        **tuples(about, _NOTED),
        channels={int(spw): tuple(numbers) for spw, numbers in about["channels"].items()},
        frequency=store.array("frequency"),
        direction=store.array("PHASE_CENTER"),
        planes=planes,
        beam=store.array("BEAM_FIT_PARAMS"),
        sensitivity=store.array("SENSITIVITY"),
        simulated=about["observation"].get("data") is None,
    )
