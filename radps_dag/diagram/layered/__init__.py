"""Boxes with arrows between them to places: one level of a picture, laid out in layers."""

from radps_dag.diagram.layered.arrange import Arrangement, Direction, Spacing, arrange
from radps_dag.diagram.layered.geometry import Point, Spline

__all__ = ["Arrangement", "Direction", "Point", "Spacing", "Spline", "arrange"]
