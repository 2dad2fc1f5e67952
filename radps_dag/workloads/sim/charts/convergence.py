"""Convergence of a loop, from what its iterations left behind, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.sheet import (
    COLOURS,
    EDGE,
    counted,
    prefixed,
    sheet,
    styled,
)
from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.solutions import Caltable

__all__ = ["draw_history", "image_convergence", "table_convergence"]

History = Sequence[Mapping[str, float]]


def image_convergence(image: Image) -> Figure:
    """The residual and the flux of the model after each major cycle.

    Raises ValueError for an image that no major cycle has made.
    """
    members = _checked(
        image.history, f"the image of {image.field}", "major cycle", "clean", "peak rms flux"
    )
    factor, unit = prefixed(float(max(members["peak"].max(), members["rms"].max())), "Jy/beam")
    of_flux, flux_unit = prefixed(float(np.abs(members["flux"]).max()), "Jy")
    peak, rms, flux = factor * members["peak"], factor * members["rms"], of_flux * members["flux"]
    about = (
        f"after {counted(len(flux), 'major cycle')}: residual {peak[-1]:.3g} {unit}, "
        f"rms {rms[-1]:.3g} {unit}, model {flux[-1]:.3g} {flux_unit}"
    )
    residuals = {"brightest residual": peak, "rms of the residual": rms}
    return _figure(
        f"CLEAN of {image.name}",
        about,
        "major cycle",
        {f"residual ({unit})": residuals, f"model ({flux_unit})": {"flux of the model": flux}},
        image.simulated,
    )


def table_convergence(table: Caltable) -> Figure:
    """The change and the signal to noise after each iteration.

    Raises ValueError for a caltable that no iterations have made.
    """
    what, maker = f"the caltable of type {table.type}", "solve_bandpass or solve_gains"
    members = _checked(table.history, what, "iteration", maker, "change snr")
    change, snr = members["change"], members["snr"]
    return _figure(
        f"Convergence of the {table.type.replace('_', ' ')}",
        f"after {counted(len(snr), 'iteration')}: change {change[-1]:.2g}, SNR {snr[-1]:.3g}",
        "iteration",
        {"change": {"relative change": change}, "SNR": {"median SNR": snr}},
        table.simulated,
    )


def draw_history(
    axes: Axes, curves: Mapping[str, NDArray[np.float64]], *, log: bool = False, first: int = 0
) -> None:
    """Draw numbers (n,) of n iterations by their names, in colours from the first on; from zero, or
    on a logarithmic axis, which lines leave at the bottom for what is zero."""
    if log and any((values > 0).any() for values in curves.values()):
        axes.set_yscale("log")
    else:
        axes.axhline(0.0, color=EDGE, linewidth=0.8)
    for number, (name, values) in enumerate(curves.items(), start=first):
        at = np.arange(1, len(values) + 1)
        axes.plot(at, values, label=name, **_style(number))
    axes.set(ymargin=0.1, xlim=(0.5, at[-1] + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(20, integer=True, min_n_ticks=1))


def _style(number: int) -> dict[str, Any]:
    return {"color": COLOURS[number], "marker": "osD^"[number], "markersize": 4.3, "linewidth": 1.1}


def _figure(
    title: str,
    about: str,
    each: str,
    charts: Mapping[str, Mapping[str, NDArray[np.float64]]],
    simulated: bool,
) -> Figure:
    """Charts above each other, of the same iterations, the first of them logarithmic."""
    names = [name for curves in charts.values() for name in curves]
    entries = [(name, _style(number)) for number, name in enumerate(names)]
    shape, gaps, margins = (len(charts), 1), (0.0, 0.2), (0.9, 0.2, 0.2, 0.45)
    figure, grid = sheet(title, about, simulated, (6.5, 2.0), shape, gaps, margins, entries)
    drawn = 0
    for place, (label, curves) in zip(grid, charts.items(), strict=True):
        axes = styled(figure.add_subplot(place))
        draw_history(axes, curves, log=not drawn, first=drawn)
        drawn += len(curves)
        axes.set_ylabel(label)
        axes.yaxis.set_label_coords(-0.1, 0.5)
        axes.tick_params(labelbottom=drawn == len(names))
    axes.set_xlabel(each)
    return figure


def _checked(
    history: History, what: str, each: str, maker: str, names: str
) -> dict[str, NDArray[np.float64]]:
    """(n,) the members of n entries by their names."""
    if not history:
        raise ValueError(f"{what} has no history: no {each} has made it; draw what {maker} gives")
    for number, entry in enumerate(history, start=1):
        for name in names.split():
            if name not in entry:
                raise ValueError(
                    f"{each} {number} of {what} says nothing of {name}; draw what {maker} gives"
                )
            if not isfinite(entry[name]):
                raise ValueError(f"{name} of {each} {number} of {what} is not a number")
    return {name: np.array([entry[name] for entry in history]) for name in names.split()}
