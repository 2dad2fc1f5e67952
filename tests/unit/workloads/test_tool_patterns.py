"""Patterns for lines of output: quick whatever is printed, or refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.workloads.tools.patterns import MAX_LENGTH, PatternRefused, bounded, literal_of

FINE = [
    r"rms = (?P<rms>[0-9.e+-]+)",
    r"^\s*(\d+)\s+(\w+)\s*$",
    r"(?i)clean diverged",
    r"(?P<percent>\d{1,3})%",
    r"(foo|bar) = (?P<x>\S+) Jy",
    r".*peak.*rms",
    r"Image dimensions: (?P<x>\d+) x (?P<y>\d+)",
]
ENDLESS = [
    "(a+)+b",
    "(a*)*",
    "([a-z]+)*!",
    "(a|aa)+b",
    "(aa|a.)*b",
    "(.*a){20}",
    "(a?){50}",
    "a?" * 30 + "a" * 30,
    ".*a.*b.*c.*d",
    "[0-9]*[0-9]*[0-9]*[0-9]*x",
    r"(.)\1",
    "(?=a)b",
    "(?<!a)b",
    "(",
    "x" * (MAX_LENGTH + 1),
]


@pytest.mark.parametrize("text", FINE)
def test_what_lines_need_is_taken(text: str) -> None:
    """Groups, classes, counts, alternatives and a few `.*` are all that logs ask for."""
    assert bounded(text).pattern == text


@pytest.mark.parametrize("text", ENDLESS, ids=range(len(ENDLESS)))
def test_what_could_take_for_ever_is_refused(text: str) -> None:
    """Repetitions of repetitions, of alternatives, and rows of them, with words about it."""
    with pytest.raises(PatternRefused, match=r"pattern|regular expression"):
        bounded(text)


PARTS = st.sampled_from(["a", "ab", "[ab]", "[^a]", ".", r"\d", "(a|ab)", "(ab)"])
COUNTS = st.sampled_from(["", "", "+", "*", "?", "{2}", "{1,3}", "+?"])
PATTERNS = st.lists(st.tuples(PARTS, COUNTS), min_size=1, max_size=8).map(
    lambda parts: "".join(part + count for part, count in parts)
)


@given(PATTERNS, st.text("ab1", max_size=40))
def test_a_pattern_that_is_taken_is_pythons(text: str, line: str) -> None:
    """What is taken finds what `re` finds."""
    try:
        pattern = bounded(text)
    except PatternRefused:
        return
    assert bool(pattern.search(line)) == bool(re.search(text, line))
    if pattern.search(line):
        assert literal_of(pattern).decode() in line


def test_the_literal_of_a_pattern() -> None:
    """The longest text that is surely there; none where case does not count."""
    assert literal_of(bounded(r"(?P<a>[0-9]+) rms(?: = )(?P<rms>x+)")) == b" rms = "
    assert literal_of(bounded("(?i)rms")) == literal_of(bounded("a(?i:rms)")) == b""
    assert literal_of(bounded("a(b|c)?d+éé")) == "éé".encode()
