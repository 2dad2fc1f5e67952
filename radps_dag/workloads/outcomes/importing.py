"""Outputs of workloads that import visibilities."""

from __future__ import annotations

from typing import TypedDict

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.units import Bytes, Fraction, Kelvin, Metres, Score

__all__ = [
    "Corrected",
    "Flagged",
    "Gathered",
    "Imported",
    "Positions",
    "Tsys",
    "Wvr",
]


class Imported(TypedDict):
    """One field and spw out of the archive.

    Attributes:
        ms: the visibilities
        intents: scan intents present
        size: size of the download
    """

    ms: Product
    intents: list[str]
    size: Bytes


class Flagged(TypedDict):
    """Outcome of flagging.

    Attributes:
        ms: the visibilities, flagged
        flagged_fraction: share of the visibilities that is flagged
        score: QA score of that share
    """

    ms: Product
    flagged_fraction: Fraction
    score: Score


class Positions(TypedDict):
    """Corrections of antenna positions.

    Attributes:
        caltable: the corrections
        largest: the largest correction
    """

    caltable: Product
    largest: Metres


class Corrected(TypedDict):
    """Visibilities with something applied.

    Attributes:
        ms: the visibilities
    """

    ms: Product


class Tsys(TypedDict):
    """System temperatures.

    Attributes:
        caltable: the solutions
        median: their median
    """

    caltable: Product
    median: Kelvin


class Wvr(TypedDict):
    """Phase corrections from the water-vapour radiometers.

    Attributes:
        caltable: the solutions
        phase_rms_ratio: phase rms without the correction over that with it
        score: QA score of that ratio
    """

    caltable: Product
    phase_rms_ratio: float
    score: Score


class Gathered(TypedDict):
    """Parts put together.

    Attributes:
        ms: all the visibilities
        fields: names of the fields
        spws: spectral window ids
        flagged_fraction: share of the visibilities that is flagged
        flag_score: QA score of that share
        intents_score: QA score: share of the wanted intents present
    """

    ms: Product
    fields: list[str]
    spws: list[int]
    flagged_fraction: Fraction
    flag_score: Score
    intents_score: Score
