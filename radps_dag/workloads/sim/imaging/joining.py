"""Images of channel blocks to one cube."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from radps_dag.workloads.sim.image import Image, Plane
from radps_dag.workloads.sim.visibilities import Floats

__all__ = ["concatenate"]


def concatenate(images: Sequence[Image]) -> Image:
    """One cube of images of one field on one grid, in the order of frequency.

    It has the planes that all of them have, and no history. Raises ValueError where they are not of
    one field or grid, or where a channel is in two of them.
    """
    first = images[0]
    for image in images[1:]:
        if image.field != first.field:
            raise ValueError(
                f"images of fields {first.field!r} and {image.field!r} are not single cube"
            )
        if (image.size, image.cell) != (first.size, first.cell):
            raise ValueError(
                f"images of {first.field!r} are on different grids: {_grid(first)} and "
                f"{_grid(image)}; image them with the same pixels"
            )
    seen: set[tuple[int, int]] = set()
    for image in images:
        here = {(spw, number) for spw, numbers in image.channels.items() for number in numbers}
        for spw, channel in sorted(seen & here):
            raise ValueError(f"channel {channel} of spw {spw} is in two of the images")
        seen |= here
    frequency = np.concatenate([image.frequency for image in images])
    order = np.argsort(frequency, kind="stable")
    shared = set.intersection(*(set(image.planes) for image in images))
    planes: dict[Plane, Floats] = {
        name: np.concatenate([image.planes[name] for image in images])[order]
        for name in first.planes
        if name in shared
    }
    spws = tuple(sorted({spw for image in images for spw in image.spws}))
    return replace(
        first,
        spws=spws,
        mode="cube",
        channels={spw: _numbers(images, spw) for spw in spws},
        frequency=frequency[order],
        planes=planes,
        beam=np.concatenate([image.beam for image in images])[order],
        sensitivity=np.concatenate([image.sensitivity for image in images])[order],
        history=(),
    )


def _numbers(images: Sequence[Image], spw: int) -> tuple[int, ...]:
    return tuple(sorted(number for image in images for number in image.channels.get(spw, ())))


def _grid(image: Image) -> str:
    return f"{image.size} pixels of {np.degrees(image.cell) * 3600:.3g} arcsec"
