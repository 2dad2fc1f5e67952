"""Workloads of self-calibration: gains against the target's own model, and what they are worth."""

from __future__ import annotations

from typing import Literal

import numpy as np

from radps_dag.workloads.contract.scores import selfcal_score
from radps_dag.workloads.contract.workload import Product, Workdir, workload
from radps_dag.workloads.outcomes import Chosen, Compared, Solved
from radps_dag.workloads.sim.calibration.selfcal import solve_against
from radps_dag.workloads.sim.calibration.solving import reference_antenna
from radps_dag.workloads.sim.imaging.predicting import predict
from radps_dag.workloads.sim.imaging.statistics import Statistics, statistics
from radps_dag.workloads.sim.inputs import of_scan
from radps_dag.workloads.sim.solutions import Caltable, median_snr
from radps_dag.workloads.sim.stores.caltables import write_caltable
from radps_dag.workloads.sim.stores.images import read_image
from radps_dag.workloads.sim.stores.sources import observation_behind, read_visibilities
from radps_dag.workloads.units import Seconds

__all__ = ["choose_image", "compare_images", "solve_selfcal"]


@workload
def solve_selfcal(
    ms: Product,
    model: Product,
    spw: int,
    scan: int,
    interval: Seconds = 60.0,
    mode: Literal["phase", "amplitude_phase"] = "phase",
    snr_min: float = 3.0,
    *,
    workdir: Workdir,
) -> Solved:
    """Solve gains of one spw and scan against the target's own model.

    Where a solution is flagged, the data are left as they are. Where the model is empty, or all
    data of the scan are flagged, all solutions are.
    """
    if not interval > 0:
        raise ValueError(f"a solution interval of {interval} s: it must be longer than 0")
    image = read_image(model)
    if "model" not in image.planes:
        raise ValueError(f"image {model['uri']} has no model to solve against: clean it first")
    (vis,) = read_visibilities(ms, field=image.field, spws=[spw])
    (inside,) = of_scan([vis], scan, f"of {vis.name}")
    reference = reference_antenna([vis])
    # The model is of the image's channels: a line in others would be taken for wrong gains.
    inside = inside.of_channels(np.isin(inside.channels, image.channels.get(spw, ())))
    if not inside.channels.size:
        raise ValueError(f"image {model['uri']} has no channels of spw {spw} to solve against")
    solutions = solve_against(inside, predict(image, inside), reference, interval, mode, snr_min)
    table = Caltable("selfcal", vis.antennas.names, (solutions,))
    selection = {"spw": spw, "scan": scan}
    return {
        "caltable": write_caltable(workdir, observation_behind(ms), table, selection),
        "snr": median_snr([solutions]),
        "flagged_fraction": float(solutions.flag.mean()),
    }


@workload
def compare_images(before: Product, after: Product) -> Compared:
    """Say whether self-calibration made an image better."""
    old, new = _measured(before), _measured(after)
    rms_ratio = new.rms / old.rms
    return {
        "improvement": new.dynamic_range / old.dynamic_range,
        "rms_ratio": rms_ratio,
        "score": selfcal_score(attempted=True, applied=True, rms_ratio=rms_ratio),
    }


@workload
def choose_image(ms: list[Product], images: list[Product]) -> Chosen:
    """Choose the image of the highest dynamic range, the earliest of equals."""
    if not images or len(images) != len(ms):
        raise ValueError(f"{len(images)} images do not go with {len(ms)} sets of visibilities")
    ranges = [statistics(read_image(image)).dynamic_range for image in images]
    best = ranges.index(max(ranges))
    return {"ms": ms[best], "image": images[best], "dynamic_range": ranges[best]}


def _measured(product: Product) -> Statistics:
    """Measure the quality of an image; raises ValueError for one that has nothing to compare."""
    measured = statistics(read_image(product))
    if not (measured.peak > 0 and measured.rms > 0):
        raise ValueError(
            f"image {product['uri']} is blank: its peak is {measured.peak:g} Jy/beam, its noise "
            f"{measured.rms:g} Jy/beam; are all visibilities flagged?"
        )
    return measured
