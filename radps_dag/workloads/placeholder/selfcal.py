"""Placeholders for self-calibration."""

from __future__ import annotations

from typing import Literal

from radps_dag.workloads.contract.scores import selfcal_score
from radps_dag.workloads.contract.workload import Product, Random, Workdir, workload
from radps_dag.workloads.outcomes import Chosen, Compared, Solved
from radps_dag.workloads.placeholder.fake_data import read, spend, write
from radps_dag.workloads.units import Seconds

__all__ = ["choose_image", "compare_images", "solve_selfcal"]


@workload(placeholder=True)
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
    random: Random,
) -> Solved:
    """Solve gains of one spw and scan against the target's own model (placeholder).

    Args:
        ms: the visibilities
        model: image whose model to solve against
        spw: spectral window id
        scan: scan number
        interval: solution interval
        mode: whether to solve phases alone, or amplitudes too
        snr_min: signal to noise below which a solution is flagged
    """
    data = read(ms, "visibilities")
    read(model, "image")
    spend(data.observation)
    snr = random.uniform(4.0, 6.0) * interval**0.5
    caltable = write(
        workdir,
        "caltable",
        data.observation,
        {"type": "selfcal", "snr": snr, "interval": interval, "mode": mode},
        sources=[ms, model],
        selection={"spw": spw, "scan": scan},
    )
    return {"caltable": caltable, "snr": snr, "flagged_fraction": float(snr < snr_min)}


@workload(placeholder=True)
def compare_images(before: Product, after: Product) -> Compared:
    """Say whether self-calibration made an image better (placeholder).

    Args:
        before: clean image of the cycle before
        after: clean image of this cycle
    """
    old, new = read(before, "image"), read(after, "image")
    spend(new.observation)
    rms_ratio = new.content["rms"] / old.content["rms"]
    improvement = new.content["sky_peak"] / old.content["sky_peak"] / rms_ratio
    return {
        "improvement": improvement,
        "rms_ratio": rms_ratio,
        "score": selfcal_score(attempted=True, applied=True, rms_ratio=rms_ratio),
    }


@workload(placeholder=True)
def choose_image(ms: list[Product], images: list[Product]) -> Chosen:
    """Choose the image of the highest dynamic range, the earliest of equals (placeholder).

    Args:
        ms: visibilities, each those of the image of the same number
        images: clean images; at least one
    """
    if not images or len(images) != len(ms):
        raise ValueError(f"{len(images)} images do not go with {len(ms)} sets of visibilities")
    contents = [read(image, "image").content for image in images]
    ranges = [content["sky_peak"] / content["rms"] for content in contents]
    best = ranges.index(max(ranges))
    return {"ms": ms[best], "image": images[best], "dynamic_range": ranges[best]}
