"""A figure with a title, a line about it, and the word "simulated"; to PNG or PDF."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping, Sequence
from math import ceil, floor, log10
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator, ScalarFormatter
from PIL import Image

from radps_dag.fonts.text import clean

__all__ = [
    "COLOURS",
    "EDGE",
    "INK",
    "MUTED",
    "NORMAL",
    "SMALL",
    "Format",
    "counted",
    "encoded",
    "fitted",
    "prefixed",
    "sheet",
    "styled",
    "titled",
]

Format = Literal["png", "pdf"]
INK, MUTED, EDGE = "#1a1f24", "#5b6570", "#8a939c"
LARGE, NORMAL, SMALL = 11.5, 8.0, 7.2  # sizes of texts in points
# Okabe & Ito (2008), https://jfly.uni-koeln.de/color/, without the yellow, which is hardly seen on
# white: people of any colour vision tell them apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# Sharp on the screens of today, or coarser where the file would be larger than what Prefect's page
# shows in place.
_RESOLUTIONS, _MOST_BYTES = (150, 125, 100), 290_000
# Matplotlib's fonts are not made for several threads.
_DRAWING = threading.Lock()


def sheet(
    title: str,
    about: str,
    simulated: bool,
    frame: tuple[float, float],
    shape: tuple[int, int] = (1, 1),
    gaps: tuple[float, float] = (0.0, 0.0),
    margins: tuple[float, float, float, float] = (0.78, 0.2, 0.3, 0.45),
    entries: Sequence[tuple[str, Mapping[str, Any]]] = (),
) -> tuple[Figure, list[SubplotSpec]]:
    """An empty figure with its header, and the places of its frames, row by row; every picture of
    what is simulated says so.

    Args:
        title, about: texts of the header, cut to its width
        simulated: whether what is shown is
        frame: width and height of a frame, as all lengths in inches
        shape: rows and columns of frames
        gaps: between columns, and between rows
        margins: left and right of the frames, and above and below them
        entries: names and styles of a legend below the header
    """
    (rows, columns), (left, right, above, below) = shape, margins
    width = left + columns * frame[0] + (columns - 1) * gaps[0] + right
    across = max(
        1, int((width - 0.3) / (0.7 + 0.07 * max((len(n) for n, _ in entries), default=0)))
    )
    above += 0.55 + 0.18 * ceil(len(entries) / across)
    height = above + rows * frame[1] + (rows - 1) * gaps[1] + below
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")

    def write(x: float, y: float, text: str, **how: Any) -> None:
        figure.text(x / width, 1 - y / height, text, parse_math=False, **how)

    how: dict[str, Any] = {"weight": "bold", "color": INK}
    write(
        0.16,
        0.27,
        fitted(title, width - (1.4 if simulated else 0.32), LARGE, "bold"),
        size=LARGE,
        **how,
    )
    write(0.16, 0.45, fitted(about, width - 0.32, NORMAL), size=NORMAL, color=MUTED)
    if simulated:
        box = {"boxstyle": "round,pad=0.4,rounding_size=0.8", "fc": "#fff4d6", "ec": "#d9a400"}
        how = {"size": NORMAL, "weight": "bold", "color": "#6b5200", "ha": "right"}
        write(width - 0.22, 0.26, "simulated", bbox=box, **how)
    if entries:
        figure.legend(
            handles=[Line2D([], [], **{**style, "markersize": 4.0}) for _, style in entries],
            labels=[name for name, _ in entries],
            loc="upper left",
            bbox_to_anchor=(0.12 / width, 1 - 0.54 / height),
            ncols=across,
            frameon=False,
            borderaxespad=0.0,
            fontsize=NORMAL,
            labelcolor=INK,
        )
    grid = GridSpec(
        rows,
        columns,
        figure,
        left=left / width,
        right=1 - right / width,
        top=1 - above / height,
        bottom=below / height,
        wspace=gaps[0] / frame[0],
        hspace=gaps[1] / frame[1],
    )
    return figure, [grid[place] for place in range(rows * columns)]


def styled(axes: Axes) -> Axes:
    """The frame, with small numbers without offsets, and a grid behind what is drawn."""
    axes.tick_params(which="both", labelsize=SMALL, labelcolor=MUTED, color=MUTED, length=3.0)
    axes.set_axisbelow(True)
    axes.grid(color="#e4e8ec", linewidth=0.8)
    axes.spines[:].set_color(EDGE)
    for axis in (axes.xaxis, axes.yaxis):
        formatter = ScalarFormatter(useOffset=False, useMathText=False)
        formatter.set_powerlimits((-5, 6))
        axis.set_major_formatter(formatter)
        axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
        axis.label.set(size=NORMAL, color=INK)
        axis.offsetText.set(size=SMALL, color=MUTED)
    return axes


def titled(axes: Axes, name: str) -> None:
    """Name a frame, above it."""
    axes.set_title(name, loc="left", pad=4, size=8.6, weight="bold", color=INK, parse_math=False)


def encoded(figure: Figure, form: Format = "png") -> bytes:
    """A figure as a file: PDF, or a PNG of at most 290 kB, as sharp as it can be with that."""
    with _DRAWING:
        file = io.BytesIO()
        if form == "pdf":
            figure.savefig(file, format=form, dpi=150, metadata={"CreationDate": None})
            return file.getvalue()
        for resolution in _RESOLUTIONS:
            figure.set_dpi(resolution)
            canvas: Any = FigureCanvasAgg(figure)
            canvas.draw()
            file = io.BytesIO()
            picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
            # A palette takes a third of the size.
            few = picture.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
            few.save(file, "PNG")
            if file.tell() <= _MOST_BYTES:
                break
        return file.getvalue()


def counted(number: int, what: str) -> str:
    """A number of things in words."""
    return f"{number} {what}{'s' if number != 1 else ''}"


def prefixed(largest: float, unit: str) -> tuple[float, str]:
    """The factor, and the unit with a prefix, in which a number is neither long nor tiny.

    >>> prefixed(0.004, "Jy/beam")
    (1000.0, 'mJy/beam')
    >>> prefixed(2e4, "Jy/beam")
    (0.001, 'kJy/beam')
    """
    if not largest or 0.5 <= largest < 1e4:
        return 1.0, unit
    power = min(9, max(-15, 3 * floor(log10(2 * largest) / 3)))
    return 10.0**-power, f"{EngFormatter.ENG_PREFIXES[power]}{unit}"


def fitted(text: str, width: float, size: float, weight: str = "normal") -> str:
    """As much of a text as fits into so many inches in front of an ellipsis, without characters
    that cannot be drawn.
    """
    # DejaVu Sans, which matplotlib brings: a picture is the same wherever it is drawn.
    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight=weight)))
    font.set_size(size, 72)
    text = drawable = "".join(
        char if font.get_char_index(ord(char)) else "\N{REPLACEMENT CHARACTER}"
        for char in clean(text)[: int(360 * width / size) + 2]
    )
    while text:
        shown = text if text == drawable else f"{text.rstrip()}…"
        font.set_text(shown)
        if font.get_width_height()[0] / 64 <= 72 * width:
            return shown
        text = text[:-1]
    return "…" if drawable else ""
