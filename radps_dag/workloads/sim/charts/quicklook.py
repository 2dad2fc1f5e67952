"""An image to a picture for a quick look."""

from __future__ import annotations

import numpy as np

from radps_dag.workloads.sim.charts.png import grey_png
from radps_dag.workloads.sim.image import Image

__all__ = ["residual_picture"]


def residual_picture(image: Image) -> bytes:
    """A PNG of the residual, north up and east to the left; of a cube, the brightest channel."""
    residual = image.planes["residual"]
    plane = residual[int(np.abs(residual).max(axis=(1, 2)).argmax())]
    low, high = float(plane.min()), float(plane.max())
    grey = 255 * (plane - low) / (high - low or 1.0)
    return grey_png(grey[::-1].astype(np.uint8), "simulated residual")
