"""Placeholders for imaging: dirty images, CLEAN by major cycles, and what becomes of them."""

from __future__ import annotations

from math import hypot
from typing import Any, Literal

from radps_dag.workloads.contract.scores import clean_score
from radps_dag.workloads.contract.workload import Product, Random, Workdir, workload
from radps_dag.workloads.outcomes import Cleaned, Dirty, Restored
from radps_dag.workloads.placeholder.fake_data import read, spend, write
from radps_dag.workloads.units import ChannelRange

__all__ = [
    "SKY",
    "Mode",
    "clean",
    "make_dirty_image",
    "restore_image",
]

Mode = Literal["continuum", "cube"]
# Brightest emission and noise of one spw: in the continuum, and in one channel of a line.
SKY: dict[str, tuple[float, float]] = {"continuum": (1.0, 5e-4), "cube": (0.05, 1e-3)}


def _dynamic_range_limit(selfcal_cycles: int) -> float:
    """The limit by calibration errors: 155 at first; self-calibration gains until it fits noise.

    >>> [round(_dynamic_range_limit(cycles)) for cycles in range(6)]
    [155, 631, 788, 823, 807, 765]
    """
    phase_errors = 0.829 * 0.36**selfcal_cycles
    fitted_noise = 0.006 * selfcal_cycles**2
    return 905.0 * (1.0 - phase_errors) * max(0.1, 1.0 - fitted_noise)


@workload(placeholder=True)
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
    random: Random,
) -> Dirty:
    """Grid and transform visibilities to a dirty image (placeholder).

    Args:
        ms: the visibilities
        field: name of the field
        spws: spectral windows to image together
        mode: one image of all channels, or a cube
        channels: channels to take; all where none are given
        ranges: line-free channels, to take no others; all where none are given
        robust: Briggs' weighting, from -2 (uniform) to 2 (natural)
        pixels: width and height of the image in pixels
    """
    data = read(ms, "visibilities")
    present = {(dataset["field"], dataset["spw"]) for dataset in data.content["datasets"]}
    if absent := [spw for spw in spws if (field, spw) not in present]:
        raise ValueError(f"no spw {absent[0]} of field {field!r} in {ms['uri']}")
    spend(data.observation)
    sky, noise = SKY[mode]
    sensitivity = noise / len(spws) ** 0.5
    limit = _dynamic_range_limit(data.content["selfcal_cycles"])
    rms = hypot(sensitivity, sky / limit) * random.uniform(0.99, 1.01)
    content = {
        "mode": mode,
        "pixels": pixels,
        "robust": robust,
        "sky_peak": sky,
        "sensitivity": sensitivity,
        "rms": rms,
        "peak": sky,
        "cycles": 0,
        "channels": channels or {"first": 0, "last": data.observation["channels"] - 1},
        "selfcal_cycles": data.content["selfcal_cycles"],
    }
    selection: dict[str, Any] = {"field": field, "spws": spws}
    if channels is not None:
        selection["channels"] = channels
    image = write(
        workdir,
        "image",
        data.observation,
        content,
        sources=[ms, *([ranges] if ranges else [])],
        group="dirty",
        selection=selection,
    )
    return {"image": image, "peak": sky, "rms": rms, "sensitivity": sensitivity}


@workload(placeholder=True)
def clean(
    ms: Product,
    image: Product,
    niter: int = 400,
    gain: float = 0.1,
    nsigma: float = 4.0,
    *,
    workdir: Workdir,
) -> Cleaned:
    """Clean one major cycle: find components, subtract them from the data (placeholder).

    Each minor iteration takes `gain` of the brightest of some twenty sources; the residual
    approaches five eighths of where it may stop.

    Args:
        ms: the visibilities
        image: dirty image, or what the cycle before left
        niter: minor iterations of this cycle
        gain: share of the brightest residual that an iteration takes
        nsigma: noise to which to clean; deeper would be fitting it
    """
    data = read(ms, "visibilities")
    before = read(image, "image").content
    spend(data.observation)
    floor = 0.625 * nsigma * before["rms"]
    # A major cycle ends when what is left is a tenth: deeper needs fresh residuals.
    remaining = max(0.1, (1.0 - gain) ** (niter / 20))
    peak = floor + max(0.0, before["peak"] - floor) * remaining
    content = {**before, "peak": peak, "cycles": before["cycles"] + 1}
    residual = write(
        workdir,
        "image",
        data.observation,
        content,
        sources=[ms, image],
        group="residual",
        selection=image.get("selection"),
    )
    return {
        "image": residual,
        "peak": peak,
        "rms": before["rms"],
        "model_flux": 1.0 - peak / before["sky_peak"],
    }


@workload(placeholder=True)
def restore_image(image: Product, *, workdir: Workdir) -> Restored:
    """Put the model back on the residual, convolved with the beam (placeholder).

    Args:
        image: residual and model
    """
    data = read(image, "image")
    spend(data.observation)
    content = data.content
    rms = hypot(content["rms"], max(0.0, content["peak"] - 4.0 * content["rms"]) / 10.0)
    restored = write(
        workdir,
        "image",
        data.observation,
        {**content, "rms": rms, "peak": content["sky_peak"]},
        sources=[image],
        group="restored",
        selection=image.get("selection"),
    )
    return {
        "image": restored,
        "dynamic_range": content["sky_peak"] / rms,
        "rms": rms,
        "rms_over_sensitivity": rms / content["sensitivity"],
        "score": clean_score(rms, content["sensitivity"], content["sky_peak"]),
    }
