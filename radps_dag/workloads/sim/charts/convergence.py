"""Convergence of a loop, from what its iterations left behind, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.sheet import (
    COLOURS,
    HEADER,
    axes_at,
    key,
    limits,
    points,
    prefixed,
    sheet,
)
from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.solutions import Caltable

__all__ = ["draw_history", "image_convergence", "table_convergence"]

_WIDTH, _HEIGHT, _GAP = 760.0, 200.0, 22.0
_LEAST = 1e-30  # what is less counts as zero
_MARKERS = "osD^"
History = Sequence[Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class _Chart:
    """Members of the history with their names, all times a factor; logarithmic where asked for."""

    names: Mapping[str, str]
    label: str
    factor: float = 1.0
    log: bool = False


def image_convergence(image: Image) -> Figure:
    """The residual and the flux of the model after each major cycle.

    Raises ValueError for an image that no major cycle has made.
    """
    what = f"the image of {image.field}"
    history = _checked(image.history, what, "major cycle", "clean", ("peak", "rms", "flux"))
    factor, unit = prefixed(max(max(entry["peak"], entry["rms"]) for entry in history), "Jy/beam")
    of_flux, flux_unit = prefixed(max(abs(entry["flux"]) for entry in history), "Jy")
    last = history[-1]
    about = (
        f"after {_count(len(history), 'major cycle')}: residual {factor * last['peak']:.3g} {unit},"
        f" rms {factor * last['rms']:.3g} {unit}, model {of_flux * last['flux']:.3g} {flux_unit}"
    )
    spws = ", ".join(map(str, image.spws))
    title = f"CLEAN of {image.field}, spw{'s' if len(image.spws) > 1 else ''} {spws}, {image.mode}"
    residuals = {"peak": "brightest residual", "rms": "rms of the residual"}
    charts = [
        _Chart(residuals, f"residual ({unit})", factor, log=True),
        _Chart({"flux": "flux of the model"}, f"model ({flux_unit})", of_flux),
    ]
    return _figure(title, about, "major cycle", history, charts, image.simulated)


def table_convergence(table: Caltable) -> Figure:
    """The change and the signal to noise after each iteration.

    Raises ValueError for a caltable that no iterations have made.
    """
    what, maker = f"the caltable of type {table.type}", "solve_bandpass or solve_gains"
    history = _checked(table.history, what, "iteration", maker, ("change", "snr"))
    last = history[-1]
    about = (
        f"after {_count(len(history), 'iteration')}: change {last['change']:.2g}, "
        f"SNR {last['snr']:.3g}"
    )
    title = f"Convergence of the {table.type.replace('_', ' ')}"
    charts = [
        _Chart({"change": "relative change"}, "change", log=True),
        _Chart({"snr": "median SNR"}, "SNR"),
    ]
    return _figure(title, about, "iteration", history, charts, table.simulated)


def draw_history(
    axes: Axes, values: NDArray[np.float64], series: int, *, log: bool = False
) -> None:
    """Draw numbers (n,) of n iterations as the series of that number; on a logarithmic axis what is
    zero is at the bottom."""
    shown = np.where(values > _LEAST, values, np.nan) if log else values
    axes.plot(np.arange(1, len(values) + 1), shown, **_style(series))
    if log and (zero := np.flatnonzero(values <= _LEAST)).size:
        bottom = axes.get_xaxis_transform()
        how = {**_style(series), "linestyle": "none", "clip_on": False}
        axes.plot(zero + 1, np.zeros(zero.size), transform=bottom, **how)


def _style(series: int) -> dict[str, Any]:
    colour, marker = COLOURS[series % len(COLOURS)], _MARKERS[series % len(_MARKERS)]
    return {"color": colour, "marker": marker, "markersize": points(6), "linewidth": 1.1}


def _figure(
    title: str,
    about: str,
    each: str,
    history: History,
    charts: Sequence[_Chart],
    simulated: bool,
) -> Figure:
    """Charts above each other, of the same iterations."""
    top = HEADER + 34
    height = top + len(charts) * (_HEIGHT + _GAP) + 24
    figure = sheet(_WIDTH, height, title, about, simulated)
    entries = [name for chart in charts for name in chart.names.values()]
    key(figure, [(name, _style(number)) for number, name in enumerate(entries)])
    series = 0
    for number, chart in enumerate(charts):
        axes = axes_at(figure, 78, top + number * (_HEIGHT + _GAP), _WIDTH - 96, _HEIGHT)
        values = [
            chart.factor * np.array([entry[name] for entry in history]) for name in chart.names
        ]
        every = np.concatenate(values)
        log = chart.log and bool((every > _LEAST).any())
        for curve in values:
            draw_history(axes, curve, series, log=log)
            series += 1
        _scaled(axes, every, log)
        axes.set_ylabel(chart.label)
        axes.set_xlim(0.5, len(history) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(20, integer=True))
        if number < len(charts) - 1:
            axes.tick_params(labelbottom=False)
        else:
            axes.set_xlabel(each)
    return figure


def _scaled(axes: Axes, every: NDArray[np.float64], log: bool) -> None:
    """Set the scale and the range of the y axis."""
    if not log:
        axes.set_ylim(*(limits(np.append(every, 0.0), 0.1) if every.any() else (-0.1, 1.0)))
        return
    formatter = axes.yaxis.get_major_formatter()
    axes.set_yscale("log")
    low, high = limits(np.log10(every[every > _LEAST]), 0.08, 0.3)
    axes.set_ylim(10**low, 10**high)
    few = high - low < 2
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=7))
    axes.yaxis.set_major_formatter(formatter if few else axes.yaxis.get_major_formatter())
    axes.minorticks_off()


def _checked(history: History, what: str, each: str, maker: str, names: Sequence[str]) -> History:
    if not history:
        raise ValueError(f"{what} has no history: no {each} has made it; draw what {maker} gives")
    for number, entry in enumerate(history, start=1):
        if missing := [name for name in names if name not in entry]:
            raise ValueError(
                f"{each} {number} of {what} says nothing of {missing[0]}; draw what {maker} gives"
            )
        for name, value in entry.items():
            if not isfinite(value):
                raise ValueError(f"{name} of {each} {number} of {what} is not a number")
    return history


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
