"""Events of the YAML parser to data with places; everything doubtful is refused."""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import Any, NamedTuple

import yaml

from radps_dag.language.source.data import Document, Report, Series, Table
from radps_dag.language.source.scalars import CORE, TYPES, NotJson, plain
from radps_dag.language.source.text import place_after
from radps_dag.language.syntax import control_character, explain, indenting_tab
from radps_dag.problem import Location, Problem, Source

__all__ = ["MAX_DEPTH", "MAX_PROBLEMS", "MAX_VALUES", "parse"]

# A pipeline of 10,000 nodes has some 400,000 values.
MAX_VALUES = 500_000
MAX_DEPTH = 100
# Values that aliases add to those that are written out.
MAX_ALIASED = 20_000
# Past this many mistakes the rest is more noise than help.
MAX_PROBLEMS = 100


def parse(source: Source, report: Report) -> Document | None:
    """The data of a YAML text; every mistake in it is reported.

    Nothing comes back where the text cannot be understood as a whole. Otherwise what is wrong (a
    duplicate key, a tag) is left out, so that the rest can be checked too.
    """
    problems: list[Problem] = []
    for position, rule, message in (*control_character(source.text), *indenting_tab(source.text)):
        report(Problem(place_after(source, source.text[:position]), rule, message))
        return None
    builder = _Builder(source, problems.append)
    try:
        document = builder.document()
    except _Stop as stop:
        problems.append(stop.problem)
        document = None
    except yaml.YAMLError as error:
        problems.append(explain(error, source))
        document = None
    for problem in problems:
        report(problem)
    return document


class _Stop(Exception):
    """A mistake after which the rest of the file cannot be read."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Anchored(NamedTuple):
    value: Any
    size: int  # values inside, itself included


# The C parser where PyYAML has it (all its wheels do); the same events, slower, where not.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Looked up once: these stand in the innermost loops.
_SCALAR, _ALIAS = yaml.ScalarEvent, yaml.AliasEvent
_MAPPING_END, _SEQUENCE_END = yaml.MappingEndEvent, yaml.SequenceEndEvent


class _Builder:
    """Events to data, one document."""

    def __init__(self, source: Source, report: Report) -> None:
        self._source = source
        self._report_problem = report
        self._problems = 0
        self._next = _Parser(source.text).get_event
        self._anchors: dict[str, _Anchored | None] = {}  # None while its value is being read
        self._plain = lru_cache(maxsize=10_000)(plain)  # a file says the same again and again
        self._values = 0
        self._aliased = 0

    def document(self) -> Document | None:
        self._next()  # the stream's start
        if not isinstance(self._next(), yaml.DocumentStartEvent):
            at = Location(self._source, 1, 1)
            self._report(
                at, "empty", "the file is empty: there is nothing, or nothing but comments"
            )
            return None
        event = self._next()
        at = self._at(event)
        data = self._value(event, 0)
        self._next()  # the document's end
        following = self._next()
        if isinstance(following, yaml.DocumentStartEvent):
            message = "a second document starts here; a file holds one: remove `---`"
            self._report(self._at(following), "document", message)
        return Document(self._source, data, at)

    def _value(self, event: Any, depth: int) -> Any:
        kind = type(event)
        if kind is _ALIAS:
            return self._alias(event, depth)
        self._values += 1
        if self._values > MAX_VALUES:
            raise _Stop(self._problem(event, "size", f"more than {MAX_VALUES} values in one file"))
        if event.anchor is not None:
            return self._anchored(event, kind, depth)
        return self._scalar(event) if kind is _SCALAR else self._collection(event, kind, depth)

    def _anchored(self, event: Any, kind: type, depth: int) -> Any:
        before = self._values + self._aliased
        self._anchors[event.anchor] = None
        scalar = kind is _SCALAR
        value = self._scalar(event) if scalar else self._collection(event, kind, depth)
        size = self._values + self._aliased - before + 1
        self._anchors[event.anchor] = _Anchored(value, size)
        return value

    def _collection(self, event: Any, kind: type, depth: int) -> Table | Series:
        if depth >= MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
            raise _Stop(self._problem(event, "depth", message))
        name = "map" if kind is yaml.MappingStartEvent else "seq"
        if event.tag is not None and event.tag not in (f"{CORE}{name}", "!"):
            self._refuse_tag(event)
        if kind is yaml.MappingStartEvent:
            return self._table(depth + 1)
        return self._series(depth + 1)

    def _table(self, depth: int) -> Table:
        table = Table(self._source)
        places = table.places
        next_event, value_of = self._next, self._value
        while type(event := next_event()) is not _MAPPING_END:
            key = value_of(event, depth)
            if type(key) is not str or key == "<<":
                key = self._odd_key(event, key)
            following = next_event()
            value = value_of(following, depth)
            if key is None:
                continue
            if key in table:
                message = f"duplicate key {_short(key)}; it stands on line {places[key][0]} already"
                self._report(self._at(event), "duplicate-key", message)
                continue
            key_mark, mark = event.start_mark, following.start_mark
            # Each name once in memory, and found by its address.
            key = intern(key)
            table[key] = value
            places[key] = (key_mark.line + 1, key_mark.column + 1, mark.line + 1, mark.column + 1)
        return table

    def _odd_key(self, event: Any, key: Any) -> str | None:
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
        places = series.places
        while type(event := self._next()) is not _SEQUENCE_END:
            mark = event.start_mark
            series.append(self._value(event, depth))
            places.append((mark.line + 1, mark.column + 1))
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
        if depth + _height(anchored.value) > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels by this alias"
            raise _Stop(self._problem(event, "depth", message))
        return anchored.value

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        tag: str | None = event.tag
        if tag is None:
            if not event.implicit[0]:
                return text  # quoted
        elif tag not in TYPES:
            if tag not in ("!", f"{CORE}str"):
                self._refuse_tag(event)
            return text
        try:
            value = self._plain(text)
        except NotJson as error:
            self._report(self._at(event), "number", str(error))
            return 0
        return value if tag is None else self._tagged(event, tag, value)

    def _tagged(self, event: Any, tag: str, value: Any) -> Any:
        """The value under a tag of the core schema, which must say what it is anyway."""
        if not isinstance(value, TYPES[tag]) or (isinstance(value, bool) and tag != f"{CORE}bool"):
            message = f"{_short(event.value)} is not of the type that its tag says; remove the tag"
            self._report(self._at(event), "tag", message)
        return float(value) if tag == f"{CORE}float" and type(value) is int else value

    def _refuse_tag(self, event: Any) -> None:
        tag = event.tag.replace(CORE, "!!")
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


def _height(value: Any) -> int:
    """The levels below a value. What it costs to look is within `MAX_ALIASED`."""
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_height, inside), default=0) if isinstance(value, dict | list) else 0


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
