"""Workloads that make pictures to look at: small, large, many, and other products beside them."""

from __future__ import annotations

import math
import random
import struct
import zlib
from typing import TypedDict

from radps_dag.workloads import Product, Workdir, workload


class Drawn(TypedDict):
    """What was drawn.

    Attributes:
        picture: a picture
        value: how deep the image is
    """

    picture: Product
    value: float


class Stored(TypedDict):
    """What is no picture.

    Attributes:
        store: a directory
        plot: a plot that no page shows in place
        table: neither
    """

    store: Product
    plot: Product
    table: Product


def sky(width: int, height: int, noise: float, seed: int = 1) -> bytes:
    """A PNG of a field of point sources with noise; the more noise, the larger the file."""
    draw = random.Random(seed)
    sources = [
        (draw.random() * width, draw.random() * height, 2 ** -draw.randrange(4)) for _ in range(9)
    ]
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        near = [one for one in sources if abs(one[1] - y) < 20]
        for x in range(width):
            flux = 0.1 + noise * draw.gauss(0, 0.05)
            for at, line, peak in near:
                if abs(at - x) < 20:
                    flux += peak * math.exp(-((at - x) ** 2 + (line - y) ** 2) / 30)
            level = min(1.0, max(0.0, flux))
            shade = (min(1.0, 2 * level), level**1.3, max(0.0, 0.45 - 0.4 * level + level**4))
            rows += bytes(int(255 * min(1.0, one)) for one in shade)

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + bytes(parts)


@workload
def quicklook(value: int = 1, large: bool = False, *, workdir: Workdir) -> Drawn:
    """Draw an image of the sky, small or large."""
    path = workdir / ("large.png" if large else "sky.png")
    path.write_bytes(sky(600, 450, 1, value) if large else sky(160, 120, 0.2, value))
    return {"picture": {"uri": path.as_uri(), "kind": "quicklook"}, "value": value}


@workload
def broken(*, workdir: Workdir) -> Drawn:
    """Leave what is called a picture and is none."""
    path = workdir / "text.png"
    path.write_text("<script>alert(1)</script>")
    return {"picture": {"uri": path.as_uri(), "kind": "plot"}, "value": 0}


@workload
def hand_on(picture: Product) -> Drawn:
    """Return a picture that another call has made."""
    return {"picture": picture, "value": 0}


@workload
def store(*, workdir: Workdir) -> Stored:
    """Leave a store of visibilities, a plot for printing, and a table."""
    (workdir / "vis.zarr" / "c").mkdir(parents=True)
    (workdir / "vis.zarr" / "zarr.json").write_text("{}")
    (workdir / "vis.zarr" / "c" / "0").write_bytes(bytes(1000))
    (workdir / "uv <b>plot.pdf").write_bytes(b"%PDF-1.4")
    (workdir / "scores.txt").write_text("good")
    return {
        "store": {"uri": (workdir / "vis.zarr").as_uri(), "kind": "visibilities"},
        "plot": {"uri": (workdir / "uv <b>plot.pdf").as_uri(), "kind": "plot"},
        "table": {"uri": (workdir / "scores.txt").as_uri(), "kind": "table"},
    }
