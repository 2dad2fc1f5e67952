"""The same stores imaged by astroviper, which is RADPS's own imager: to compare with.

It changes its interfaces from one patch release to the next: this is for one.
"""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.opening import local_path
from radps_dag.workloads.sim.stores.sources import read_visibilities

VERSION = "0.0.39"
_APPLICATION = "astroviper.distributed_applications.imaging.image_cube_single_field"
_NO_CLEAN = {
    "max_iter": 0,
    "max_cycles": 0,
    "max_iter_per_cycle": -1,
    "threshold": 0.0,
    "threshold_sigma": 0.0,
    "gain": 0.1,
    "psf_sidelobe_factor": 1.0,
    "min_psf_fraction": 0.05,
    "max_psf_fraction": 0.8,
    "primary_beam_limit": 0.0,
}


def dirty_cube(ms: Product, size: int, cell: float) -> NDArray[np.float64]:
    """(c, y, x) in Jy/beam: the dirty image of each channel, in natural weighting, as in `Image`.

    Args:
        ms: visibilities of one field and spw as they were imported: data group `base`
        size: width and height in pixels
        cell: width of a pixel in rad
    """
    (vis,) = read_visibilities(ms)
    with tempfile.TemporaryDirectory(prefix="radps-dag-astroviper-") as folder:
        image = str(Path(folder, "dirty.img.zarr"))
        import_module(_APPLICATION).image_cube_single_field(
            ps_store=str(local_path(ms)),
            image_store=image,
            image_params={
                "image_size": [size, size],
                "cell_size": [-cell, cell],
                "phase_direction": [float(angle) for angle in vis.direction],
                "frequency_coords": np.asarray(vis.frequency),
                "polarization_coords": ["I", "Q"],
                "time_coords": [0],
                "fft_padding": 1.2,
            },
            imaging_weights_params={"weighting": "natural", "robust": 2.0},
            iteration_control_params=dict(_NO_CLEAN),
            scan_intents=list(vis.intents),
            field_name=vis.field,
            processing_set_data_group_name="base",
            image_data_variables_keep=["sky_residual", "point_spread_function"],
            single_precision_image=False,
            overwrite=True,
            fft_backend="scipy",
        )
        cube = import_module("xarray").open_zarr(image)["SKY_RESIDUAL"]
        # Of (time, frequency, polarization, l, m) the first time and Stokes I.
        plane = np.asarray(cube.values[0, :, 0], dtype=np.float64)
    return plane.swapaxes(1, 2)
