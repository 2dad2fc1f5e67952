"""Offsets of the characters of a scalar in the source, through quotes, folding and indents."""

from __future__ import annotations

from radps_dag.problem import Location

__all__ = ["Offsets"]


class Offsets:
    """The place of each character of one scalar's text, as far as it can be known.

    YAML changes white space (folding, indents), quotes and escapes, and nothing else; so the
    characters of the text are found again in the source one after the other.
    """

    def __init__(self, text: str, at: Location) -> None:
        self._text = text
        self._at = at
        line, start = at.text, at.column - 1
        self._quote = line[start : start + 1] if line[start : start + 1] in ("'", '"') else ""
        first = start + len(self._quote)
        # The plain case: the text stands on one line as it is.
        self._start = first + 1 if text and line.startswith(text, first) else 0
        self._found: list[tuple[int, int]] | None = None

    def at(self, offset: int) -> Location:
        """The place of the character `offset`; the scalar's own where it cannot be told."""
        if self._start:
            return Location(self._at.source, self._at.line, self._start + offset)
        if self._found is None:
            self._found = list(self._align())
        if not self._found:
            return self._at
        line, column = self._found[min(offset, len(self._found) - 1)]
        past = max(0, offset - len(self._found) + 1) if offset <= len(self._text) else 0
        return Location(self._at.source, line, column + min(past, 1))

    def _align(self) -> list[tuple[int, int]]:
        """Line and column of each character, up to the first that is not found."""
        lines = self._at.source.lines
        row, column = self._at.line - 1, self._at.column - 1 + len(self._quote)
        if not 0 <= row < len(lines):
            return []
        if not self._quote and lines[row][column : column + 1] in ("|", ">"):
            row, column = row + 1, 0
        places: list[tuple[int, int]] = []
        for character in self._text:
            if character.isspace():
                places.append((row + 1, column + 1))
                column += row < len(lines) and lines[row][column : column + 1].isspace()
                continue
            while row < len(lines) and not lines[row][column:].strip():
                row, column = row + 1, 0
            if row >= len(lines):
                break
            column = self._next(lines[row], column, character)
            if lines[row][column] != character:
                break
            places.append((row + 1, column + 1))
            column += 1
        return places

    def _next(self, line: str, column: int, character: str) -> int:
        """The column of the next character of the text on this line, which is not all space."""
        while line[column].isspace():
            column += 1
        doubled = self._quote == "'" and line.startswith("''", column) and column > 0
        escaped = self._quote == '"' and line[column] == "\\"
        if (doubled and character == "'") or (escaped and line[column + 1 :][:1] == character):
            return column + 1
        return column
