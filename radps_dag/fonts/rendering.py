"""SVG to PNG, with the fonts that its texts were measured with."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import as_file, files

__all__ = ["rendered"]


def rendered(svg: str, width: int, *, system_fonts: bool = True) -> bytes:
    """An SVG document as a PNG of so many pixels in width, its `sans-serif` texts in Inter.

    With `system_fonts`, those stand in for letters that ours do not have. Without them, which is
    quicker, the picture is the same on every machine.
    """
    import resvg_py

    with ExitStack() as open_fonts:
        folder = open_fonts.enter_context(as_file(files("radps_dag.fonts") / "inter"))
        return resvg_py.svg_to_bytes(
            svg_string=svg,
            font_files=[str(path) for path in sorted(folder.glob("*.ttf"))],
            skip_system_fonts=not system_fonts,
            sans_serif_family="Inter",
            width=width,
        )
