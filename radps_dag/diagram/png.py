"""SVG to PNG, with the fonts that the picture was measured with."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import as_file, files
from math import sqrt

from radps_dag.diagram.picture import Picture
from radps_dag.diagram.svg import svg

__all__ = ["png"]

SCALE = 2.0  # sharp on the screens of today
WIDEST, HIGHEST, MOST_PIXELS = 8000, 16000, 40_000_000


def png(picture: Picture) -> bytes:
    """The picture as a PNG at twice its size, or less where that would be too large to open."""
    import resvg_py

    with ExitStack() as open_fonts:
        folder = open_fonts.enter_context(as_file(files("radps_dag.diagram") / "fonts"))
        return resvg_py.svg_to_bytes(
            # Fonts of the system stand in for letters that ours do not have.
            svg_string=svg(picture, embed_fonts=False),
            font_files=[str(path) for path in sorted(folder.glob("*.ttf"))],
            sans_serif_family="Inter",
            width=round(picture.width * scale(picture)),
        )


def scale(picture: Picture) -> float:
    """Pixels for each unit of the picture."""
    area = picture.width * picture.height
    return min(
        SCALE,
        WIDEST / picture.width,
        HIGHEST / picture.height,
        sqrt(MOST_PIXELS / area),
    )
