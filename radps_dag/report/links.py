"""Links of a report: relative, and made of numbers alone, whatever names a run has."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from radps_dag.report.model import Report
from radps_dag.report.nodes import Picture
from radps_dag.report.pictures import content_of
from radps_dag.report.values import node_path

__all__ = ["EMBEDDED", "GRAPHS", "RESOURCES", "FileLinks", "Links"]

EMBEDDED = 20_000_000  # bytes of pictures in a single file
GRAPHS = {"stages": "graph-stages.svg", "all": "graph.svg"}
RESOURCES = "resources.csv"
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass
class Links:
    """Those of a folder, in which each section is a page and pictures are files."""

    report: Report
    _anchors: Mapping[str, str] = field(init=False)
    _stages: Mapping[str, str] = field(init=False)
    _files: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self._anchors = {node.path: f"n{n}" for n, node in enumerate(self.report.nodes, 1)}
        self._stages = {
            stage.name: f"stage-{n:02}-{_UNFIT.sub('-', stage.name)[:60]}"
            for n, stage in enumerate(self.report.stages, 1)
        }
        self._files = {text.name: n for n, text in enumerate(self.report.texts, 1)}

    def page(self, name: str) -> str:
        """A section as a whole."""
        return f"{name}.html"

    def file_of(self, name: str) -> str:
        """The file that a section is written to."""
        return f"{name}.html"

    def _at(self, name: str, anchor: str) -> str:
        return f"{self.page(name)}#{anchor}"

    def section_of(self, stage: str) -> str:
        """The section of a stage."""
        return self._stages[stage]

    def stage(self, name: str) -> str:
        """The link to a stage."""
        return self.page(self._stages[name])

    def anchor(self, path: str) -> str:
        """The id of a node on the page of its stage."""
        return self._anchors[path]

    def place(self, place: str) -> str:
        """The link to the node of a place, "" where the report has none."""
        path = node_path(place)
        anchor, stage = self._anchors.get(path), self._stages.get(path.partition("/")[0])
        return self._at(stage, anchor) if anchor and stage else ""

    def line(self, file: str, line: int) -> str:
        """The link to a line of the pipeline's text."""
        return self._at("pipeline", f"f{self._files[file]}-{line}") if file in self._files else ""

    def picture(self, picture: Picture) -> str:
        """The source of a picture, "" where it is not to be had."""
        return f"pictures/{picture.name}" if picture.path is not None else ""

    def full_size(self, picture: Picture) -> str:
        """The link to a picture by itself; "" for an SVG, which as a page of its own might run a
        program."""
        return self.picture(picture) if picture.media != "image/svg+xml" else ""

    def unshown(self, picture: Picture) -> str:
        """The reason why a picture that is there is not shown."""
        return ""

    def graph(self, which: str) -> str:
        """The source of a picture of the graph."""
        return GRAPHS[which]

    def full_size_graph(self) -> str:
        """The link to the picture by itself."""
        return GRAPHS["all"]

    def resources(self) -> str:
        """The link to the table of resources as CSV."""
        return RESOURCES

    def graphs(self) -> Iterator[tuple[str, bytes]]:
        """The files of the pictures of the graph."""
        if self.report.graph:
            yield GRAPHS["all"], self.report.graph
            yield GRAPHS["stages"], self.report.graph_of_stages

    def pictures(self) -> Iterator[Picture]:
        """The pictures to be laid beside the pages."""
        compared = self.report.comparison.pictures if self.report.comparison is not None else ()
        pictures = (*self.report.pictures, *(old for old, _ in compared))
        return (picture for picture in pictures if picture.path is not None)


@dataclass
class FileLinks(Links):
    """Those of a single file, in which pictures are embedded as long as there is room."""

    _room: int = field(init=False, default=EMBEDDED)
    _embedded: set[str] = field(init=False, default_factory=set)

    def page(self, name: str) -> str:
        """A section as a whole."""
        return f"#{name}"

    def _at(self, name: str, anchor: str) -> str:
        return f"#{anchor}"

    def picture(self, picture: Picture) -> str:
        """The source of a picture, "" where there is none, no room, or where it is there already:
        topics show what stages have shown."""
        if picture.path is None or picture.name in self._embedded:
            return ""
        if picture.size * 4 // 3 > self._room or not (data := content_of(picture)):
            return ""
        source = f"data:{picture.media};base64,{base64.b64encode(data).decode()}"
        self._room -= len(source)
        self._embedded.add(picture.name)
        return source

    def full_size(self, picture: Picture) -> str:
        """The link to a picture by itself: there is none."""
        return ""

    def unshown(self, picture: Picture) -> str:
        """The reason why a picture that is there is not shown."""
        if picture.name in self._embedded:
            return "shown with its stage, above"
        return f"not embedded, beyond {EMBEDDED // 1_000_000} MB of pictures"

    def resources(self) -> str:
        """The link to the table of resources as CSV: there is none."""
        return ""

    def graph(self, which: str) -> str:
        """The source of a picture of the graph."""
        content = self.report.graph if which == "all" else self.report.graph_of_stages
        return f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"

    def full_size_graph(self) -> str:
        """The link to the picture by itself: there is none."""
        return ""
