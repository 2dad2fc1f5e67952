"""Images, caltables and spectra made by hand, and readers of pictures that know nothing of ours."""

from __future__ import annotations

import re
import struct
import zlib
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from radps_dag.lettering.text import text_width
from radps_dag.workloads.sim.image import Image, Plane
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.solutions import Caltable, CaltableType, Solutions

ARCSEC = np.pi / 180 / 3600
CELL = 0.1 * ARCSEC
OBSERVATION = Observation(
    project="simulated",
    calibrators=("J1924-2914", "J1832-1035"),
    targets=("G09.62",),
    spws=(0, 1),
    scans=(1, 2, 3),
    polarizations=("XX", "YY"),
    channels=32,
    antennas=10,
    seed=1,
    noise=1.0,
    phase_rms=40.0,
    amplitude_rms=0.05,
    bandpass_rms=0.1,
    interference=0.0,
    position_error=0.0,
    wvr_error=0.0,
    dead_receptors=(),
)
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
    """A text of a picture and the box that it takes."""

    words: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Text) -> bool:
        """Whether a part of one is on the other."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > 0.5 and down > 0.5


def texts(svg: str) -> list[Text]:
    """All texts of a picture, measured."""
    found = []
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        words, size = element.text or "", float(element.attrib["font-size"])
        x, y = float(element.attrib["x"]), float(element.attrib["y"])
        weight = "SemiBold" if "font-weight" in element.attrib else "Regular"
        width = text_width(words, size, weight)
        before = {"start": 0.0, "middle": width / 2, "end": width}[element.attrib["text-anchor"]]
        up, down = 0.73 * size, 0.1 * size
        if "transform" in element.attrib:
            found.append(Text(words, x - up, y - width + before, x + down, y + before))
        else:
            found.append(Text(words, x - before, y - up, x - before + width, y + down))
    return found


def size_of(svg: str) -> tuple[float, float]:
    """Width and height of a picture."""
    root = ElementTree.fromstring(svg)
    return float(root.attrib["width"]), float(root.attrib["height"])


def embedded(svg: str, what: str) -> NDArray[np.uint8]:
    """The pixels (y, x, 3) of an image in a picture whose label begins so."""
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}image"):
        if element.attrib["aria-label"].startswith(what):
            return decoded(b64decode(element.attrib["href"].partition(",")[2]))
    raise AssertionError(f"no image {what} in the picture")


def decoded(png: bytes) -> NDArray[np.uint8]:
    """The pixels (y, x, 3 or 4) of a PNG, by the rules of its specification."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    place, content, names = 8, b"", []
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        name, data = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", png, place + 8 + length)[0] == zlib.crc32(name + data)
        if name == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data)
        content += data if name == b"IDAT" else b""
        names.append(name)
        place += 12 + length
    assert names[0] == b"IHDR" and names[-1] == b"IEND"
    assert depth == 8 and interlaced == 0
    channels = {2: 3, 6: 4}[colour]
    lines = zlib.decompress(content)
    row = 1 + channels * width
    assert len(lines) == height * row
    done = np.zeros((height, width * channels), dtype=np.uint8)
    before = bytearray(width * channels)
    for number in range(height):
        kind, line = lines[number * row], bytearray(lines[number * row + 1 : (number + 1) * row])
        _undo(kind, line, before, channels)
        done[number] = line
        before = line
    return done.reshape(height, width, channels)


def _undo(kind: int, line: bytearray, above: bytearray, channels: int) -> None:
    """Turn a filtered line into bytes, in place."""
    if kind == 0:
        return
    for place, value in enumerate(line):
        left = line[place - channels] if place >= channels else 0
        corner = above[place - channels] if place >= channels else 0
        up = above[place]
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            near = left + up - corner
            guess = min((left, up, corner), key=lambda one, near=near: abs(near - one))
        line[place] = (value + guess) & 0xFF


def numbers(words: str) -> float:
    """A label of a tick as a number."""
    return float(re.sub("\N{MINUS SIGN}", "-", words))
