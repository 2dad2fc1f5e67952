"""What a picture shows to a page: its title, that it is simulated, a legend; and to a PNG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from radps_dag.lettering.rendering import rendered
from radps_dag.lettering.text import clean, shorten
from radps_dag.workloads.sim.charts.marks import (
    INK,
    MUTED,
    Style,
    crosses,
    line,
    points,
    rectangle,
    width_of,
    words,
)

__all__ = ["HEADER", "SIMULATED", "legend", "page", "to_png"]

SIMULATED = "simulated"
HEADER = 58.0  # what the title takes of the page
_MARGIN = 16.0
# Pixels for each unit of the page: sharp on the screens of today, or fewer where the file would be
# larger than what is shown in place on Prefect's page.
_SCALES = (1.5, 1.25, 1.0)
_MOST_PIXELS = 2_600_000
_MOST_BYTES = 290_000


def page(width: float, height: float, title: str, subtitle: str, parts: Iterable[str]) -> str:
    """An SVG document with a title and one line about it; every picture says that it is
    simulated."""
    mark = width_of(SIMULATED, 11, "SemiBold") + 16
    title = shorten(clean(title), width - 3 * _MARGIN - mark, 16, "SemiBold")
    subtitle = shorten(clean(subtitle), width - 2 * _MARGIN, 11)
    left = width - _MARGIN - mark
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
        f' viewBox="0 0 {width:g} {height:g}" font-family="Inter, sans-serif" role="img">',
        rectangle(0, 0, width, height, fill="#fafbfc"),
        words(_MARGIN, 27, title, 16, weight="SemiBold"),
        words(_MARGIN, 45, subtitle, 11, colour=MUTED),
        rectangle(left, 12, mark, 20, fill="#fff4d6", stroke="#d9a400", radius=10),
        words(
            left + mark / 2, 26, SIMULATED, 11, anchor="middle", weight="SemiBold", colour="#6b5200"
        ),
    ]
    return "\n".join([*head, *parts, "</svg>\n"])


def to_png(svg: str) -> bytes:
    """A page as a PNG of at most 290 kB, as sharp as it can be; larger if it could not be read."""
    width, height = (float(svg.split(f'{name}="', 1)[1].split('"')[0]) for name in _SIZE)
    scales = [one for one in _SCALES if width * height * one**2 <= _MOST_PIXELS]
    for scale in scales or _SCALES[-1:]:
        found = rendered(svg, round(width * scale), system_fonts=False)
        if len(found) <= _MOST_BYTES:
            break
    return found


_SIZE = ("width", "height")


def legend(
    left: float,
    top: float,
    width: float,
    entries: Sequence[tuple[str, Style]],
    flagged: bool = False,
) -> tuple[list[str], float]:
    """Names beside their lines, in as many rows as they take, and the height of these."""
    parts: list[str] = []
    x, y = left, top + 10
    shown: list[tuple[str, Style | None]] = [*entries, *([("flagged", None)] if flagged else [])]
    for name, drawn in shown:
        taken = 34 + width_of(name, 11) + 18
        if x > left and x + taken > left + width:
            x, y = left, y + 18
        if drawn is None:
            parts.append(crosses(np.array([x + 13]), y - 4, MUTED, 3))
        else:
            ends = np.array([x, x + 26])
            parts.append(line(ends, np.array([y - 4, y - 4]), drawn, 1.6))
            parts.append(points(np.array([x + 13]), np.array([y - 4]), drawn, 3))
        parts.append(words(x + 32, y, name, 11, colour=INK))
        x += taken
    return parts, (y - top + 10 if shown else 0.0)
