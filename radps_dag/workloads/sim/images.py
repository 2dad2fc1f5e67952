"""Workloads of images that are there: checked, or put together."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.workloads.contract.workload import Product, Workdir, workload
from radps_dag.workloads.outcomes import Concatenated, Described
from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.imaging.joining import concatenate
from radps_dag.workloads.sim.imaging.making import major_cycle, make_dirty
from radps_dag.workloads.sim.imaging.restoring import restored
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.geometry import cell_of
from radps_dag.workloads.sim.simulation.observe import simulate
from radps_dag.workloads.sim.stores.images import read_image, write_image
from radps_dag.workloads.sim.stores.observations import observation_behind

__all__ = ["concatenate_images", "describe_images"]

# What images are made up of: small, as nothing but images is wanted.
_MADE_UP = Observation(scans=(1, 2), channels=8, antennas=10, phase_rms=10.0)
_PIXELS = 128


@workload
def describe_images(
    images: list[Product] = [],  # noqa: B006  # never changed: JSON Schema wants the plain list
    pace: float = 1.0,
    *,
    workdir: Workdir,
) -> Described:
    """Check that images are images; without any, simulate two.

    Args:
        pace: of placeholders; it changes nothing here
    """
    for image in images:
        read_image(image)
    if images:
        return {"images": images}
    made = []
    for simulated in _made_up(_MADE_UP):
        place = workdir / f"spw{simulated.spws[0]}"
        place.mkdir()
        made.append(write_image(place, _MADE_UP, simulated, "restored"))
    return {"images": made}


def _made_up(observation: Observation) -> Iterator[Image]:
    """A continuum image of the target in each spw."""
    for spw in observation.spws:
        vis = simulate(observation, observation.targets[0], spw, "corrected").vis
        highest = [float(vis.frequency.max())]
        image = make_dirty([vis], highest, "continuum", cell_of(observation), _PIXELS, 0.5)
        for _ in range(2):
            image, _ = major_cycle(image, [vis], highest, niter=200, gain=0.1, nsigma=4.0)
        yield restored(image)


@workload
def concatenate_images(images: list[Product], *, workdir: Workdir) -> Concatenated:
    """Put the images of channel blocks together to a cube."""
    if not images:
        raise ValueError("no images to concatenate")
    cube = concatenate([read_image(image) for image in images])
    product = write_image(workdir, observation_behind(images[0]), cube, "cube")
    return {"image": product, "channels": len(cube.frequency)}
