"""Cards to boxes: every group laid out by itself, then placed in its parent as one box."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Protocol

from radps_dag.diagram.cards import Card, Kind, Link
from radps_dag.diagram.face import Face, header, leaf
from radps_dag.diagram.layered import Arrangement, Direction, Spacing, Spline, arrange
from radps_dag.diagram.layered.geometry import line, moved
from radps_dag.fonts.text import text_width

__all__ = [
    "LABEL",
    "STACK",
    "TAB",
    "Arranger",
    "Box",
    "Curve",
    "boxes",
    "label_text",
    "lay_out",
    "tab_text",
]

PAD = 16.0
STACK = 6.0  # how far the cards behind a fan-out's card show
TAB = 19.0  # the tab with the name of a used file
LABEL = 10.0  # size of the names at edges
LABEL_WIDTH = 108.0


@dataclass(frozen=True, slots=True)
class Curve:
    """An edge with its way, from the source's border to the target's."""

    link: Link
    spline: Spline


@dataclass(frozen=True, slots=True)
class Box:
    """A card with its place. The place covers all that is drawn of it: tab and cards behind too."""

    card: Card
    x: float
    y: float
    width: float
    height: float
    face: Face
    head: tuple[float, float]  # where the face's corner is
    inside: tuple[Box, ...] = ()
    curves: tuple[Curve, ...] = ()

    def moved(self, x: float, y: float) -> Box:
        """Box moved by (x, y), with all inside."""
        return replace(
            self,
            x=self.x + x,
            y=self.y + y,
            head=(self.head[0] + x, self.head[1] + y),
            inside=tuple(box.moved(x, y) for box in self.inside),
            curves=tuple(Curve(each.link, moved(each.spline, x, y)) for each in self.curves),
        )

    @property
    def outline(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the box itself, without its tab and the cards behind."""
        tab = TAB if self.card.kind.file else 0.0
        stack = STACK if self.card.has("for_each") else 0.0
        return (self.x, self.y + tab, self.width - stack, self.height - tab - stack)


class Arranger(Protocol):
    """A function that lays out one level: ours, or Graphviz."""

    def __call__(
        self,
        sizes: Mapping[str, tuple[float, float]],
        arrows: Sequence[tuple[str, str, str]],
        direction: Direction,
        aim: Aim,
        spacing: Spacing,
    ) -> Arrangement:
        """Places of boxes of these sizes, and routes of the arrows between them."""


@dataclass(frozen=True, slots=True)
class Aim:
    """The shape a group is to have: wide as a row of a page, tall as a column, or like a page."""

    name: str
    width: float
    height: float

    def cost(self, width: float, height: float) -> float:
        """The distance of a shape from the aim: the less, the better."""
        if self.name == "wide":
            return height + 0.05 * width + max(0.0, width - self.width)
        if self.name == "tall":
            return width + 0.05 * height + max(0.0, height - self.height)
        # A page may scroll: only what is far longer than wide is bad.
        return max(width, height / 2, 800.0)

    def most(self, direction: Direction) -> float:
        """The maximum width of one layer across the flow."""
        return self.width if direction == "down" else self.height


WIDE = Aim("wide", 1680.0, 420.0)
TALL = Aim("tall", 560.0, 1200.0)


def own_arranger(
    sizes: Mapping[str, tuple[float, float]],
    arrows: Sequence[tuple[str, str, str]],
    direction: Direction,
    aim: Aim,
    spacing: Spacing,
) -> Arrangement:
    """Our own layers."""
    # A flow along the short side of its aim need not turn: the other direction is the better way.
    short = (aim.name, direction) in (("wide", "down"), ("tall", "right"))
    cost = None if short else aim.cost
    return arrange(sizes, arrows, direction, aim.most(direction), cost, spacing)


def lay_out(card: Card, direction: Direction, arranger: Arranger = own_arranger) -> Box:
    """The pipeline's card and all inside with places; the outermost box starts at (0, 0)."""
    layout = _Layout(arranger)
    inner = [layout.box(each, WIDE if direction == "down" else TALL) for each in card.inside]
    return layout.group(card, inner, direction, _page(inner))


def _page(inner: list[Box]) -> Aim:
    side = sqrt(sum((box.width + 40) * (box.height + 40) for box in inner))
    widest = max((box.width for box in inner), default=0.0)
    # Wider than a screen or two is never good, however many boxes there are.
    width = max(900.0, min(1.25 * side, 4200.0), widest)
    return Aim("page", width, max(700.0, min(0.8 * side, 3000.0)))


class _Layout:
    def __init__(self, arranger: Arranger) -> None:
        self.arranger = arranger
        self.known: dict[tuple[str, str], Box] = {}

    def box(self, card: Card, aim: Aim) -> Box:
        """A card's box at (0, 0), in the shape that suits the aim best."""
        if not card.inside:
            return _leaf(card)
        if (card.path, aim.name) not in self.known:
            down = [self.box(each, WIDE) for each in card.inside]
            right = [self.box(each, TALL) for each in card.inside]
            self.known[card.path, aim.name] = min(
                (self.group(card, right, "right", aim), self.group(card, down, "down", aim)),
                key=lambda box: aim.cost(box.width, box.height),
            )
        return self.known[card.path, aim.name]

    def group(self, card: Card, inner: list[Box], direction: Direction, aim: Aim) -> Box:
        """A group around its children's boxes."""
        sizes = {box.card.id: (box.width, box.height) for box in inner}
        arrows = [(link.source, link.target, link.kind) for link in card.links]
        kinds = {each.id: each.kind for each in card.inside}
        spacing = Spacing(layers=_layer_gap(card, direction))
        plan = self.arranger(sizes, arrows, direction, aim, spacing)
        head = header(card, max(plan.width, 190.0)) if card.path else Face(0.0, 0.0)
        width = max(plan.width, head.width)
        tab = TAB if card.kind.file else 0.0
        stack = STACK if card.has("for_each") else 0.0
        pad = PAD if card.path else 0.0
        top = tab + (head.height + 10 + 14 if card.path else 0.0)
        left = pad + (width - plan.width) / 2
        return Box(
            card=card,
            x=0.0,
            y=0.0,
            width=width + 2 * pad + stack,
            height=top + plan.height + pad + stack,
            face=head,
            head=(pad, tab + 10),
            inside=tuple(
                box.moved(left + plan.at[box.card.id][0], top + plan.at[box.card.id][1])
                for box in inner
            ),
            curves=tuple(
                Curve(link, moved(_to_body(plan.curves[arrow], kinds[link.target]), left, top))
                for link, arrow in zip(card.links, arrows, strict=True)
            ),
        )


def _leaf(card: Card) -> Box:
    face = leaf(card)
    tab = TAB if card.kind.file else 0.0
    stack = STACK if card.has("for_each") else 0.0
    needed = 2 * text_width(tab_text(card), 10.0) + 94 if card.kind.file else 0.0
    return Box(
        card=card,
        x=0.0,
        y=0.0,
        width=max(face.width, 96.0, min(needed, 300.0)) + stack,
        height=face.height + tab + stack,
        face=face,
        head=(0.0, tab),
    )


def _to_body(spline: Spline, target: Kind) -> Spline:
    """Extend an arrow past the tab, which leaves the middle free, to the border of the box
    itself.
    """
    end, before = spline[-1], spline[-2]
    if not target.file or abs(end[0] - before[0]) > abs(end[1] - before[1]):
        return spline
    return (*spline, *line(end, (end[0], end[1] + TAB)))


def tab_text(card: Card) -> str:
    """The name of a used file, without its folder."""
    return card.line.rsplit("/", 1)[-1]


def _layer_gap(card: Card, direction: Direction) -> float:
    """Room for the names at edges: they stand along a flow to the right, beside one downwards."""
    if direction == "down":
        return 38.0
    widest = max((text_width(label_text(link), LABEL) for link in card.links), default=0.0)
    return min(max(40.0, widest + 26.0), LABEL_WIDTH)


def label_text(link: Link) -> str:
    """The outputs that an edge carries, in few words."""
    names = ["all outputs" if name == "*" else name for name in link.outputs]
    shown = 2 if len(", ".join(names[:2])) <= 20 else 1
    text = ", ".join(names[:shown])
    return f"{text} +{len(names) - shown}" if len(names) > shown else text


def boxes(box: Box) -> Iterator[Box]:
    """A box and all inside, parents first."""
    yield box
    for inner in box.inside:
        yield from boxes(inner)
