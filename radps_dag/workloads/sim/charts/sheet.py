"""A figure with a title, a line about it, and the word "simulated"; to PNG or PDF.

Lengths are in units of which 100 are an inch, from the top left corner of the figure.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from PIL import Image

from radps_dag.fonts.text import clean
from radps_dag.workloads.sim.visibilities import Floats

__all__ = [
    "COLOURS",
    "HEADER",
    "INK",
    "MAPS",
    "MUTED",
    "SHADES",
    "Format",
    "axes_at",
    "encoded",
    "key",
    "limits",
    "points",
    "prefixed",
    "sheet",
    "shortened",
    "width_of",
]

Format = Literal["png", "pdf"]
INK, MUTED, GRID = "#1a1f24", "#5b6570", "#e4e8ec"
# Okabe & Ito (2008), https://jfly.uni-koeln.de/color/, without the yellow, which is hardly seen on
# white: people of any colour vision tell them apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_OTHERS = (INK, MUTED, GRID, "#8a939c", "#d9a400", "#6b5200", "#fff4d6", "#cfeadf")
# Of emission, and of what should be noise. Noise in 256 shades makes files that are too large to be
# shown in place, and 0 is in the middle of an odd number.
MAPS, SHADES = ("inferno", "RdBu_r"), 33
HEADER = 58.0  # what title and subtitle take
_MARGIN, _INCH = 16.0, 100.0
# Sharp on the screens of today, or coarser where the file would be larger than what Prefect's page
# shows in place.
_RESOLUTIONS, _MOST_BYTES = (150, 125, 100), 290_000
# Matplotlib's fonts are not made for several threads.
_DRAWING = threading.Lock()


def points(units: float) -> float:
    """A length in points, as matplotlib counts sizes of fonts and lines."""
    return units * 72.0 / _INCH


def sheet(width: float, height: float, title: str, about: str, simulated: bool = True) -> Figure:
    """An empty figure with its header; every picture of what is simulated says so."""
    figure = Figure(figsize=(width / _INCH, height / _INCH), dpi=_INCH, facecolor="white")
    mark = width_of("simulated", 11, "bold") + 16
    title = shortened(title, width - 3 * _MARGIN - mark, 16, "bold")
    about = shortened(about, width - 2 * _MARGIN, 11)

    def write(x: float, y: float, text: str, **how: Any) -> None:
        figure.text(x / width, 1 - y / height, text, parse_math=False, **how)

    write(_MARGIN, 27, title, size=points(16), weight="bold", color=INK)
    write(_MARGIN, 45, about, size=points(11), color=MUTED)
    if not simulated:
        return figure
    box = {"boxstyle": "round,pad=0.4,rounding_size=0.8", "fc": "#fff4d6", "ec": "#d9a400"}
    how = {"size": points(11), "weight": "bold", "color": "#6b5200", "bbox": box}
    write(width - _MARGIN - mark / 2, 26, "simulated", ha="center", **how)
    return figure


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """A frame at a place of the figure."""
    across, down = figure.get_size_inches() * _INCH
    place = (left / across, 1 - (top + height) / down, width / across, height / down)
    axes = figure.add_axes(place)
    axes.tick_params(labelsize=points(10), labelcolor=MUTED, color=MUTED, length=points(4))
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.8)
    for spine in axes.spines.values():
        spine.set_color("#8a939c")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_plain())
        axis.label.set(size=points(11), color=INK)
        axis.offsetText.set(size=points(10), color=MUTED)
    for axis, length in ((axes.xaxis, width / 80), (axes.yaxis, height / 30)):
        axis.set_major_locator(MaxNLocator(min(9, max(2, int(length))), steps=[1, 2, 5, 10]))
    return axes


def _plain() -> ScalarFormatter:
    """Numbers as they are, without an offset; very large and small ones by a power of ten."""
    formatter = ScalarFormatter(useOffset=False, useMathText=False)
    formatter.set_powerlimits((-5, 6))
    return formatter


def key(
    figure: Figure, entries: Sequence[tuple[str, dict[str, Any]]], flagged: bool = False
) -> float:
    """A legend below the header, and the height that it takes."""
    if flagged:
        entries = [*entries, ("flagged", {"marker": "x", "color": MUTED, "linestyle": "none"})]
    width, height = figure.get_size_inches() * _INCH
    longest = max(width_of(name, 11) for name, _ in entries) + 70
    columns = min(len(entries), max(1, int((width - 2 * _MARGIN) / longest)))
    figure.legend(
        handles=[Line2D([], [], **how) for _, how in entries],
        labels=[name for name, _ in entries],
        loc="upper left",
        bbox_to_anchor=((_MARGIN - 4) / width, 1 - (HEADER - 4) / height),
        ncols=columns,
        frameon=False,
        borderaxespad=0.0,
        prop={"size": points(11)},
        labelcolor=INK,
    )
    return 24.0 * (-(-len(entries) // columns))


def limits(values: Floats, share: float = 0.05, least: float = 0.0) -> tuple[float, float]:
    """A range with room around numbers; at least so long, and never without length."""
    good = np.asarray(values, dtype=np.float64)
    good = good[np.isfinite(good)]
    low, high = (float(good.min()), float(good.max())) if good.size else (0.0, 1.0)
    span = max(high - low, least, 1e-9 * max(abs(low), abs(high)), 1e-30)
    middle, half = (low + high) / 2, span * (0.5 + share)
    return middle - half, middle + half


def encoded(figure: Figure, form: Format = "png") -> bytes:
    """A figure as a file: PDF, or a PNG of at most 290 kB, as sharp as it can be with that."""
    content = b""
    with _DRAWING:
        if form == "pdf":
            file = io.BytesIO()
            figure.savefig(file, format=form, dpi=150, metadata={"CreationDate": None})
            return file.getvalue()
        for resolution in _RESOLUTIONS:
            content = _in_few_colours(figure, resolution)
            if len(content) <= _MOST_BYTES:
                break
    return content


def _in_few_colours(figure: Figure, resolution: int) -> bytes:
    """A PNG with a palette: a third of the size, every shade of a colour bar kept."""
    figure.set_dpi(resolution)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    file = io.BytesIO()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.quantize(palette=_palette(), dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


@cache
def _palette() -> Image.Image:
    """The shades of both colour maps, and our other colours as they fade into white at edges."""
    shades = [colormaps[name].resampled(SHADES)(np.arange(SHADES))[:, :3] for name in MAPS]
    inks = np.array([to_rgb(colour) for colour in (*COLOURS, *_OTHERS)])
    faded = [1.0 + share * (inks - 1.0) for share in np.linspace(0.125, 1.0, 8)]
    colours = np.concatenate([np.ones((1, 3)), *shades, *faded])
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.round(255 * colours).astype(np.uint8).tobytes())
    return palette


@cache
def _font(weight: str) -> Any:
    """DejaVu Sans, which matplotlib brings: a picture is the same wherever it is drawn."""
    return get_font(findfont(FontProperties(family="DejaVu Sans", weight=weight)))


def width_of(text: str, size: float, weight: str = "normal") -> float:
    """The width of a line of text."""
    with _DRAWING:
        font = _font(weight)
        font.set_size(points(size), _INCH)
        font.set_text(text)
        return float(font.get_width_height()[0]) / 64.0


def shortened(text: str, width: float, size: float, weight: str = "normal") -> str:
    """Shorten a text to what fits in front of an ellipsis, without characters that cannot be
    drawn.
    """
    font = _font(weight)
    text = "".join(
        char if font.get_char_index(ord(char)) else "\N{REPLACEMENT CHARACTER}"
        for char in clean(text)[: int(width / size * 5) + 2]
    )
    if width_of(text, size, weight) <= width:
        return text
    while text and width_of(f"{text}…", size, weight) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def prefixed(largest: float, unit: str) -> tuple[float, str]:
    """The factor, and the unit with a prefix, in which a number is neither long nor tiny.

    >>> prefixed(0.004, "Jy/beam")
    (1000.0, 'mJy/beam')
    >>> prefixed(2e4, "Jy/beam")
    (0.001, 'kJy/beam')
    """
    larger = ((1e-3, "k"), (1e-6, "M"), (1e-9, "G"))
    smaller = ((1.0, ""), (1e3, "m"), (1e6, "µ"), (1e9, "n"), (1e12, "p"), (1e15, "f"))
    if largest >= 1e4:
        fitting = [prefix for prefix in larger if largest * prefix[0] < 1e4] or larger[-1:]
    else:
        fitting = [prefix for prefix in smaller if largest * prefix[0] >= 0.5] or smaller[:1]
    factor, prefix = fitting[0]
    return factor, f"{prefix}{unit}"
