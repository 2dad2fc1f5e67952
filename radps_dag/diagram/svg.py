"""A picture to SVG: real text in an embedded font, so that it is the same everywhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape

from radps_dag.diagram import palette
from radps_dag.diagram.cards import Card
from radps_dag.diagram.face import BADGE, PILL_HEIGHT, SMALL, Face
from radps_dag.diagram.icons import HAND, ICONS, LAYERS
from radps_dag.diagram.labels import Label
from radps_dag.diagram.layered.geometry import Point, cubics
from radps_dag.diagram.layout import LABEL, STACK, TAB, Box, Curve, tab_text
from radps_dag.diagram.palette import FEATURE, PAUSE, TASK, USE, Tone, group_tone
from radps_dag.diagram.picture import HEADING, MARGIN, Entry, Picture
from radps_dag.diagram.words import Badge
from radps_dag.fonts.text import Weight, font_bytes, shorten, text_width

__all__ = ["svg"]

HEAD = 7.0  # length of an arrow's head
ROLES = {
    "title": palette.INK,
    "line": palette.MUTED,
    "description": palette.MUTED,
    "hidden": palette.INK,
}


def svg(picture: Picture, embed_fonts: bool = True) -> str:
    """The picture as an SVG document.

    The fonts inside make it look the same in every browser; what does not know embedded fonts still
    keeps each text to its width.
    """
    return "\n".join(_document(picture, embed_fonts)) + "\n"


def _document(picture: Picture, embed_fonts: bool) -> Iterator[str]:
    width, height = _n(picture.width), _n(picture.height)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img" font-family="Inter, sans-serif">'
    )
    yield f"<title>{escape(picture.title)}</title>"
    yield f"<style>{_style(embed_fonts)}</style>"
    yield f'<rect width="{width}" height="{height}" rx="10" fill="{palette.PAPER}"/>'
    y = MARGIN + HEADING * 0.8
    yield _text(MARGIN, y, picture.title, HEADING, "SemiBold", palette.INK, picture.width - 56)
    for number, line in enumerate(picture.description):
        yield _text(MARGIN, y + 22 + 17 * number, line, 12.0, "Regular", palette.MUTED)
    yield from _inside(picture.root, 1)
    for label in picture.labels:
        yield _label(label)
    for entry in picture.legend:
        yield from _entry(entry)
    yield "</svg>"


def _style(embed_fonts: bool) -> str:
    weights: tuple[tuple[Weight, int], ...] = (("Regular", 400), ("SemiBold", 600))
    rules = [
        ".w{fill:none;stroke-width:1.4;stroke-linejoin:round}",
        f".data{{stroke:{palette.WIRE}}}.needs{{stroke:{palette.NEED};stroke-dasharray:5 4}}",
        f".data-head{{fill:{palette.WIRE}}}.needs-head{{fill:{palette.NEED}}}",
        ".i{fill:none;stroke-width:1.3;stroke-linecap:round;stroke-linejoin:round}",
        ".b{font-weight:600}",
    ]
    if embed_fonts:
        for weight, number in weights:
            data = base64.b64encode(font_bytes(weight, "woff2")).decode()
            rules.append(
                f"@font-face{{font-family:Inter;font-weight:{number};"
                f"src:url(data:font/woff2;base64,{data})format('woff2')}}"
            )
    return "".join(rules)


def _n(number: float) -> str:
    """A coordinate with one decimal, and no more zeros than needed."""
    return f"{number:.1f}".removesuffix(".0")


def _text(
    x: float,
    y: float,
    text: str,
    size: float,
    weight: Weight,
    fill: str,
    most: float | None = None,
) -> str:
    if most is not None:
        text = shorten(text, most, size, weight)
    width = text_width(text, size, weight)
    bold = ' class="b"' if weight == "SemiBold" else ""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{fill}"{bold}'
        f' textLength="{_n(width)}" lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )


def _inside(box: Box, depth: int) -> Iterator[str]:
    """The edges of a group, then its boxes."""
    yield from _curves(box.curves)
    for inner in box.inside:
        yield f'<g id="{escape(inner.card.path, quote=True)}">'
        yield f"<title>{escape(_tooltip(inner.card))}</title>"
        yield from _box(inner, depth)
        yield from _inside(inner, depth + 1)
        yield "</g>"


def _tooltip(card: Card) -> str:
    lines = [card.path, card.line, card.description, *(badge.full for badge in card.badges)]
    return "\n".join(line for line in lines if line)


def _curves(curves: tuple[Curve, ...]) -> Iterator[str]:
    """Each stretch once, though edges out of one box share their way."""
    drawn: set[tuple[str, Point, Point]] = set()
    for curve in curves:
        data: list[str] = []
        at: Point | None = None
        for p, q, r, s in cubics(curve.spline):
            if (curve.link.kind, p, s) in drawn:
                at = None
                continue
            drawn.add((curve.link.kind, p, s))
            if at != p:
                data.append(f"M{_pair(p)}")
            data.append(f"C{_pair(q)} {_pair(r)} {_pair(s)}")
            at = s
        link = curve.link
        title = f"{link.source} → {link.target}"
        title += f": {', '.join(link.outputs)}" if link.outputs else " (needs)"
        yield (
            f'<g><title>{escape(title)}</title><path class="w {link.kind}" d="{"".join(data)}"/>'
            f"{_arrow_head(curve)}</g>"
        )


def _pair(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _arrow_head(curve: Curve) -> str:
    *_, before, tip = curve.spline
    down = abs(tip[1] - before[1]) >= abs(tip[0] - before[0])
    x, y = tip
    if down:
        sign = 1 if tip[1] >= before[1] else -1
        wings = [(x - 4, y - sign * HEAD), (x + 4, y - sign * HEAD)]
    else:
        sign = 1 if tip[0] >= before[0] else -1
        wings = [(x - sign * HEAD, y - 4), (x - sign * HEAD, y + 4)]
    points = " ".join(_pair(point) for point in (tip, *wings))
    return f'<polygon class="{curve.link.kind}-head" points="{points}"/>'


def _box(box: Box, depth: int) -> Iterator[str]:
    card = box.card
    left, top, width, height = box.outline
    tone = _tone(card, depth)
    if card.has("for_each"):
        for step in (STACK, STACK / 2):
            yield _shape(card, left + step, top + step, width, height, tone, behind=True)
    if card.kind.file:
        yield from _tab(box)
    yield _shape(card, left, top, width, height, tone)
    if card.collapsed:
        yield from _ledge(left, top, width, height, tone)
    yield from _face(box.face, box.head, tone)
    if card.kind.asks:
        x, y = left + width - 27, top + 9
        yield _icon(HAND, x, y, PAUSE.ink, 1.2)


def _tone(card: Card, depth: int) -> Tone:
    if card.kind.asks:
        return PAUSE
    if card.kind.file:
        return Tone(USE.ink, USE.edge, group_tone(depth).fill)
    return group_tone(depth) if card.kind.holds else TASK


def _shape(
    card: Card,
    x: float,
    y: float,
    width: float,
    height: float,
    tone: Tone,
    behind: bool = False,
) -> str:
    plain = f'fill="{tone.fill}" stroke="{tone.edge}" stroke-width="1.2"'
    style = plain if behind else _outline_style(card, tone)
    if card.kind.asks:
        cut = min(13.0, height / 2)
        points = (
            (x + cut, y),
            (x + width - cut, y),
            (x + width, y + height / 2),
            (x + width - cut, y + height),
            (x + cut, y + height),
            (x, y + height / 2),
        )
        return f'<polygon points="{" ".join(map(_pair, points))}" {style}/>'
    radius = 10 if card.kind.holds else 7
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
        f' rx="{radius}" {style}/>'
    )


def _outline_style(card: Card, tone: Tone) -> str:
    """Dashed if conditional, heavy if repeated: to be seen before the badges are read."""
    edge, weight, dashes = tone.edge, 1.2, ""
    if card.has("loop"):
        edge, weight = FEATURE["loop"].edge, 2.2
    if card.has("when"):
        dashes, weight = ' stroke-dasharray="6 4"', max(weight, 1.6)
        edge = edge if card.has("loop") or card.kind.asks else FEATURE["when"].edge
    if card.kind.asks:
        weight = 1.6
    return f'fill="{tone.fill}" stroke="{edge}" stroke-width="{weight}"{dashes}'


def _tab(box: Box) -> Iterator[str]:
    """The tab of a used file, with its name, as on a folder."""
    most = box.width / 2 - 45  # edges from above end in the middle of the box
    name = shorten(tab_text(box.card), most, 10.0)
    width = text_width(name, 10.0) + 20
    x, y = box.x + 10, box.y
    yield (
        f'<path d="M{_n(x)},{_n(y + TAB + 8)}v{_n(-TAB)}q0,-8 8,-8h{_n(width - 16)}q8,0 8,8'
        f'v{_n(TAB)}" fill="{USE.edge}"/>'
    )
    yield _text(x + 10, y + 13, name, 10.0, "Regular", "#ffffff")


def _ledge(x: float, y: float, width: float, height: float, tone: Tone) -> Iterator[str]:
    """A second line inside the border: there is more in this box."""
    yield (
        f'<rect x="{_n(x + 3)}" y="{_n(y + 3)}" width="{_n(width - 6)}" height="{_n(height - 6)}"'
        f' rx="7" fill="none" stroke="{tone.edge}" stroke-width="1"/>'
    )


def _face(face: Face, head: Point, tone: Tone) -> Iterator[str]:
    x, y = head
    for line in face.lines:
        fill = tone.ink if line.role == "title" else ROLES[line.role]
        left = x + line.x
        if line.role == "hidden":
            yield _icon(LAYERS, left, y + line.y - 9.5, palette.INK, 0.95)
            left += 16
        yield _text(left, y + line.y, line.text, line.size, line.weight, fill)
    for pill in face.pills:
        yield from _pill(x + pill.x, y + pill.y, pill.width, pill.badge, pill.text)


def _pill(x: float, y: float, width: float, badge: Badge, text: str) -> Iterator[str]:
    tone = FEATURE[badge.feature]
    yield (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(PILL_HEIGHT)}" rx="9"'
        f' fill="{tone.fill}" stroke="{tone.edge}"/>'
    )
    yield _icon(ICONS[badge.feature], x + 6, y + 3, tone.ink)
    if text:
        yield _text(x + 21, y + 12.7, text, BADGE, "Regular", tone.ink)


def _icon(drawing: str, x: float, y: float, ink: str, scale: float = 1.0) -> str:
    size = f" scale({scale:g})" if scale != 1.0 else ""
    return f'<g class="i" stroke="{ink}" transform="translate({_n(x)} {_n(y)}){size}">{drawing}</g>'


def _label(label: Label) -> str:
    return _text(label.x, label.y + LABEL * 0.95, label.text, LABEL, "Regular", palette.MUTED)


def _entry(entry: Entry) -> Iterator[str]:
    x, y, middle = entry.x, entry.y, entry.y + PILL_HEIGHT / 2
    match entry.sign:
        case "data" | "needs_edge":
            kind = "data" if entry.sign == "data" else "needs"
            yield f'<path class="w {kind}" d="M{_n(x)},{_n(middle)}h18"/>'
            wings = f"{_n(x + 24)},{_n(middle)} {_n(x + 17)},{_n(middle - 4)}"
            yield f'<polygon class="{kind}-head" points="{wings} {_n(x + 17)},{_n(middle + 4)}"/>'
        case "pause":
            points = ((4, 2), (20, 2), (24, 9), (20, 16), (4, 16), (0, 9))
            corners = " ".join(_pair((x + a, y + b)) for a, b in points)
            yield f'<polygon points="{corners}" fill="{PAUSE.fill}" stroke="{PAUSE.edge}"/>'
            yield _icon(HAND, x + 6, y + 3, PAUSE.ink)
        case "use":
            yield f'<path d="M{_n(x + 2)},{_n(y + 6)}v-5h12v5" fill="{USE.edge}"/>'
            yield f'<rect x="{_n(x)}" y="{_n(y + 5)}" width="24" height="12" rx="3" '
            yield f'fill="{USE.fill}" stroke="{USE.edge}"/>'
        case "hidden":
            yield _icon(LAYERS, x + 6, y + 3, palette.INK)
        case feature:
            yield from _pill(x, y, 24.0, Badge(feature, ""), "")
    yield _text(x + 30, y + 13, entry.text, SMALL, "Regular", palette.MUTED)
