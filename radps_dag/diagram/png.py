"""A picture to PNG, by way of SVG."""

from __future__ import annotations

from math import sqrt

from radps_dag.diagram.picture import Picture
from radps_dag.diagram.svg import svg
from radps_dag.fonts.rendering import rendered

__all__ = ["png", "scale_of"]

SCALE = 2.0  # sharp on the screens of today
WIDEST, HIGHEST, MOST_PIXELS = 8000, 16000, 40_000_000


def png(picture: Picture) -> bytes:
    """The picture as a PNG at twice its size, or less where that would be too large to open."""
    scale = scale_of(picture.width, picture.height)
    return rendered(svg(picture, embed_fonts=False), round(picture.width * scale))


def scale_of(width: float, height: float) -> float:
    """Pixels for each unit of a picture."""
    return min(SCALE, WIDEST / width, HIGHEST / height, sqrt(MOST_PIXELS / (width * height)))
