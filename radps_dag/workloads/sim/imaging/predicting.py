"""A model image to the visibilities that it would give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.imaging.gridding import Gridding
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Visibilities

__all__ = ["predict"]


def predict(image: Image, vis: Visibilities) -> NDArray[np.complex128]:
    """(t, b, f, p) in Jy of the model plane at the samples of visibilities, flagged or not.

    A continuum model holds for all channels; of a cube, each channel's own plane. The source is
    taken for unpolarized. Raises ValueError for a field or a channel that the image is not of.
    """
    if vis.field != image.field:
        raise ValueError(f"the model is of field {image.field!r}, the visibilities {vis.field!r}")
    times, baselines, channels = vis.data.shape[:3]
    predicted = np.zeros((times, baselines, channels), dtype=np.complex128)
    if image.mode == "continuum":
        predicted[...] = _predicted(image, 0, vis, vis.frequency).reshape(predicted.shape)
    else:
        for at, frequency in enumerate(vis.frequency):
            plane = int(np.abs(image.frequency - frequency).argmin())
            if abs(image.frequency[plane] - frequency) > 0.5 * vis.channel_width:
                raise ValueError(
                    f"the cube has no channel {vis.channels[at]} of spw {vis.spw}: predict those "
                    "that it has"
                )
            channel = _predicted(image, plane, vis, vis.frequency[at : at + 1])
            predicted[:, :, at] = channel.reshape(times, baselines)
    return np.repeat(predicted[..., np.newaxis], len(vis.polarizations), axis=-1)


def _predicted(
    image: Image, plane: int, vis: Visibilities, frequency: NDArray[np.floating]
) -> NDArray[np.complex128]:
    """Predict the visibilities of one plane, at (t, b, f) of these frequencies, flat."""
    model = np.asarray(image.planes["model"][plane], dtype=np.float64)
    waves = np.asarray(frequency, dtype=np.float64) / SPEED_OF_LIGHT
    u, v = (np.multiply.outer(vis.uvw[:, :, axis], waves).ravel() for axis in range(2))
    if not model.any():
        return np.zeros(u.size, dtype=np.complex128)
    return Gridding(u, v, image.size, image.cell).to_samples(model)
