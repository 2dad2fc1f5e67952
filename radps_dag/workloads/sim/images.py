"""Workloads of images that are there: checked, or put together."""

from __future__ import annotations

from radps_dag.workloads.contract import Product, Workdir, workload
from radps_dag.workloads.outcomes import Concatenated
from radps_dag.workloads.sim.imaging.joining import concatenate
from radps_dag.workloads.sim.stores.images import observation_behind_image, read_image, write_image

__all__ = ["concatenate_images"]


@workload
def concatenate_images(images: list[Product], *, workdir: Workdir) -> Concatenated:
    """Put the images of channel blocks together to a cube.

    Args:
        images: images of one field, of any channel blocks and spws; at least one
    """
    if not images:
        raise ValueError("no images to concatenate")
    cube = concatenate([read_image(image) for image in images])
    product = write_image(workdir, observation_behind_image(images[0]), cube, "cube")
    return {"image": product, "channels": len(cube.frequency)}
