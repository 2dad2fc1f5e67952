"""Measured values to QA scores: 0 (useless) to 1 (perfect), as interferometry pipelines make them.

Scores to 0.33 are red, to 0.66 yellow, to 0.90 blue, green above. Every library uses these.
"""

from __future__ import annotations

from math import erf, sqrt

__all__ = [
    "bandpass_score",
    "clean_score",
    "continuum_score",
    "export_score",
    "flag_score",
    "flux_snr_score",
    "flux_spread_score",
    "found_score",
    "intents_score",
    "selfcal_score",
    "snr_score",
    "uvcontsub_score",
    "wvr_score",
]

# A clean image never scores worse than this: a noisy image is still an image.
_CLEAN_FLOOR = 0.34
# How far from the noise a source of this dynamic range is without self-calibration.
_USUAL_DYNAMIC_RANGE = 200.0


def _within(score: float) -> float:
    return min(1.0, max(0.0, score))


def intents_score(present: list[str], wanted: list[str]) -> float:
    """Share of the wanted intents that are present.

    >>> intents_score(["BANDPASS", "PHASE"], ["BANDPASS", "PHASE", "FLUX", "TARGET"])
    0.5
    """
    return sum(intent in present for intent in wanted) / len(wanted) if wanted else 1.0


def flag_score(flagged_fraction: float) -> float:
    """1 up to 5 % flagged, falling in a line to 0.5 at 50 %, and 0 for more.

    >>> flag_score(0.05), flag_score(0.5), flag_score(0.51)
    (1.0, 0.5, 0.0)
    """
    if flagged_fraction > 0.5:
        return 0.0
    return _within(1.0 - (flagged_fraction - 0.05) / 0.9)


def wvr_score(phase_rms_ratio: float) -> float:
    """min(1, ratio of the phase rms without the water-vapour correction to that with it).

    >>> wvr_score(1.7), wvr_score(0.8)
    (1.0, 0.8)
    """
    return _within(phase_rms_ratio)


def snr_score(snr: float) -> float:
    """erf(SNR / 10 / sqrt 2).

    >>> round(snr_score(10.0), 3)
    0.683
    """
    return _within(erf(snr / 10.0 / sqrt(2.0)))


def bandpass_score(flagged_fraction: float, snr: float, converged: bool) -> float:
    """min(1 - flagged fraction, erf(SNR / 10 / sqrt 2), whether the solver converged).

    >>> bandpass_score(0.1, 100.0, True), bandpass_score(0.1, 100.0, False)
    (0.9, 0.0)
    """
    return min(_within(1.0 - flagged_fraction), snr_score(snr), float(converged))


def flux_snr_score(snr: float) -> float:
    """A line through 0.66 at SNR 5 and 1 at SNR 26.25.

    >>> flux_snr_score(5.0), flux_snr_score(26.25)
    (0.66, 1.0)
    """
    return _within(0.66 + (snr - 5.0) * 0.34 / 21.25)


def flux_spread_score(spread: float) -> float:
    """Relative spread of the flux density between spws: under 0.1 is 1, under 0.2 0.75, else 0.5.

    >>> [flux_spread_score(spread) for spread in (0.05, 0.15, 0.3)]
    [1.0, 0.75, 0.5]
    """
    if spread < 0.1:
        return 1.0
    return 0.75 if spread < 0.2 else 0.5


def continuum_score(continuum_fraction: float, ranges: int) -> float:
    """One spw's continuum ranges: none is 0, a lone one under 5 % of the band 0.6, else 1.

    >>> continuum_score(0.0, 0), continuum_score(0.03, 1), continuum_score(0.6, 3)
    (0.0, 0.6, 1.0)
    """
    if ranges == 0:
        return 0.0
    return 0.6 if ranges == 1 and continuum_fraction < 0.05 else 1.0


def found_score(with_continuum: int, total: int) -> float:
    """Share of the spws in which continuum was found.

    >>> found_score(3, 4)
    0.75
    """
    return with_continuum / total if total else 0.0


def uvcontsub_score(residual_z: float) -> float:
    """z of the mean residual continuum: up to 2 is 1, falling in a line to 0 at 10.

    >>> uvcontsub_score(2.0), uvcontsub_score(6.0), uvcontsub_score(-12.0)
    (1.0, 0.5, 0.0)
    """
    return _within((10.0 - abs(residual_z)) / 8.0)


def clean_score(rms: float, sensitivity: float, peak: float) -> float:
    """Residual rms over the sensitivity, corrected for dynamic range: 1 is good, 5 bad.

    The error function between the two, centred on 3, not under 0.34. All in Jy/beam.

    >>> round(clean_score(1e-3, 1e-3, 1e-2), 2), clean_score(9e-3, 1e-3, 1e-2)
    (1.0, 0.34)
    """
    expected = max(sensitivity, peak / _USUAL_DYNAMIC_RANGE)
    ratio = rms / expected if expected > 0 else float("inf")
    return max(_CLEAN_FLOOR, _within(0.5 * (1.0 - erf(ratio - 3.0))))


def selfcal_score(attempted: bool, applied: bool, rms_ratio: float, failed: bool = False) -> float:
    """Not attempted 1, a worker failed 0.8, not applied 0.99, rms 2 % worse 0.85, improved 0.98.

    `rms_ratio` is the rms after self-calibration over that before.

    >>> selfcal_score(True, True, 0.4), selfcal_score(True, True, 1.03)
    (0.98, 0.85)
    """
    if failed:
        return 0.8
    if not attempted:
        return 1.0
    if not applied:
        return 0.99
    return 0.85 if rms_ratio >= 1.02 else 0.98


def export_score(good: int, total: int) -> float:
    """Share of the files that are present with the right checksum.

    >>> export_score(9, 10)
    0.9
    """
    return good / total if total else 0.0
