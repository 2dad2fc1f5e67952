"""What iterations left behind to a picture: how a loop came to its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.axes import Axis, Frame, around
from radps_dag.workloads.sim.charts.marks import Style, line, points, style
from radps_dag.workloads.sim.charts.page import HEADER, legend, page, to_png
from radps_dag.workloads.sim.charts.ticks import prefixed
from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.solutions import Caltable

__all__ = [
    "image_convergence",
    "image_convergence_svg",
    "table_convergence",
    "table_convergence_svg",
]

_WIDTH, _HEIGHT = 760.0, 200.0
_LEAST = 1e-30  # what is less counts as zero
History = Sequence[Mapping[str, float]]
Names = Sequence[tuple[str, str, float]]  # of the history, of the legend, and a factor


def image_convergence(image: Image) -> bytes:
    """A PNG of the residual and the flux of the model after each major cycle."""
    return to_png(image_convergence_svg(image))


def table_convergence(table: Caltable) -> bytes:
    """A PNG of the change and the signal to noise after each iteration."""
    return to_png(table_convergence_svg(table))


def image_convergence_svg(image: Image) -> str:
    """The same as SVG; raises ValueError for an image that no major cycle has made."""
    what = f"the image of {image.field}"
    history = _checked(image.history, what, "major cycle", "clean", ("peak", "rms", "flux"))
    largest = max(max(entry["peak"], entry["rms"]) for entry in history)
    factor, unit = prefixed(largest, "Jy/beam")
    of_flux, flux_unit = prefixed(max(abs(entry["flux"]) for entry in history), "Jy")
    residuals = [("peak", "brightest residual", factor), ("rms", "rms of the residual", factor)]
    spws = ", ".join(map(str, image.spws))
    last = history[-1]
    about = (
        f"after {_count(len(history), 'major cycle')}: residual {factor * last['peak']:.3g} {unit},"
        f" rms {factor * last['rms']:.3g} {unit}, model {of_flux * last['flux']:.3g} {flux_unit}"
    )
    return _charts(
        f"CLEAN of {image.field}, spw{'s' if len(image.spws) > 1 else ''} {spws}, {image.mode}",
        about,
        "major cycle",
        history,
        [
            (residuals, f"residual ({unit})", True),
            ([("flux", "flux of the model", of_flux)], f"model ({flux_unit})", False),
        ],
    )


def table_convergence_svg(table: Caltable) -> str:
    """The same as SVG; raises ValueError for a caltable that no iterations have made."""
    what = f"the caltable of type {table.type}"
    maker = "solve_bandpass or solve_gains"
    history = _checked(table.history, what, "iteration", maker, ("change", "snr"))
    last = history[-1]
    about = (
        f"after {_count(len(history), 'iteration')}: change {last['change']:.2g}, "
        f"SNR {last['snr']:.3g}"
    )
    return _charts(
        f"Convergence of the {table.type.replace('_', ' ')}",
        about,
        "iteration",
        history,
        [
            ([("change", "relative change", 1.0)], "change", True),
            ([("snr", "median SNR", 1.0)], "SNR", False),
        ],
    )


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
                raise ValueError(f"{name} of {each} {number} of {what} is no number")
    return history


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _charts(
    title: str,
    about: str,
    each: str,
    history: History,
    charts: Sequence[tuple[Names, str, bool]],
) -> str:
    """Charts above each other, of the same iterations; logarithmic ones where asked for."""
    count = len(history)
    numbers = np.arange(1, count + 1, dtype=np.float64)
    every = -(-count // 20)
    ticks = tuple(numbers[::every].tolist())
    parts: list[str] = []
    entries: list[tuple[str, Style]] = []
    frames: list[Frame] = []
    top = HEADER + 34
    for names, label, log in charts:
        values = {name: np.array([entry[name] for entry in history]) for name, _, _ in names}
        scaled = [factor * values[name] for name, _, factor in names]
        x = Axis(0.5, count + 0.5, at=ticks)
        frame = Frame(70, top, _WIDTH - 88, _HEIGHT, x, _y(scaled, label, log))
        parts += frame.background()
        for (_, name, _), one in zip(names, scaled, strict=True):
            drawn = style(len(entries), len(entries))
            entries.append((name, drawn))
            y = frame.down(one) if frame.y.scale == "linear" else _within(frame, one)
            parts += [line(frame.across(numbers), y, drawn, 1.5)]
            parts += [points(frame.across(numbers), y, drawn, 3.2)]
        parts += [*frame.edge(), *frame.y_labels(52)]
        frames.append(frame)
        top = frame.bottom + 14
    last = frames[-1]
    below = Frame(
        last.left, last.top, last.width, last.height, Axis(0.5, count + 0.5, each, at=ticks), last.y
    )
    key, _ = legend(16, HEADER, _WIDTH - 32, entries)
    return page(_WIDTH, last.bottom + 42, title, about, [*key, *parts, *below.x_labels()])


def _y(values: Sequence[NDArray[np.float64]], label: str, log: bool) -> Axis:
    every = np.concatenate(values)
    if log and (every > _LEAST).any():
        return Axis(*around(every[every > _LEAST], 0.08, log=True), label, "log")
    if not every.any():
        return Axis(-0.1, 1.0, label)
    return Axis(*around(np.append(every, 0.0), 0.1), label)


def _within(frame: Frame, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places on a logarithmic axis; what is zero is at its bottom."""
    seen = values > _LEAST
    return np.where(seen, frame.down(np.where(seen, values, 1.0)), frame.bottom)
