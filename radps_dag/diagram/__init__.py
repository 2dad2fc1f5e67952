"""The picture of a pipeline, as PNG, SVG, DOT or Mermaid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radps_dag.diagram.options import FORMATS, Direction, Format, Layout

if TYPE_CHECKING:
    from radps_dag.builder import Graph
    from radps_dag.diagram.cards import States

__all__ = ["FORMATS", "Direction", "Format", "Layout", "draw"]


def draw(
    graph: Graph,
    form: Format = "png",
    *,
    depth: int | None = None,
    direction: Direction = "down",
    layout: Layout = "auto",
    states: States | None = None,
) -> bytes:
    """The picture of a pipeline's graph, as the content of a file.

    `depth` is how many levels are shown (1: the stages alone; None: all), `direction` where the
    stages flow. `layout` "dot" has Graphviz place boxes and edges; "auto" is our own, which needs
    nothing installed and keeps boxes, edges and names apart by construction. `states` are badges
    that say how nodes ended in a run, by their paths.
    """
    # Imported late: the words above are for the command's help, which needs no graph.
    from radps_dag.diagram.cards import cards

    badges = states or {}
    if form == "dot":
        from radps_dag.diagram.dot import dot

        return dot(cards(graph, depth, badges), direction).encode()
    if form == "mermaid":
        from radps_dag.diagram.mermaid import mermaid

        return mermaid(cards(graph, depth, badges), direction).encode()
    from radps_dag.diagram.layout import own_arranger
    from radps_dag.diagram.picture import picture

    if layout == "dot":
        from radps_dag.diagram.graphviz import graphviz_arranger

        drawn = picture(graph, depth, direction, graphviz_arranger(), badges)
    else:
        drawn = picture(graph, depth, direction, own_arranger, badges)
    if form == "svg":
        from radps_dag.diagram.svg import svg

        return svg(drawn).encode()
    from radps_dag.diagram.png import png

    return png(drawn)
