"""Workloads of imaging: dirty images, CLEAN by major cycles, and what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from radps_dag.workloads.contract.scores import clean_score
from radps_dag.workloads.contract.workload import Product, Workdir, workload
from radps_dag.workloads.outcomes import Cleaned, Dirty, Restored
from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.imaging.making import major_cycle, make_dirty, where_to_clean
from radps_dag.workloads.sim.imaging.restoring import restored
from radps_dag.workloads.sim.imaging.statistics import statistics
from radps_dag.workloads.sim.inputs import line_free
from radps_dag.workloads.sim.simulation.geometry import cell_of
from radps_dag.workloads.sim.stores.images import read_image, write_image
from radps_dag.workloads.sim.stores.sources import observation_behind, read_visibilities
from radps_dag.workloads.sim.visibilities import Visibilities
from radps_dag.workloads.units import ChannelRange

__all__ = ["clean", "make_dirty_image", "restore_image"]

Mode = Literal["continuum", "cube"]


@workload
def make_dirty_image(
    ms: Product,
    field: str,
    spws: list[int],
    mode: Mode = "continuum",
    channels: ChannelRange | None = None,
    ranges: Product | None = None,
    robust: float = 0.5,
    pixels: int = 256,
    *,
    workdir: Workdir,
) -> Dirty:
    """Grid and transform visibilities to a dirty image."""
    observation = observation_behind(ms)
    windows = _read(ms, field, spws)
    highest = [float(vis.frequency.max()) for vis in windows]
    wanted = _wanted(windows, channels, ranges)
    visibilities = [vis.of_channels(np.isin(vis.channels, wanted[vis.spw])) for vis in windows]
    image = make_dirty(visibilities, highest, mode, cell_of(observation), pixels, robust)
    selection: dict[str, Any] = {"field": field, "spws": spws}
    if channels is not None:
        selection["channels"] = channels
    quality = statistics(image)
    return {
        "image": write_image(workdir, observation, image, "dirty", selection),
        "peak": quality.peak,
        "rms": quality.rms,
        "sensitivity": quality.sensitivity,
    }


@workload
def clean(
    ms: Product,
    image: Product,
    niter: int = 400,
    gain: float = 0.1,
    nsigma: float = 4.0,
    *,
    workdir: Workdir,
) -> Cleaned:
    """Clean one major cycle: find components, subtract them from the data.

    Components are looked for where emission stands out. `peak` is the brightest residual there, and
    0 where none does; of a cube, `peak` and `rms` are those of the plane that is farthest from
    clean.

    Args:
        niter: minor iterations of this cycle; of a cube, of each channel
    """
    if niter < 1 or not 0 < gain <= 1 or not nsigma >= 0:
        raise ValueError(
            f"niter must be at least 1, gain over 0 to 1, nsigma not under 0; they are {niter}, "
            f"{gain}, {nsigma}"
        )
    before = read_image(image)
    windows = _read(ms, before.field, before.spws)
    highest = [float(vis.frequency.max()) for vis in windows]
    visibilities = [
        vis.of_channels(np.isin(vis.channels, before.channels.get(vis.spw, ()))) for vis in windows
    ]
    after, cycles = major_cycle(before, visibilities, highest, niter, gain, nsigma)
    worst = where_to_clean(cycles)
    total = max(0.0, sum(cycle.flux for cycle in cycles))
    remaining = sum(max(0.0, cycle.left) for cycle in cycles)
    return {
        "image": _written(workdir, image, after, "residual"),
        "peak": worst.peak,
        "rms": worst.rms,
        "model_flux": total / (total + remaining) if total + remaining > 0 else 0.0,
    }


@workload
def restore_image(image: Product, *, workdir: Workdir) -> Restored:
    """Put the model back on the residual, convolved with the beam."""
    after = restored(read_image(image))
    quality = statistics(after)
    return {
        "image": _written(workdir, image, after, "restored"),
        "dynamic_range": quality.dynamic_range,
        "rms": quality.rms,
        "rms_over_sensitivity": quality.rms_over_sensitivity,
        "score": clean_score(quality.rms, quality.sensitivity, quality.peak),
    }


def _written(workdir: Path, of: Product, image: Image, group: str) -> Product:
    return write_image(workdir, observation_behind(of), image, group, of.get("selection"))


def _read(ms: Product, field: str, spws: Sequence[int]) -> list[Visibilities]:
    """Whole spectral windows of a field, in order; raises ValueError for what is not there."""
    if not spws:
        raise ValueError(f"no spws to image of field {field!r}: name at least one")
    windows = read_visibilities(ms, field=field, spws=list(spws))
    for vis in windows:
        if not vis.data.size:
            raise ValueError(
                f"{vis.name} has no visibilities to image: {len(vis.antennas.names)} antennas, "
                f"{vis.time.size} times, {vis.frequency.size} channels"
            )
    return sorted(windows, key=lambda vis: vis.spw)


def _wanted(
    windows: Sequence[Visibilities], channels: ChannelRange | None, ranges: Product | None
) -> dict[int, list[int]]:
    """The channels to take of each spw; raises ValueError where none are left."""
    wanted: dict[int, list[int]] = {}
    for vis in windows:
        there = vis.channels.tolist()
        if channels is not None:
            span = range(channels["first"], channels["last"] + 1)
            there = [channel for channel in there if channel in span]
        if ranges is not None:
            free = set(line_free(ranges, vis.spw))
            there = [channel for channel in there if channel in free]
        wanted[vis.spw] = there
    if not any(wanted.values()):
        names = ", ".join(vis.name for vis in windows)
        of = f" {channels['first']} to {channels['last']}" if channels is not None else ""
        only = " that are line-free" if ranges is not None else ""
        raise ValueError(f"no channels left of {names}: it has no channels{of}{only}")
    return wanted
