"""The timeline as a chart, in frozen values: rows of bars on an axis of time."""

from __future__ import annotations

from dataclasses import dataclass

from radps_dag.report.nodes import Node

__all__ = ["Axis", "Bar", "Row", "Segment", "Timeline"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which a process drove the run, between two positions of the axis."""

    start: float
    end: float
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Axis:
    """Times to positions: the stretches side by side, without what lies between them. `ticks` are
    positions with their labels."""

    segments: tuple[Segment, ...]
    width: float
    ticks: tuple[tuple[float, str], ...] = ()

    def at(self, time: float) -> float:
        """The position of a time."""
        for segment in self.segments:
            if time <= segment.end:
                share = (time - segment.start) / max(segment.end - segment.start, 1e-9)
                return segment.left + max(0.0, share) * (segment.right - segment.left)
        return self.segments[-1].right if self.segments else 0.0


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that took time, or a moment: an attempt, a result that was used again, a
    question. Positions are those of the axis; `lane` is its row within the row."""

    left: float
    right: float
    status: str
    title: str
    lane: int = 0
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A node on the time axis: its bars or, of many, how many went on at each position."""

    node: Node
    left: float
    right: float
    bars: tuple[Bar, ...]
    lanes: int = 1
    density: tuple[float, ...] = ()
    peak: int = 0
    box: bool = False  # a stage, in which the rows below it are


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows in the order of the graph."""

    axis: Axis
    rows: tuple[Row, ...]
