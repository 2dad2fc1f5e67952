"""Cards to a Mermaid flowchart, groups as subgraphs."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.diagram.cards import Card, Link, walk_cards
from radps_dag.diagram.layered import Direction
from radps_dag.diagram.palette import FEATURE, PAUSE
from radps_dag.diagram.signs import lines, title

__all__ = ["escaped", "mermaid"]

# Mermaid's own way to write a character that means something to it (or to Markdown, or to HTML).
_SPECIAL = {
    "#": "#35;",
    '"': "#quot;",
    "<": "#lt;",
    ">": "#gt;",
    "&": "#amp;",
    "%": "#37;",
    "`": "#96;",
    "*": "#42;",
    "\\": "#92;",
    "$": "#36;",
    "~": "#126;",
}
_CODES = str.maketrans(_SPECIAL)


def mermaid(card: Card, direction: Direction = "down") -> str:
    """A complete flowchart. Nodes are called by number: `end` and its like mean something."""
    return "\n".join(_flowchart(card, direction)) + "\n"


def escaped(text: str) -> str:
    """The text inside a quoted label.

    >>> escaped('if a < "b"')
    'if a #lt; #quot;b#quot;'
    """
    return text.translate(_CODES)


def _flowchart(card: Card, direction: Direction) -> Iterator[str]:
    yield f"flowchart {'TB' if direction == 'down' else 'LR'}"
    names = {inner.path: f"n{number}" for number, inner in enumerate(walk_cards(card))}
    yield from _inside(card, names, direction, 1)
    for name, style in _classes():
        members = [names[each.path] for each in walk_cards(card) if each.path and _is(each, name)]
        if members:
            yield f"  classDef {name} {style}"
            yield f"  class {','.join(members)} {name}"


def _inside(card: Card, names: dict[str, str], direction: Direction, depth: int) -> Iterator[str]:
    margin = "  " * depth
    for inner in card.inside:
        name = names[inner.path]
        if inner.inside:
            # One line: Mermaid leaves no room for a second one above what is inside.
            text = " · ".join(escaped(line) for line in title(inner))
            # Levels take turns, so that the chart is neither a line down nor a line across.
            turned: Direction = "right" if direction == "down" else "down"
            yield f'{margin}subgraph {name}["{text}"]'
            yield f"{margin}  direction {'TB' if turned == 'down' else 'LR'}"
            yield from _inside(inner, names, turned, depth + 1)
            yield f"{margin}end"
        else:
            text = "<br/>".join(escaped(line) for line in lines(inner))
            start, end = _brackets(inner)
            yield f'{margin}{name}{start}"{text}"{end}'
    by_id = {inner.id: names[inner.path] for inner in card.inside}
    for link in card.links:
        yield f"{margin}{by_id[link.source]} {_arrow(link)} {by_id[link.target]}"


def _brackets(card: Card) -> tuple[str, str]:
    if card.kind.asks:
        return "{{", "}}"
    if card.has("for_each"):
        return "[[", "]]"
    return ("(", ")") if card.kind.holds else ("[", "]")


def _arrow(link: Link) -> str:
    if link.kind == "needs":
        return "-.->"
    return f'-->|"{escaped(", ".join(link.outputs))}"|' if link.outputs else "-->"


def _classes() -> Iterator[tuple[str, str]]:
    yield "conditional", f"stroke:{FEATURE['when'].edge},stroke-dasharray:6 4"
    yield "repeated", f"stroke:{FEATURE['loop'].edge},stroke-width:3px"
    yield "person", f"fill:{PAUSE.fill},stroke:{PAUSE.edge},color:{PAUSE.ink}"


def _is(card: Card, name: str) -> bool:
    match name:
        case "conditional":
            return card.has("when")
        case "repeated":
            return card.has("loop")
        case _:
            return card.kind.asks
