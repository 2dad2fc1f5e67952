"""Text measured, shortened and wrapped with the metrics of the font that draws it."""

from __future__ import annotations

import struct
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Literal

__all__ = ["Weight", "clean", "font_bytes", "shorten", "text_width", "wrap"]

Weight = Literal["Regular", "SemiBold"]


def font_bytes(weight: Weight, suffix: Literal["ttf", "woff2"]) -> bytes:
    """One of the fonts that are shipped."""
    return files("radps_dag.fonts").joinpath("inter", f"Inter-{weight}.{suffix}").read_bytes()


def text_width(text: str, size: float, weight: Weight = "Regular") -> float:
    """The width of one line, in the units of `size`."""
    widths = _widths(weight)
    return sum(widths.get(ord(char)) or _foreign_width(char) for char in text) * size


def clean(text: str) -> str:
    """One line without control characters, which XML does not allow and readers cannot see."""
    kept = (char if unicodedata.category(char)[0] != "C" else " " for char in text)
    # Format characters (joiners, direction marks) go as well: an embedded direction override
    # would turn around what stands next to it.
    return " ".join("".join(kept).split())


def shorten(text: str, width: float, size: float, weight: Weight = "Regular") -> str:
    """The text, or as much of it as fits in front of an ellipsis."""
    # No glyph is narrower than a fifth of the size: do not measure what can never fit.
    most = int(width / size * 5) + 2
    if len(text) <= most and text_width(text, size, weight) <= width:
        return text
    text = text[:most]
    room = width - text_width("…", size, weight)
    while text and text_width(text, size, weight) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def wrap(
    text: str, width: float, size: float, lines: int, weight: Weight = "Regular"
) -> tuple[str, ...]:
    """The text in at most so many lines; what does not fit ends in an ellipsis."""
    words = text.split()
    done: list[str] = []
    line = ""
    for number, word in enumerate(words):
        longer = f"{line} {word}" if line else word
        if not line or text_width(longer, size, weight) <= width:
            line = longer
            continue
        if len(done) == lines - 1:
            line = " ".join([line, *words[number:]])
            break
        done.append(shorten(line, width, size, weight))
        line = word
    return (*done, shorten(line, width, size, weight)) if line else tuple(done)


def _foreign_width(char: str) -> float:
    """The width, in ems, of a character that the font does not have: some other font will."""
    if unicodedata.combining(char):
        return 0.0
    return 1.2 if unicodedata.east_asian_width(char) in "WF" else 0.65


@cache
def _widths(weight: Weight) -> dict[int, float]:
    """Each code point of a font with its advance width in ems."""
    font = font_bytes(weight, "ttf")
    tables: dict[bytes, int] = {}
    for number in range(struct.unpack_from(">H", font, 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * number)
        tables[tag] = offset
    units = struct.unpack_from(">H", font, tables[b"head"] + 18)[0]
    measured = struct.unpack_from(">H", font, tables[b"hhea"] + 34)[0]
    advances = struct.unpack_from(">" + "Hh" * measured, font, tables[b"hmtx"])[::2]
    return {
        code: advances[min(glyph, measured - 1)] / units
        for code, glyph in _glyphs(font, tables[b"cmap"]).items()
    }


def _glyphs(font: bytes, cmap: int) -> dict[int, int]:
    """Code points to glyphs, from the font's subtable of format 4 (the Basic Plane)."""
    for number in range(struct.unpack_from(">H", font, cmap + 2)[0]):
        start = cmap + struct.unpack_from(">I", font, cmap + 8 + 8 * number)[0]
        if struct.unpack_from(">H", font, start)[0] == 4:
            return dict(_format_4(font, start))
    raise ValueError("the font has no character map of format 4")


def _format_4(font: bytes, start: int) -> list[tuple[int, int]]:
    twice = struct.unpack_from(">H", font, start + 6)[0]
    shape = f">{twice // 2}H"
    ends = struct.unpack_from(shape, font, start + 14)
    starts = struct.unpack_from(shape, font, start + 16 + twice)
    deltas = struct.unpack_from(shape, font, start + 16 + 2 * twice)
    offsets = struct.unpack_from(shape, font, start + 16 + 3 * twice)
    parts = []
    for segment, (first, last) in enumerate(zip(starts, ends, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if offsets[segment]:
                # The offset counts from its own place in the file, as the format has it.
                place = start + 16 + 3 * twice + 2 * segment
                place += offsets[segment] + 2 * (code - first)
                glyph = struct.unpack_from(">H", font, place)[0]
                if not glyph:
                    continue
            parts.append((code, (glyph + deltas[segment]) & 0xFFFF))
    return parts
