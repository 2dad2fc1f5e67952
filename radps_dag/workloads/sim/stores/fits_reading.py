"""A plane of a FITS image that any program has made, with its beam; a mask for that program."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.opening import local_path
from radps_dag.workloads.noise import clipped_noise
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable

__all__ = ["FitsPlane", "mask_like", "read_plane"]


@dataclass(frozen=True, slots=True, eq=False)
class FitsPlane:
    """(y, x) in Jy/beam with the width of a pixel in rad; `beam` (3,) is the major and minor full
    width at half maximum and the position angle, in rad, 0 where the header does not say."""

    values: NDArray[np.float64]
    cell: float
    beam: NDArray[np.float64]
    name: str
    about: str

    @property
    def rms(self) -> float:
        """Noise in Jy/beam: what stands out is left out, until nothing more does."""
        return clipped_noise(self.values.ravel())


def read_plane(image: Product) -> FitsPlane:
    """The first plane of a FITS image. Raises StoreUnusable for what is none."""
    try:
        with fits.open(local_path(image)) as file:
            header = file[0].header
            data = file[0].data
            values = None if data is None else np.asarray(data, dtype=np.float64)
            cell = abs(float(header.get("CDELT2", 0.0)))
            beam = [float(header.get(name, 0.0)) for name in ("BMAJ", "BMIN", "BPA")]
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise StoreUnusable(f"{image['uri']} is not a FITS image: {error}") from None
    if values is None or values.ndim < 2 or not cell:
        raise StoreUnusable(
            f"{image['uri']} has no image in its first part, with a width of a pixel"
        )
    plane = values.reshape(-1, *values.shape[-2:])[0]
    if not np.isfinite(plane).all():
        raise StoreUnusable(f"{image['uri']} has pixels that are not numbers")
    frequency = float(header.get("CRVAL3", 0.0))
    about = f"{frequency / 1e9:.4f} GHz" if header.get("CTYPE3", "").startswith("FREQ") else ""
    name = str(header.get("OBJECT", "")) or "Image"
    return FitsPlane(plane, np.radians(cell), np.radians(np.array(beam)), name, about)


def mask_like(image: Product, mask: NDArray[np.bool_]) -> bytes:
    """A FITS file of 1 and 0 with the axes of an image, of the truth of each pixel (y, x)."""
    with fits.open(local_path(image)) as file:
        header, shape = file[0].header.copy(), file[0].data.shape
    for card in ("BUNIT", "BSCALE", "BZERO", "HISTORY", "COMMENT"):
        header.remove(card, ignore_missing=True, remove_all=True)
    content = io.BytesIO()
    fits.PrimaryHDU(np.broadcast_to(mask, shape).astype(np.float32), header).writeto(content)
    return content.getvalue()
