"""Placeholders for self-calibration."""

from __future__ import annotations

from typing import TypedDict

from radps_dag.workloads.contract import Product, Random, Workdir, workload
from radps_dag.workloads.placeholder.fake_data import read, spend, write
from radps_dag.workloads.placeholder.types import Score, Seconds
from radps_dag.workloads.scores import selfcal_score

__all__ = ["choose_image", "compare_images", "solve_selfcal"]


class Solved(TypedDict):
    """Gains against the target's own model.

    Attributes:
        caltable: the solutions
        snr: signal to noise of the solutions
    """

    caltable: Product
    snr: float


class Compared(TypedDict):
    """An image against the one before.

    Attributes:
        improvement: dynamic range over that of the image before
        rms_ratio: noise over that of the image before
        score: QA score of self-calibration, were this the last cycle
    """

    improvement: float
    rms_ratio: float
    score: Score


class Chosen(TypedDict):
    """The best image, and the visibilities that it was made of.

    Attributes:
        ms: the visibilities
        image: the image
        dynamic_range: brightest emission over noise of the image
    """

    ms: Product
    image: Product
    dynamic_range: float


@workload(placeholder=True)
def solve_selfcal(
    ms: Product,
    model: Product,
    spw: int,
    scan: int,
    interval: Seconds = 60.0,
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
    """
    data = read(ms, "visibilities")
    read(model, "image")
    spend(data.observation)
    snr = random.uniform(4.0, 6.0) * interval**0.5
    caltable = write(
        workdir,
        "caltable",
        data.observation,
        {"type": "selfcal", "snr": snr, "interval": interval},
        sources=[ms, model],
        selection={"spw": spw, "scan": scan},
    )
    return {"caltable": caltable, "snr": snr}


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
