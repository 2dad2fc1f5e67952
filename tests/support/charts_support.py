"""Images, caltables and spectra made by hand, and what can be read from a figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.text
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image, Plane
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.solutions import Caltable, CaltableType, Solutions

ARCSEC = np.pi / 180 / 3600
CELL = 0.1 * ARCSEC
OBSERVATION = Observation(antennas=10, interference=0.0, position_error=0.0, wvr_error=0.0)
ALL: tuple[Plane, ...] = ("psf", "dirty", "residual", "model", "mask", "restored")


def make_image(
    size: int = 64,
    channels: int = 1,
    planes: Sequence[Plane] = ALL,
    cycles: int = 3,
    noise: float = 3e-4,
    at: tuple[int, int] = (5, -3),
) -> Image:
    """A point of 0.3 Jy at so many pixels (north, west) of the centre, and noise."""
    random = np.random.default_rng([size, channels])
    y, x = np.mgrid[:size, :size] - size // 2
    beam = np.exp(-((y**2 + x**2) / 9.0))
    model = np.zeros((channels, size, size))
    model[:, size // 2 + at[0], size // 2 + at[1]] = 0.3
    source = 0.3 * np.exp(-(((y - at[0]) ** 2 + (x - at[1]) ** 2) / 9.0))
    # As coarse as the beam, as the noise of an image is.
    spectrum = np.fft.rfft2(np.fft.ifftshift(beam))
    residual = np.fft.irfft2(np.fft.rfft2(random.normal(size=model.shape)) * spectrum, (size, size))
    residual *= noise / residual.std()
    every: dict[Plane, Any] = {
        "psf": np.repeat(beam[np.newaxis], channels, axis=0),
        "dirty": source + residual,
        "residual": residual,
        "model": model,
        "mask": np.repeat(source[np.newaxis] > 0.01, channels, axis=0).astype(np.float64),
        "restored": source + residual,
    }
    return Image(
        field="G09.62",
        spws=(0,),
        mode="cube" if channels > 1 else "continuum",
        channels={0: tuple(range(max(channels, 32)))},
        frequency=229.1e9 + 58e6 * np.arange(channels, dtype=np.float64),
        cell=CELL,
        direction=np.array([4.7, -0.35]),
        robust=0.5,
        planes={name: every[name] for name in planes},
        beam=np.tile([5 * CELL, 4 * CELL, 0.6], (channels, 1)),
        sensitivity=np.full(channels, noise),
        history=tuple(
            {"cycle": n + 1.0, "peak": 0.3 * 0.4**n, "rms": noise, "flux": 0.3, "iterations": 90.0}
            for n in range(cycles)
        ),
    )


def make_table(
    type: CaltableType = "gains",  # a caltable's own word
    antennas: int = 8,
    channels: int = 1,
    times: int = 3,
    scans: int = 2,
    spws: Sequence[tuple[int, ...]] = ((0,), (1,)),
    flagged: float = 0.0,
    phase: float = 30.0,
) -> Caltable:
    """Gains drawn at random; `phase` is their rms in degrees."""
    random = np.random.default_rng([antennas, channels, times])
    shape = (times, antennas, channels, 2)
    parts = []
    for scan in range(scans):
        for group in spws:
            angle = np.deg2rad(phase) * random.normal(size=shape)
            gain = (1 + 0.1 * random.normal(size=shape)) * np.exp(1j * angle)
            flag = random.random(shape) < flagged
            parts.append(
                Solutions(
                    field="J1924-2914",
                    intents=("PHASE",),
                    spws=group,
                    scan=scan,
                    time=1.7e9 + 600.0 * scan + 6.0 * np.arange(times),
                    interval=6.0,
                    frequency=230e9 + 2e9 * group[0] + 58e6 * np.arange(channels),
                    polarizations=("XX", "YY"),
                    gain=gain,
                    flag=flag,
                    snr=np.where(flag, 0.0, 40.0),
                )
            )
    names = tuple(f"A{number:02d}" for number in range(antennas))
    history = tuple({"iteration": n + 1.0, "change": 0.3 * 0.2**n, "snr": 40.0} for n in range(4))
    return Caltable(type, names, tuple(parts), {}, history)


def make_spectrum(channels: int = 32) -> dict[str, Any]:
    """A record of a spectrum: a line in the continuum."""
    number = np.arange(channels)
    noise = 0.002 * np.random.default_rng(channels).normal(size=channels)
    mean = 0.08 + noise + 0.1 * np.exp(-(((number - 12) / 2.0) ** 2))
    return {
        "field": "G09.62",
        "spw": 0,
        "channels": number.tolist(),
        "total": channels,
        "frequency": (229.1e9 + 58e6 * number).tolist(),
        "mean": mean.tolist(),
        "rms": 0.002,
    }


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a figure and the box that it takes, in pixels from the lower left corner."""

    words: str
    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Text) -> bool:
        """Whether a part of one is on the other."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.top, other.top) - max(self.bottom, other.bottom)
        return across > 0.5 and up > 0.5


def texts(figure: Figure) -> list[Text]:
    """All texts of a figure that are seen, measured."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    found = []
    for text in _shown(figure):
        if text.get_visible() and text.get_text().strip():
            # Without the ascent of letters that the text does not have.
            box = text.get_window_extent(canvas.get_renderer())
            inside = 0.1 * (box.height if text.get_rotation() == 0 else box.width)
            found.append(
                Text(text.get_text(), box.x0, box.y0 + inside, box.x1, box.y1 - inside)
                if text.get_rotation() == 0
                else Text(text.get_text(), box.x0 + inside, box.y0, box.x1 - inside, box.y1)
            )
    return found


def _shown(figure: Figure) -> Iterator[matplotlib.text.Text]:
    yield from figure.texts
    within = [axes.get_legend() for axes in figure.axes]
    for legend in (*figure.legends, *filter(None, within)):
        yield from legend.get_texts()
    for axes in every_axes(figure):
        yield from (axes.title, axes._left_title, axes._right_title, *axes.texts)
        for axis in (axes.xaxis, axes.yaxis):
            yield from (axis.label, axis.offsetText)
            # As the axis is scaled: on a logarithmic one a tick far below is near in numbers.
            scaled = axis.get_transform().transform
            low, high = sorted(scaled(axis.get_view_interval()))
            dust = 1e-9 * (high - low)
            for tick in axis.get_major_ticks():
                if low - dust <= scaled(tick.get_loc()) <= high + dust:
                    yield from (tick.label1, tick.label2)


def every_axes(figure: Figure) -> list[Axes]:
    """The frames of a figure, with those inside of others."""
    return [one for axes in figure.axes for one in (axes, *axes.child_axes)]


def size_of(figure: Figure) -> tuple[float, float]:
    """Width and height of a figure in pixels."""
    width, height = figure.canvas.get_width_height()
    return float(width), float(height)


def drawn(figure: Figure, title: str) -> Axes:
    """The frame whose title begins so."""
    for axes in figure.axes:
        if axes.get_title(loc="left").startswith(title):
            return axes
    raise AssertionError(f"no frame {title} in the figure")


def pixels_of(figure: Figure, title: str) -> NDArray[np.float64]:
    """The values (y, x) that are shown in a frame, the first row at the bottom."""
    return np.asarray(drawn(figure, title).images[0].get_array())
