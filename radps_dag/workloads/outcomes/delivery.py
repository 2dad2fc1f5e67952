"""Outputs of workloads that deliver files, and of those that only play work."""

from __future__ import annotations

from typing import Any, TypedDict

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.units import Arcseconds, Bytes, Fraction, JanskyPerBeam, Score

__all__ = [
    "Converging",
    "Drawn",
    "Exported",
    "Manifest",
    "Masked",
    "Measured",
    "MeasurementSet",
    "Submitted",
    "Verified",
    "Worked",
]


class Exported(TypedDict):
    """A file for the archive.

    Attributes:
        file: the file
        checksum: its SHA-256
        size: its size
    """

    file: Product
    checksum: str
    size: Bytes


class Drawn(TypedDict):
    """A picture for people.

    Attributes:
        plot: the picture
    """

    plot: Product


class MeasurementSet(TypedDict):
    """Visibilities for other people's programs.

    Attributes:
        ms: the MeasurementSet
    """

    ms: Product


class Measured(TypedDict):
    """The description in the header of an image in FITS.

    Attributes:
        peak: brightest pixel
        rms: noise, by the median absolute deviation, without what stands out
        dynamic_range: peak over rms
        beam_major: full width at half maximum of the beam, along its major axis
        beam_minor: the same along its minor axis
        score: QA score: erf(dynamic range / 10 / sqrt 2)
        plot: the image, for people
    """

    peak: JanskyPerBeam
    rms: JanskyPerBeam
    dynamic_range: float
    beam_major: Arcseconds
    beam_minor: Arcseconds
    score: Score
    plot: Product


class Masked(TypedDict):
    """Pixels of an image in which CLEAN may put components.

    Attributes:
        mask: the mask, an image of 0 and 1
        masked_fraction: share of the pixels in it
    """

    mask: Product
    masked_fraction: Fraction


class Manifest(TypedDict):
    """A list of files.

    Attributes:
        manifest: the list, with checksums
        files: how many there are
        size: size of all of them
    """

    manifest: Product
    files: int
    size: Bytes


class Submitted(TypedDict):
    """The archive's answer.

    Attributes:
        receipt: the archive's receipt
    """

    receipt: Product


class Verified(TypedDict):
    """Completeness of a delivery.

    Attributes:
        good: files present with the right checksum
        total: files of the manifest
        score: QA score: their share
    """

    good: int
    total: int
    score: Score


class Worked(TypedDict):
    """Result of simulated work.

    Attributes:
        value: the value handed through
        score: a number from 0 to 1, drawn at random
    """

    value: Any
    score: Fraction


class Converging(TypedDict):
    """Progress of a simulated solver.

    Attributes:
        residual: what is left after this iteration
    """

    residual: float
