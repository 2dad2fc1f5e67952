"""Workloads that leave pictures, and what looks like them."""

from __future__ import annotations

import struct
import zlib
from typing import TypedDict

from radps_dag.workloads import Product, Workdir, workload


class Value(TypedDict):
    """A value.

    Attributes:
        value: the value
    """

    value: int


class Drawn(TypedDict):
    """A picture.

    Attributes:
        picture: what was drawn
    """

    picture: Product


def png(width: int, height: int) -> bytes:
    """A picture with all shades from left to right."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    rows = bytes([0, *(255 * x // max(1, width - 1) for x in range(width))]) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@workload
def picture(value: int = 1, *, workdir: Workdir) -> Value:
    """Leave a small picture, one that is too large, and a text that is called one."""
    (workdir / "shades.png").write_bytes(png(160, 90))
    (workdir / "large.png").write_bytes(png(10, 10) + b"\0" * 400_000)
    (workdir / "text.png").write_text("<script>alert(1)</script>")
    return {"value": value}


@workload
def draw(*, workdir: Workdir) -> Drawn:
    """Leave a picture as a product."""
    (workdir / "shades.png").write_bytes(png(160, 90))
    return {"picture": {"uri": (workdir / "shades.png").as_uri(), "kind": "image"}}
