"""YAML to data that knows its places: YAML 1.2 core types, and everything doubtful refused.

PyYAML's C parser makes the events; the types of plain scalars and the refusals are ours, because
PyYAML reads YAML 1.1, in which `12:30:45` is 45045 and `no` is false.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from radps_dag.problem import Location, Problem, Source
from radps_dag.syntax import control_character, explain, indenting_tab

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_PROBLEMS",
    "MAX_VALUES",
    "Document",
    "Report",
    "Series",
    "Table",
    "parse",
    "read_source",
]

# A pipeline of 10,000 nodes has some 3 MB and 300,000 values.
MAX_BYTES = 10_000_000
MAX_VALUES = 500_000
MAX_DEPTH = 100
# Values that aliases add to those that are written out.
MAX_ALIASED = 20_000
# Past this many mistakes the rest is more noise than help.
MAX_PROBLEMS = 100

Report = Callable[[Problem], None]
Place = tuple[int, int]  # line and column, from 1


class Table(dict[str, Any]):
    """A mapping that knows the place of every key and value."""

    __slots__ = ("places", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.places: dict[str, tuple[int, int, int, int]] = {}

    def key_at(self, key: str) -> Location:
        return Location(self.source, *self.places[key][:2])

    def value_at(self, key: str) -> Location:
        return Location(self.source, *self.places[key][2:])


class Series(list[Any]):
    """A sequence that knows the place of every item."""

    __slots__ = ("places", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.places: list[Place] = []

    def value_at(self, index: int) -> Location:
        return Location(self.source, *self.places[index])

    def leave_out(self, index: int) -> None:
        """Remove an item, with its place."""
        del self[index], self.places[index]


@dataclass(frozen=True, slots=True)
class Document:
    """What one file says: its data, made of `Table`, `Series` and JSON scalars."""

    source: Source
    data: Any
    at: Location


def read_source(path: Path, name: str, report: Report) -> Source | None:
    """The text of a file, or nothing and a problem where it is too large or no UTF-8.

    Raises OSError where the file cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    nowhere = Source(name, "")
    if len(content) > MAX_BYTES:
        limit = f"{MAX_BYTES // 1_000_000} MB"
        message = f"the file is larger than {limit}, the most a pipeline file can have"
        report(Problem(Location(nowhere, 1, 1), "size", message))
        return None
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        message = "the file is UTF-16; save it as UTF-8"
        report(Problem(Location(nowhere, 1, 1), "encoding", message))
        return None
    content = content.removeprefix(BOM_UTF8)
    try:
        return Source(name, content.decode())
    except UnicodeDecodeError as error:
        source = Source(name, content.decode(errors="replace"))
        before = content[: error.start].decode()
        at = _place_after(source, before)
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        report(Problem(at, "encoding", message))
        return None


def parse(source: Source, report: Report) -> Document | None:
    """The data of a YAML text; every mistake in it is reported.

    Nothing comes back where the text cannot be understood as a whole. Otherwise what is wrong (a
    duplicate key, a tag) is left out, so that the rest can be checked too.
    """
    found: list[Problem] = []
    for position, rule, message in (*control_character(source.text), *indenting_tab(source.text)):
        report(Problem(_place_after(source, source.text[:position]), rule, message))
        return None
    builder = _Builder(source, found.append)
    try:
        document = builder.document()
    except _Stop as stop:
        found.append(stop.problem)
        document = None
    except yaml.YAMLError as error:
        found.append(explain(error, source))
        document = None
    for problem in found:
        report(problem)
    return document


def _place_after(source: Source, before: str) -> Location:
    lines = Source("", before).lines
    return Location(source, len(lines), len(lines[-1]) + 1)


class _Stop(Exception):
    """A mistake after which the rest of the file cannot be read."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Anchored(NamedTuple):
    value: Any
    size: int  # values inside, itself included
    height: int  # levels below


# The C parser where PyYAML has it (all its wheels do); the same events, slower, where not.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONSTANTS: dict[str, bool | None] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"))
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
)
_NUMBER = re.compile(
    r"(?P<decimal>[-+]?[0-9]+)|(?P<octal>0o[0-7]+)|(?P<hexadecimal>0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<special>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
_BASES = {"decimal": 10, "octal": 8, "hexadecimal": 16}
_CORE = "tag:yaml.org,2002:"
_TAGS: dict[str, type | tuple[type, ...]] = {
    f"{_CORE}null": type(None),
    f"{_CORE}bool": bool,
    f"{_CORE}int": int,
    f"{_CORE}float": (int, float),
}


class _Builder:
    """Events to data, one document."""

    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report_problem = report
        self._problems = 0
        self._next = _Parser(source.text).get_event
        self._anchors: dict[str, _Anchored | None] = {}  # None while its value is being read
        self._values = 0
        self._aliased = 0
        self._height = 0  # of the value that was read last

    def document(self) -> Document | None:
        self._next()  # the stream's start
        if not isinstance(self._next(), yaml.DocumentStartEvent):
            at = Location(self._source, 1, 1)
            self._report(at, "empty", "the file is empty; a pipeline starts with `version: 1`")
            return None
        event = self._next()
        at = self._at(event)
        data = self._value(event, 0)
        self._next()  # the document's end
        following = self._next()
        if isinstance(following, yaml.DocumentStartEvent):
            message = "a second document starts here; a pipeline file holds one: remove `---`"
            self._report(self._at(following), "document", message)
        return Document(self._source, data, at)

    def _value(self, event: Any, depth: int) -> Any:
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self._alias(event, depth)
        self._values += 1
        if self._values > MAX_VALUES:
            raise _Stop(self._problem(event, "size", f"more than {MAX_VALUES} values in one file"))
        anchor = event.anchor
        if anchor is None:
            # Most values are these, and each call counts in a file of 10,000 nodes.
            if kind is yaml.ScalarEvent:
                self._height = 0
                return self._scalar(event)
            return self._collection(event, kind, depth)
        before = self._values + self._aliased
        self._anchors[anchor] = None
        self._height = 0
        scalar = kind is yaml.ScalarEvent
        value = self._scalar(event) if scalar else self._collection(event, kind, depth)
        size = self._values + self._aliased - before + 1
        self._anchors[anchor] = _Anchored(value, size, self._height)
        return value

    def _collection(self, event: Any, kind: type, depth: int) -> Table | Series:
        if depth >= MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
            raise _Stop(self._problem(event, "depth", message))
        name = "map" if kind is yaml.MappingStartEvent else "seq"
        if event.tag is not None and event.tag not in (f"{_CORE}{name}", "!"):
            self._refuse_tag(event)
        if kind is yaml.MappingStartEvent:
            return self._table(depth + 1)
        return self._series(depth + 1)

    def _table(self, depth: int) -> Table:
        table = Table(self._source)
        places = table.places
        height = 0
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key = self._key(event, depth)
            following = self._next()
            value = self._value(following, depth)
            height = max(height, self._height)
            if key is None:
                continue
            if key in table:
                message = f"duplicate key {_short(key)}; it stands on line {places[key][0]} already"
                self._report(self._at(event), "duplicate-key", message)
                continue
            key_mark, mark = event.start_mark, following.start_mark
            table[key] = value
            places[key] = (key_mark.line + 1, key_mark.column + 1, mark.line + 1, mark.column + 1)
        self._height = height + 1
        return table

    def _key(self, event: Any, depth: int) -> str | None:
        key = self._value(event, depth)
        if type(event) is yaml.ScalarEvent and key == "<<" and event.implicit[0]:
            message = "merge keys (`<<`) are not part of YAML 1.2; write the keys out"
            self._report(self._at(event), "merge-key", message)
            return None
        if isinstance(key, str):
            return key
        text = event.value if type(event) is yaml.ScalarEvent else ""
        what = (
            f"key {_short(text, quotes=False)} is {_name(key)}" if text else f"{_name(key)} as key"
        )
        fix = f'write "{text}"' if 0 < len(text) < 40 else "use a name"
        self._report(self._at(event), "non-string-key", f"{what}; keys are strings: {fix}")
        return None

    def _series(self, depth: int) -> Series:
        series = Series(self._source)
        height = 0
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            mark = event.start_mark
            series.append(self._value(event, depth))
            series.places.append((mark.line + 1, mark.column + 1))
            height = max(height, self._height)
        self._height = height + 1
        return series

    def _alias(self, event: Any, depth: int) -> Any:
        if event.anchor not in self._anchors:
            message = (
                f"no anchor &{event.anchor} before this alias; quote a text that starts with *"
            )
            self._report(self._at(event), "alias", message)
            return f"*{event.anchor}"  # most likely meant so
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise _Stop(self._problem(event, "alias", f"*{event.anchor} stands inside itself"))
        self._aliased += anchored.size
        if self._aliased > MAX_ALIASED:
            message = f"aliases grow to more than {MAX_ALIASED} values; write them out"
            raise _Stop(self._problem(event, "alias", message))
        if depth + anchored.height > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels by this alias"
            raise _Stop(self._problem(event, "depth", message))
        self._height = anchored.height
        return anchored.value

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        tag: str | None = event.tag
        if tag is None:
            return self._plain(event, text) if event.implicit[0] else text
        if tag in ("!", f"{_CORE}str"):
            return text
        if tag not in _TAGS:
            self._refuse_tag(event)
            return text
        value = self._plain(event, text)
        if not isinstance(value, _TAGS[tag]) or (isinstance(value, bool) and tag != f"{_CORE}bool"):
            message = f"{_short(text)} is not of the type that its tag says; remove the tag"
            self._report(self._at(event), "tag", message)
        return float(value) if tag == f"{_CORE}float" and type(value) is int else value

    def _plain(self, event: Any, text: str) -> Any:
        """The value of an unquoted scalar in YAML 1.2's core schema."""
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text[0] not in "+-.0123456789":
            return text
        match = _NUMBER.fullmatch(text)
        if match is None:
            return text
        kind = match.lastgroup or ""
        if kind == "special":
            message = f"{text} is not a finite number; JSON has none: use null, or a large number"
        elif kind == "float":
            if isfinite(number := float(text)):
                return number
            message = f"{_short(text, quotes=False)} is too large for a float (at most 1.8e308)"
        else:
            # The length first: Python itself refuses integers of thousands of digits.
            digits = text if kind == "decimal" else text[2:]
            if len(digits) < 400 and -(2**63) <= (value := int(digits, _BASES[kind])) < 2**63:
                return value
            message = f"{_short(text, quotes=False)} does not fit 64 bits; write a float (1e20)"
        self._report(self._at(event), "number", message)
        return 0

    def _refuse_tag(self, event: Any) -> None:
        tag = event.tag.replace(_CORE, "!!")
        message = f"tag {_short(tag, quotes=False)} is not allowed; YAML here is plain data"
        self._report(self._at(event), "tag", message)

    def _at(self, event: Any) -> Location:
        mark = event.start_mark
        return Location(self._source, mark.line + 1, mark.column + 1)

    def _problem(self, event: Any, rule: str, message: str) -> Problem:
        return Problem(self._at(event), rule, message)

    def _report(self, at: Location, rule: str, message: str) -> None:
        self._problems += 1
        if self._problems >= MAX_PROBLEMS:
            message = f"{message} (and no more than {MAX_PROBLEMS} mistakes are shown)"
            raise _Stop(Problem(at, rule, message))
        self._report_problem(Problem(at, rule, message))


def _short(text: str, quotes: bool = True) -> str:
    shown = text if len(text) <= 40 else f"{text[:37]}..."
    return repr(shown) if quotes else shown


def _name(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case dict():
            return "a mapping"
        case _:
            return "a list"
