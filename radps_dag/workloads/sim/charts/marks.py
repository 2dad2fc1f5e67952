"""Words, lines and points to SVG elements."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from radps_dag.lettering.text import Weight, clean, text_width
from radps_dag.workloads.sim.charts.colours import SERIES
from radps_dag.workloads.sim.charts.png import png
from radps_dag.workloads.sim.visibilities import Floats

__all__ = [
    "AXIS",
    "GRID",
    "INK",
    "MUTED",
    "Anchor",
    "Style",
    "crosses",
    "line",
    "picture",
    "points",
    "rectangle",
    "segment",
    "style",
    "width_of",
    "words",
]

INK, MUTED, AXIS, GRID = "#1a1f24", "#5b6570", "#8a939c", "#e4e8ec"
Anchor = Literal["start", "middle", "end"]
_DASHES = ("", "6 3", "2 3", "8 3 2 3")
_MARKERS = ("circle", "square", "triangle", "diamond")


@dataclass(frozen=True, slots=True)
class Style:
    """How a series of numbers is told from the others: by its colour, marker and dashes."""

    colour: str
    marker: str = "circle"
    dash: str = ""


def style(series: int, group: int) -> Style:
    """Of the series of this number, the markers and dashes those of its group."""
    marker, dash = _MARKERS[group % len(_MARKERS)], _DASHES[group % len(_DASHES)]
    return Style(SERIES[series % len(SERIES)], marker, dash)


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def words(
    x: float,
    y: float,
    text: str,
    size: float = 11.0,
    *,
    anchor: Anchor = "start",
    colour: str = INK,
    weight: Weight = "Regular",
    turned: bool = False,
) -> str:
    """One line of text on the baseline y, or turned to run upwards."""
    bold = ' font-weight="600"' if weight == "SemiBold" else ""
    turn = f' transform="rotate(-90 {_n(x)} {_n(y)})"' if turned else ""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" text-anchor="{anchor}"'
        f' fill="{colour}"{bold}{turn}>{escape(clean(text))}</text>'
    )


def width_of(text: str, size: float, weight: Weight = "Regular") -> float:
    """The width of what `words` writes."""
    return text_width(clean(text), size, weight)


def segment(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    colour: str = GRID,
    width: float = 1.0,
    dash: str = "",
) -> str:
    """A straight line."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}" stroke="{colour}"'
        f' stroke-width="{_n(width)}"{dashes}/>'
    )


def rectangle(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str = "none",
    stroke: str = "none",
    radius: float = 0.0,
    opacity: float = 1.0,
) -> str:
    """A rectangle."""
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill="{fill}"'
        f' stroke="{stroke}" rx="{_n(radius)}" opacity="{_n(opacity)}"/>'
    )


def line(
    x: Floats, y: Floats, drawn: Style, width: float = 1.2, *, breaks: Sequence[int] = ()
) -> str:
    """A line through points (n,), interrupted before those of the given numbers and where one is
    no number."""
    pen, path = "M", []
    for number, (one, other) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        if not np.isfinite(other):
            pen = "M"
            continue
        pen = "M" if number in breaks else pen
        path.append(f"{pen}{_n(one)} {_n(other)}")
        pen = "L"
    dashes = f' stroke-dasharray="{drawn.dash}"' if drawn.dash else ""
    return (
        f'<path d="{"".join(path)}" fill="none" stroke="{drawn.colour}" stroke-width="{_n(width)}"'
        f' stroke-linejoin="round"{dashes}/>'
    )


def points(x: Floats, y: Floats, drawn: Style, radius: float = 2.4) -> str:
    """Markers at points (n,), but where one is no number; all in one element."""
    r = radius * 1.15
    shapes = {
        "circle": "h0",
        "square": "h0",
        "triangle": f"m0 {_n(-r)}l{_n(r)} {_n(1.75 * r)}h{_n(-2 * r)}z",
        "diamond": f"m0 {_n(-r)}l{_n(r)} {_n(r)}l{_n(-r)} {_n(r)}l{_n(-r)} {_n(-r)}z",
    }
    shape = shapes[drawn.marker]
    good = np.isfinite(y)
    path = "".join(
        f"M{_n(one)} {_n(other)}{shape}"
        for one, other in zip(x[good].tolist(), y[good].tolist(), strict=True)
    )
    if drawn.marker in ("circle", "square"):
        # A line without length whose ends are round, or square.
        ends = "round" if drawn.marker == "circle" else "square"
        return (
            f'<path d="{path}" stroke="{drawn.colour}" stroke-width="{_n(2 * radius)}"'
            f' stroke-linecap="{ends}"/>'
        )
    return f'<path d="{path}" fill="{drawn.colour}"/>'


def crosses(x: Floats, y: float, colour: str, radius: float = 2.2) -> str:
    """Crosses side by side: what is flagged."""
    r = _n(radius)
    cross = f"m-{r} -{r}l{_n(2 * radius)} {_n(2 * radius)}m0 -{_n(2 * radius)}"
    cross += f"l-{_n(2 * radius)} {_n(2 * radius)}"
    path = "".join(f"M{_n(one)} {_n(y)}{cross}" for one in x.tolist())
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1"/>'


def picture(
    x: float, y: float, width: float, height: float, pixels: NDArray[np.uint8], what: str
) -> str:
    """Pixels (y, x, 3), the first row at the top, embedded as a PNG and not smoothed."""
    data = b64encode(png(pixels)).decode()
    return (
        f'<image x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
        f' preserveAspectRatio="none" image-rendering="optimizeSpeed" aria-label={quoteattr(what)}'
        f' href="data:image/png;base64,{data}"/>'
    )
