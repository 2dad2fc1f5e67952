"""Visibilities and a caltable to calibrated visibilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.calibration.interpolating import interpolate
from radps_dag.workloads.sim.solutions import Caltable, Solutions
from radps_dag.workloads.sim.visibilities import Complexes, Visibilities

__all__ = ["apply_table", "gains_at"]


def apply_table(vis: Visibilities, caltable: Caltable) -> Visibilities:
    """Divide visibilities by g_i conj(g_j), and multiply their weights by |g_i|^2 |g_j|^2.

    Of the solutions for the spw and polarization those of the same field count if there are any,
    else those of the intent PHASE, else all. They are interpolated in time. An antenna without any
    solution is flagged; so is a visibility that is no number. Self-calibration flags nothing: where
    it has no solution, the data stay as they are.

    Raises ValueError where the solutions are of other spws, polarizations, channels or antennas.
    """
    if caltable.type == "antenna_positions":
        raise ValueError(
            "antenna positions are no gains: apply them with apply_antenna_positions, before"
        )
    if not vis.time.size:
        return vis
    gain, flag = gains_at(vis, caltable)
    gain1, gain2 = gain[:, vis.antenna1], gain[:, vis.antenna2]
    bad = flag[:, vis.antenna1] | flag[:, vis.antenna2] | ~np.isfinite(vis.data)
    divided = vis.data / (gain1 * np.conj(gain2))
    data: Complexes = np.where(np.isfinite(vis.data), np.where(bad, vis.data, divided), 0.0)
    if vis.data.dtype == np.complex64:
        data = data.astype(np.complex64)
    weight = vis.weight * np.abs(gain1) ** 2 * np.abs(gain2) ** 2
    return replace(
        vis,
        data=data,
        flag=vis.flag | bad,
        weight=weight.astype(vis.weight.dtype),
    )


def gains_at(
    vis: Visibilities, caltable: Caltable
) -> tuple[NDArray[np.complex128], NDArray[np.bool_]]:
    """The gains for visibilities: (t, a, f or 1, p), 1 where flagged, and their flags."""
    order = _antennas(vis, caltable)
    gains, flags = [], []
    for polarization in vis.polarizations:
        parts = _parts_for(vis, polarization, caltable)
        time, gain, flag = _together(vis, polarization, parts, caltable.type)
        at, bad = interpolate(time, gain[:, order], flag[:, order], vis.time)
        gains.append(at)
        flags.append(bad)
    return np.stack(gains, axis=-1), np.stack(flags, axis=-1)


def _antennas(vis: Visibilities, caltable: Caltable) -> list[int]:
    """The place in the caltable of each antenna of the visibilities."""
    for name in vis.antennas.names:
        if name not in caltable.antennas:
            raise ValueError(f"caltable of type {caltable.type} has no antenna {name}")
    return [caltable.antennas.index(name) for name in vis.antennas.names]


def _parts_for(vis: Visibilities, polarization: str, caltable: Caltable) -> list[Solutions]:
    """The solutions that count for one polarization."""
    of_spw = [part for part in caltable.parts if vis.spw in part.spws]
    if not of_spw:
        there = sorted({spw for part in caltable.parts for spw in part.spws})
        raise ValueError(
            f"caltable of type {caltable.type} has no solutions for spw {vis.spw}; "
            f"there are spws {', '.join(map(str, there)) or 'none'}"
        )
    fitting = [part for part in of_spw if polarization in part.polarizations]
    if not fitting:
        raise ValueError(
            f"caltable of type {caltable.type} has no solutions for polarization {polarization} "
            f"of spw {vis.spw}"
        )
    same = [part for part in fitting if part.field in (vis.field, "")]
    return same or [part for part in fitting if "PHASE" in part.intents] or fitting


def _together(
    vis: Visibilities, polarization: str, parts: Sequence[Solutions], kind: str
) -> tuple[NDArray[np.float64], NDArray[np.complex128], NDArray[np.bool_]]:
    """Times, gains (t, a, f) and flags of parts, in the order of time."""
    gains: list[NDArray[np.complex128]] = []
    flags: list[NDArray[np.bool_]] = []
    for part in parts:
        _check_channels(vis, part, kind)
        column = part.polarizations.index(polarization)
        gain = part.gain[..., column].astype(np.complex128)
        # A gain of 0 cannot be divided by: there was no signal.
        bad = part.flag[..., column] | ~np.isfinite(gain) | (gain == 0)
        gains.append(np.where(bad, 1.0, gain))
        flags.append(np.zeros_like(bad) if kind == "selfcal" else bad)
    time = np.concatenate([part.time.astype(np.float64) for part in parts])
    order = np.argsort(time, kind="stable")
    return time[order], np.concatenate(gains)[order], np.concatenate(flags)[order]


def _check_channels(vis: Visibilities, part: Solutions, kind: str) -> None:
    if part.frequency.size == 1:
        return
    same = part.frequency.size == vis.frequency.size and np.allclose(
        part.frequency, vis.frequency, rtol=0.0, atol=0.01 * abs(vis.channel_width)
    )
    if not same:
        raise ValueError(
            f"caltable of type {kind} has other channels than {vis.name}: "
            f"{part.frequency.size} from {part.frequency[0] / 1e9:.6f} GHz, "
            f"{vis.frequency.size} from {vis.frequency[0] / 1e9:.6f} GHz"
        )
