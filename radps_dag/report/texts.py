"""The text of the pipeline, as the run recorded it, to the graph that it is and the line of each
node."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from radps_dag.builder import Graph, build, walk
from radps_dag.facts import RunStarted
from radps_dag.loader import read
from radps_dag.problem import RadpsDagError, Source
from radps_dag.report.model import Text

__all__ = ["Recorded", "recorded"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Texts with the nodes on their lines. `graph` is None where the text is not that of a pipeline
    of today's language; `lines` has the file and the line of each node by its path."""

    texts: tuple[Text, ...] = ()
    graph: Graph | None = None
    lines: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)


def recorded(start: RunStarted) -> Recorded:
    """The record of the pipeline's text in the run."""
    texts = start.provenance.get("sources", {})
    sources = {name: text for name, text in texts.items() if isinstance(text, str)}
    if not sources:
        return Recorded()
    main = Path(start.file).name
    main = main if main in sources else next(iter(sources))
    graph = None
    lines: dict[str, tuple[str, int]] = {}
    described: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="radps-dag-report-") as folder:
        if _written(sources, Path(folder)):
            graph = _graph(Path(folder) / main)
        for path, node in walk(graph) if graph is not None else ():
            name = os.path.relpath(node.at.source.name, folder)
            lines[path] = (name, node.at.line)
            described[path] = node.description
    texts = tuple(
        Text(name, Source(name, sources[name]).lines, _nodes_in(name, lines))
        for name in sorted(sources, key=lambda name: (name != main, name))
    )
    return Recorded(texts, graph, lines, described)


def _nodes_in(name: str, lines: Mapping[str, tuple[str, int]]) -> dict[int, str]:
    """The nodes that begin on the lines of a file; of a file that is used twice, the first."""
    nodes: dict[int, str] = {}
    for path, (file, line) in lines.items():
        if file == name:
            nodes.setdefault(line, path)
    return nodes


def _written(sources: Mapping[str, str], folder: Path) -> bool:
    """Lay the files out again. Whoever recorded them is not trusted: none may lie elsewhere."""
    for name, text in sources.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
            return False
        try:
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8", newline="")
        except (OSError, ValueError):
            return False
    return True


def _graph(file: Path) -> Graph | None:
    try:
        pipeline, _ = read(file)
        return None if pipeline is None else build(pipeline)
    except (RadpsDagError, RecursionError):
        return None
