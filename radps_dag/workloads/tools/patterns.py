"""Regular expressions for lines of output, known to be quick before the first line is there.

Python's `re` backtracks: `(a+)+b` takes longer than the universe on a line of some hundred letters.
So lines are cut, and what can backtrack without end is refused when the tool file is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as op  # type: ignore[attr-defined]  # the parser of `re` has no public name
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

__all__ = ["LINE", "PatternRefused", "bounded", "literal_of"]

# Characters of a line that are searched.
LINE = 1000
MAX_LENGTH = 500
# Parts that can give characters back to what follows them, and `?` of which the same is true.
MAX_AMBIGUOUS, MAX_OPTIONAL = 2, 8

_ALL = frozenset(range(256))
_CATEGORIES = {
    "DIGIT": frozenset(b"0123456789"),
    "SPACE": frozenset(b" \t\n\r\f\v\x85\xa0"),
    "WORD": frozenset(ord(c) for c in map(chr, range(256)) if c.isalnum() or c == "_"),
}
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
Item = tuple[Any, Any]  # of Python's parser: what it is, and what is in it


class PatternRefused(ValueError):
    """The pattern is not one, or could take for ever."""


def bounded(text: str) -> re.Pattern[str]:
    """The pattern, if a line of LINE characters costs little whatever is in it.

    Raises PatternRefused, with what to write instead.
    """
    if len(text) > MAX_LENGTH:
        raise PatternRefused(f"the pattern is longer than {MAX_LENGTH} characters")
    try:
        pattern = re.compile(text)
        tree = parser.parse(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternRefused(f"not a regular expression: {error}") from None
    _refuse_nested(tree, inside=False)
    ambiguous, optional = _ambiguity(list(_flat(tree)), _ignores_case(text))
    if ambiguous > MAX_AMBIGUOUS or optional > MAX_OPTIONAL:
        raise PatternRefused(
            "the pattern could take very long: too many of its parts, such as .*, can match what "
            "the part after them matches; name the characters between instead, such as [^ ]* or "
            "[0-9.]+"
        )
    return pattern


def literal_of(pattern: re.Pattern[str]) -> bytes:
    """The longest text that every line has that the pattern matches, in UTF-8; to look for it first
    takes a hundredth of the time."""
    if _ignores_case(pattern.pattern):
        return b""
    longest, run = "", ""
    for kind, content in _flat(parser.parse(pattern.pattern)):
        run = run + chr(content) if kind is op.LITERAL else ""
        longest = max(longest, run, key=len)
    return longest.encode("utf-8", "surrogatepass")


def _ignores_case(text: str) -> bool:
    """Whether a pattern, or perhaps a part of it, ignores case."""
    return re.search(r"\(\?[a-zA-Z]*i", text) is not None


def _refuse_nested(tree: Any, *, inside: bool) -> None:
    for kind, content in tree:
        if kind in (op.GROUPREF, op.GROUPREF_EXISTS, op.ASSERT, op.ASSERT_NOT):
            raise PatternRefused("a pattern takes neither back-references nor look-around")
        if kind in _REPEATS:
            low, high, repeated = content
            if inside and low != high:
                raise PatternRefused(
                    "the pattern could take for ever: a repetition of what is itself repeated, "
                    "such as (a+)+; write [...]+ with all characters that can be there"
                )
            _refuse_nested(repeated, inside=inside or high > 1)
        elif kind is op.BRANCH:
            if inside:
                raise PatternRefused(
                    "the pattern could take for ever: a repetition of alternatives, such as "
                    "(a|b)*; write [ab]*, or each alternative by itself"
                )
            for branch in content[1]:
                _refuse_nested(branch, inside=inside)
        elif (group := _group(kind, content)) is not None:
            _refuse_nested(group, inside=inside)


def _group(kind: Any, content: Any) -> Any:
    """The content of a group; None if it is not a group."""
    if kind is op.SUBPATTERN:
        return content[-1]
    return content if kind is op.ATOMIC_GROUP else None


def _flat(tree: Any) -> Iterator[Item]:
    """The parts of a sequence, those of groups in their place."""
    for kind, content in tree:
        group = _group(kind, content)
        if group is None:
            yield kind, content
        else:
            yield from _flat(group)


def _ambiguity(items: list[Item], ignore_case: bool) -> tuple[int, int]:
    """Count the parts of a sequence that can give back characters that the next part takes: those
    that repeat, and those that are there or not."""
    many = optional = 0
    for number, (kind, content) in enumerate(items):
        if kind is op.BRANCH:
            inside = [_ambiguity(list(_flat(branch)), ignore_case) for branch in content[1]]
            many += max(count for count, _ in inside)
            optional += 1 + max(count for _, count in inside)
        elif kind in _REPEATS and _is_ambiguous((kind, content), items[number + 1 :], ignore_case):
            many += content[1] > 1
            optional += content[1] == 1
    return many, optional


def _is_ambiguous(repeat: Item, following: list[Item], ignore_case: bool) -> bool:
    """Whether a repetition of so many or fewer can give characters to what follows it."""
    if repeat[1][0] == repeat[1][1]:
        return False
    characters = _characters(repeat, ignore_case)
    for item in following:
        if item[0] is op.AT:
            continue
        if characters & _characters(item, ignore_case=True):
            return True
        if not (item[0] in _REPEATS and item[1][0] == 0):
            return False
    return False


def _characters(item: Item, ignore_case: bool) -> frozenset[int]:
    """The characters of which an item may be made."""
    kind, content = item
    characters = _ALL
    if kind is op.LITERAL:
        characters = frozenset({min(content, 255)})
    elif kind is op.NOT_LITERAL:
        characters = _ALL - {content}
    elif kind is op.IN:
        characters = _of_set(content)
    elif kind in _REPEATS:
        characters = _of_all(content[2], ignore_case)
    elif kind is op.BRANCH:
        characters = frozenset().union(*(_of_all(branch, ignore_case) for branch in content[1]))
    elif kind is op.AT:
        characters = frozenset()
    if ignore_case and characters is not _ALL:
        cased = {
            ord(c) for n in characters for c in (chr(n).lower(), chr(n).upper()) if len(c) == 1
        }
        characters |= {min(n, 255) for n in cased}
    return characters


def _of_all(tree: Any, ignore_case: bool) -> frozenset[int]:
    return frozenset().union(*(_characters(item, ignore_case) for item in _flat(tree)))


def _of_set(content: Any) -> frozenset[int]:
    characters: set[int] = set()
    negated = False
    for kind, what in content:
        if kind is op.NEGATE:
            negated = True
        elif kind is op.LITERAL:
            characters.add(min(what, 255))
        elif kind is op.RANGE:
            characters.update(range(min(what[0], 255), min(what[1], 255) + 1))
        elif kind is op.CATEGORY:
            name = str(what).removeprefix("CATEGORY_")
            of = _CATEGORIES[name.removeprefix("NOT_")]
            characters |= _ALL - of if name.startswith("NOT_") else of
    # 255 stands for all that come after it.
    return _ALL - (characters - {255}) if negated else frozenset(characters)
