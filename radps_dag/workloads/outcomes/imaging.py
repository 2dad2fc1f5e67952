"""Outputs of workloads that image, and tell lines from continuum."""

from __future__ import annotations

from typing import TypedDict

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.units import Fraction, Gigahertz, JanskyPerBeam, Score

__all__ = [
    "Cleaned",
    "Clipped",
    "Concatenated",
    "Described",
    "Dirty",
    "Line",
    "Lines",
    "Ranges",
    "Restored",
    "Spectrum",
    "Subtracted",
]


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
    """

    image: Product
    peak: JanskyPerBeam
    rms: JanskyPerBeam
    model_flux: Fraction


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


class Described(TypedDict):
    """Images.

    Attributes:
        images: the images
    """

    images: list[Product]


class Concatenated(TypedDict):
    """Images of channel blocks as one cube.

    Attributes:
        image: the cube
        channels: how many channels it has
    """

    image: Product
    channels: int


class Spectrum(TypedDict):
    """A mean spectrum.

    Attributes:
        spectrum: the spectrum
        channels: how many channels it has
        rms: its noise
    """

    spectrum: Product
    channels: int
    rms: JanskyPerBeam


class Line(TypedDict):
    """A spectral line that may be there.

    Attributes:
        name: of the molecule and transition
        frequency: rest frequency
    """

    name: str
    frequency: Gigahertz


class Lines(TypedDict):
    """Answer of the line catalogue.

    Attributes:
        lines: the lines that may be in the band
    """

    lines: list[Line]


class Clipped(TypedDict):
    """Continuum ranges after some rounds of sigma clipping.

    Attributes:
        ranges: the line-free channels
        clipped: channels that this round clipped
        continuum_fraction: share of the band that is line-free
        score: QA score of that share
    """

    ranges: Product
    clipped: int
    continuum_fraction: Fraction
    score: Score


class Ranges(TypedDict):
    """Continuum ranges of all spws.

    Attributes:
        ranges: the line-free channels by spw
        found: in how many spws continuum was found
        score: QA score: their share
    """

    ranges: Product
    found: int
    score: Score


class Subtracted(TypedDict):
    """Visibilities of lines only.

    Attributes:
        ms: the visibilities, the continuum subtracted
        residual_z: mean of the residual continuum over its error
        score: QA score of that
    """

    ms: Product
    residual_z: float
    score: Score
