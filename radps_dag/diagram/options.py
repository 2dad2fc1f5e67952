"""Options of a picture: its format, its direction, who places its boxes."""

from typing import Literal

__all__ = ["FORMATS", "Direction", "Format", "Layout"]

Format = Literal["png", "svg", "dot", "mermaid"]
Direction = Literal["down", "right"]
Layout = Literal["auto", "own", "dot"]

FORMATS: tuple[Format, ...] = ("png", "svg", "dot", "mermaid")
