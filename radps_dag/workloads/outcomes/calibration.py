"""Outputs of workloads that solve and apply calibrations."""

from __future__ import annotations

from typing import TypedDict

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.units import Degrees, Fraction, Jansky, Score, Seconds

__all__ = [
    "Applied",
    "Bandpass",
    "Chosen",
    "Compared",
    "FluxScale",
    "Gains",
    "Interval",
    "Modelled",
    "PhasedUp",
    "Solved",
    "Table",
]


class Modelled(TypedDict):
    """Visibilities with a model.

    Attributes:
        ms: the visibilities
        flux_density: flux density of the model
    """

    ms: Product
    flux_density: Jansky


class PhasedUp(TypedDict):
    """Phase solutions before the bandpass.

    Attributes:
        caltable: the solutions
        phase_rms: rms of the phases
    """

    caltable: Product
    phase_rms: Degrees


class Bandpass(TypedDict):
    """Bandpass solutions after some iterations of the solver.

    Attributes:
        caltable: the solutions
        change: relative change in the last iteration
        snr: signal to noise of the solutions
        flagged_fraction: share of the solutions that is flagged
        dead_receptors: receptors without a signal, such as A03:XX
        score: QA score, were this the last iteration
    """

    caltable: Product
    change: Fraction
    snr: float
    flagged_fraction: Fraction
    dead_receptors: list[str]
    score: Score


class Interval(TypedDict):
    """Best way to solve gains.

    Attributes:
        interval: solution interval
        snr: signal to noise that a solution of one spw has in that interval
        combined: whether spws must be combined to reach the signal to noise asked for
        spw_groups: spws that are solved together: each alone, or all in one group
        score: QA score of the signal to noise
    """

    interval: Seconds
    snr: float
    combined: bool
    spw_groups: list[list[int]]
    score: Score


class Gains(TypedDict):
    """Gain solutions after some iterations of the solver.

    Attributes:
        caltable: the solutions
        change: relative change in the last iteration
        snr: signal to noise of the solutions
        phase_rms: rms of the phases
        snr_score: QA score of the signal to noise
        phase_score: QA score of the phase rms: 0 at 90 degrees
    """

    caltable: Product
    change: Fraction
    snr: float
    phase_rms: Degrees
    snr_score: Score
    phase_score: Score


class FluxScale(TypedDict):
    """The flux scale of the calibrators.

    Attributes:
        caltable: the scaled solutions
        flux_densities: flux density in Jy by field
        snr: signal to noise of the least certain flux density
        spread: relative spread of the flux densities between spws
        snr_score: QA score of the signal to noise
        spread_score: QA score of the spread
    """

    caltable: Product
    flux_densities: dict[str, float]
    snr: float
    spread: Fraction
    snr_score: Score
    spread_score: Score


class Applied(TypedDict):
    """Calibrated visibilities.

    Attributes:
        ms: the visibilities
        flagged_fraction: share of the visibilities that is flagged
        score: QA score of that share
    """

    ms: Product
    flagged_fraction: Fraction
    score: Score


class Table(TypedDict):
    """A caltable.

    Attributes:
        caltable: the solutions
    """

    caltable: Product


class Solved(TypedDict):
    """Gains against the target's own model.

    Attributes:
        caltable: the solutions
        snr: signal to noise of the solutions
        flagged_fraction: share of the solutions that is flagged
    """

    caltable: Product
    snr: float
    flagged_fraction: Fraction


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
