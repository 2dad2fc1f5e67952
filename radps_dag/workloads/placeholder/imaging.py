"""Placeholders for imaging: dirty images, CLEAN by major cycles, and what becomes of them."""

from __future__ import annotations

from math import hypot
from typing import Any, Literal, TypedDict

from radps_dag.workloads.contract import Product, Random, Workdir, workload
from radps_dag.workloads.placeholder.fake_data import read, spend, write
from radps_dag.workloads.placeholder.types import ChannelRange, Fraction, JanskyPerBeam, Score
from radps_dag.workloads.scores import clean_score

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


class Dirty(TypedDict):
    """A dirty image.

    Attributes:
        image: the image
        peak: brightest pixel
        rms: noise
        sensitivity: thermal noise expected
    """

    image: Product
    peak: JanskyPerBeam
    rms: JanskyPerBeam
    sensitivity: JanskyPerBeam


class Cleaned(TypedDict):
    """A residual image with the model found so far.

    Attributes:
        image: residual and model
        peak: brightest residual
        rms: noise of the residual
        model_flux: share of the flux that is in the model
        quicklook: picture of the residual
    """

    image: Product
    peak: JanskyPerBeam
    rms: JanskyPerBeam
    model_flux: Fraction
    quicklook: Product


class Restored(TypedDict):
    """A clean image.

    Attributes:
        image: the image
        dynamic_range: brightest emission over noise
        rms: noise
        rms_over_sensitivity: noise over the thermal noise expected
        score: QA score of the noise
    """

    image: Product
    dynamic_range: float
    rms: JanskyPerBeam
    rms_over_sensitivity: float
    score: Score


def _dynamic_range_limit(selfcal_cycles: int) -> float:
    """What calibration errors allow: 155 at first; self-calibration gains until it fits noise.

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
        sources=[ms],
        group="dirty",
        selection=selection,
    )
    return {"image": image, "peak": sky, "rms": rms, "sensitivity": sensitivity}


@workload(placeholder=True)
def clean(
    ms: Product, image: Product, niter: int = 400, gain: float = 0.1, *, workdir: Workdir
) -> Cleaned:
    """Clean one major cycle: find components, subtract them from the data (placeholder).

    Each minor iteration takes `gain` of the brightest of some twenty sources; the residual
    approaches 2.5 times its noise.

    Args:
        ms: the visibilities
        image: dirty image, or what the cycle before left
        niter: minor iterations of this cycle
        gain: share of the brightest residual that an iteration takes
    """
    data = read(ms, "visibilities")
    before = read(image, "image").content
    spend(data.observation)
    floor = 2.5 * before["rms"]
    # A major cycle ends when what is left is a tenth: deeper needs fresh residuals.
    left = max(0.1, (1.0 - gain) ** (niter / 20))
    peak = floor + max(0.0, before["peak"] - floor) * left
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
    picture = {"of": residual.get("version", ""), "label": "simulated residual", "peak": peak}
    return {
        "image": residual,
        "peak": peak,
        "rms": before["rms"],
        "model_flux": 1.0 - peak / before["sky_peak"],
        "quicklook": write(workdir, "quicklook", data.observation, picture, sources=[residual]),
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
