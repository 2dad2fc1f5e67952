"""Placeholders for images that are there: checked, or put together."""

from __future__ import annotations

from radps_dag.workloads.contract.workload import Context, Product, Workdir, workload
from radps_dag.workloads.outcomes import Concatenated, Described
from radps_dag.workloads.placeholder.fake_data import read, spend, write
from radps_dag.workloads.placeholder.imaging import SKY
from radps_dag.workloads.placeholder.observing import simulate_observation

__all__ = ["concatenate_images", "describe_images"]


@workload(placeholder=True)
def describe_images(
    images: list[Product] = [],  # noqa: B006  # never changed: JSON Schema wants the plain list
    pace: float = 1.0,
    *,
    workdir: Workdir,
) -> Described:
    """Check that images are images; without any, simulate two (placeholder).

    Args:
        images: images of earlier stages
        pace: of an observation that is made up, see simulate_observation
    """
    for image in images:
        read(image, "image")
    if images:
        return {"images": images}
    observed = simulate_observation(pace=pace, workdir=workdir, context=Context())
    observation = read(observed["observation"]).observation
    sky, rms = SKY["continuum"]
    content = {"sky_peak": sky, "sensitivity": rms, "rms": rms, "peak": sky}
    return {
        "images": [
            write(
                workdir,
                "image",
                observation,
                content,
                group="restored",
                selection={"field": observed["targets"][0], "spws": [spw]},
            )
            for spw in observed["spws"]
        ]
    }


@workload(placeholder=True)
def concatenate_images(images: list[Product], *, workdir: Workdir) -> Concatenated:
    """Put the images of channel blocks together to a cube (placeholder).

    Args:
        images: images of one field, of any channel blocks and spws; at least one
    """
    if not images:
        raise ValueError("no images to concatenate")
    parts = [read(image, "image") for image in images]
    spend(parts[0].observation)
    blocks = [part.content["channels"] for part in parts]
    channels = sum(block["last"] - block["first"] + 1 for block in blocks)
    content = {
        **parts[0].content,
        "channels": {"first": 0, "last": channels - 1},
        "rms": max(part.content["rms"] for part in parts),
    }
    selection = {"field": images[0].get("selection", {}).get("field", "")}
    cube = write(
        workdir,
        "image",
        parts[0].observation,
        content,
        sources=images,
        group="cube",
        selection=selection,
    )
    return {"image": cube, "channels": channels}
