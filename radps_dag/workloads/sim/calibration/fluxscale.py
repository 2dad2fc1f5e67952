"""Gains against models of 1 Jy to flux densities, by the calibrator of which it is known.

Gains of the same antenna, polarization and spw are the same for all fields but for their slow
drift, which is interpolated in time; so the ratio of their squares is the ratio of the flux density
to that of the model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.calibration.interpolating import interpolate
from radps_dag.workloads.sim.solutions import Solutions

__all__ = ["CERTAIN", "FluxDensity", "derive_flux_densities", "scale"]

# From the median absolute deviation to the standard deviation, and the error of a median over that
# of a mean, both of a normal distribution.
_TO_SIGMA, _OF_MEDIAN = 1.4826, 1.2533
# Signal to noise of what does not scatter at all.
CERTAIN = 1e6


@dataclass(frozen=True, slots=True)
class FluxDensity:
    """Flux densities of one field.

    Attributes:
        by_spw: in Jy
        error: standard error in Jy by spw
    """

    by_spw: dict[int, float]
    error: dict[int, float]

    @property
    def mean(self) -> float:
        """The mean flux density over the spws, in Jy."""
        return sum(self.by_spw.values()) / len(self.by_spw)

    @property
    def snr(self) -> float:
        """The mean over its error; spws drift together, so that of several is no less."""
        error = sum(self.error.values()) / len(self.error)
        return min(CERTAIN, self.mean / error) if error > 0 else CERTAIN

    @property
    def spread(self) -> float:
        """Difference of the largest and the smallest of the spws over the mean."""
        values = self.by_spw.values()
        return (max(values) - min(values)) / self.mean


def derive_flux_densities(
    parts: Sequence[Solutions], standards: Collection[str]
) -> dict[str, FluxDensity]:
    """Flux densities of all fields but those of which it is known.

    The median over antennas, polarizations and scans, and its error from how they scatter.
    Raises ValueError where no field is known, or one has no solutions in common with these.
    """
    fields = list(dict.fromkeys(part.field for part in parts if part.field not in standards))
    if not any(part.field in standards for part in parts):
        raise ValueError(
            "no gains of a field of known flux density: the flux scale needs a calibrator with "
            "the intent FLUX"
        )
    densities = {}
    for field in fields:
        spws = sorted({spw for part in parts if part.field == field for spw in part.spws})
        ratios = {spw: _ratios(parts, standards, field, spw) for spw in spws}
        flux = {spw: float(np.median(values)) for spw, values in ratios.items()}
        error = {spw: _error(values) for spw, values in ratios.items()}
        densities[field] = FluxDensity(flux, error)
    return densities


def scale(parts: Sequence[Solutions], flux: dict[str, FluxDensity]) -> tuple[Solutions, ...]:
    """Solutions against models of 1 Jy as they are against models of the right flux density."""
    return tuple(
        replace(part, gain=part.gain / flux[part.field].by_spw[part.spws[0]] ** 0.5)
        if part.field in flux
        else part
        for part in parts
    )


def _ratios(
    parts: Sequence[Solutions], standards: Collection[str], field: str, spw: int
) -> NDArray[np.float64]:
    """Squared ratios of amplitudes of all antennas, polarizations and scans."""
    of_spw = [part for part in parts if spw in part.spws]
    references = [part for part in of_spw if part.field in standards]
    ratios = []
    for part in _nearest([part for part in of_spw if part.field == field], references):
        names = [
            p
            for p in part.polarizations
            if all(p in reference.polarizations for reference in references)
        ]
        if not references or not names:
            continue
        own, against = _amplitudes(part, names), _at(part, references, names)
        ratios.append(((own / against) ** 2).reshape(-1))
    values: NDArray[np.float64] = np.concatenate([*ratios, np.zeros(0)])
    values = values[np.isfinite(values)]
    if not values.size:
        raise ValueError(
            f"no gains of field {field}, spw {spw}, to compare with those of "
            f"{', '.join(sorted(standards))}: they are flagged, or of other spws or polarizations"
        )
    return values


def _nearest(parts: Sequence[Solutions], references: Sequence[Solutions]) -> list[Solutions]:
    """Pick the visits soonest before or after one of the references: gains drift meanwhile."""
    times = np.array([reference.time.mean() for reference in references])
    apart = [float(np.abs(times - part.time.mean()).min(initial=np.inf)) for part in parts]
    return [part for part, away in zip(parts, apart, strict=True) if away <= 1.5 * min(apart) + 1.0]


def _at(
    part: Solutions, references: Sequence[Solutions], polarizations: Sequence[str]
) -> NDArray[np.float64]:
    """(a, p) amplitudes of the fields of known flux density at the time of a part."""
    ordered = sorted(references, key=lambda solution: float(solution.time.mean()))
    amplitudes = np.stack([_amplitudes(solution, polarizations) for solution in ordered])
    bad = ~np.isfinite(amplitudes)
    time = np.array([solution.time.mean() for solution in ordered])
    values = np.where(bad, 1.0, amplitudes) + 0j
    value, missing = interpolate(time, values, bad, part.time.mean(keepdims=True))
    at: NDArray[np.float64] = np.where(missing[0], np.nan, np.abs(value[0]))
    return at


def _amplitudes(part: Solutions, polarizations: Sequence[str]) -> NDArray[np.float64]:
    """(a, p) mean amplitude over the unflagged intervals; not a number where there is none."""
    chosen = [part.polarizations.index(name) for name in polarizations]
    amplitudes: Any = np.ma.masked_array(np.abs(part.gain), part.flag)[..., chosen]
    mean: NDArray[np.float64] = amplitudes.mean(axis=(0, 2)).filled(np.nan)
    return mean


def _error(values: NDArray[np.float64]) -> float:
    """Standard error of the median; of values too few to scatter, the value itself."""
    if values.size < 3:
        return float(np.median(values))
    deviation = float(np.median(np.abs(values - np.median(values))))
    return float(_OF_MEDIAN * _TO_SIGMA * deviation / values.size**0.5)
