"""What a question shows, as lines for a terminal and for a page."""

from __future__ import annotations

from typing import Any

import pytest

from radps_dag.prefect.form import schema, signed, words
from radps_dag.questions import Question
from radps_dag.questions.evidence import addresses, lines, listing

PLOT = {"uri": "file:///a/plot.png", "kind": "plot"}


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        ({"peak": 0.0123456, "units": "Jy/beam"}, "peak 0.0123, units Jy/beam"),
        ({"ratios": [0.301121839594386, 12.3456789]}, "ratios [0.301, 12.3]"),
        (PLOT, "plot: file:///a/plot.png"),
        ("all\x1b[2J is well", "all [2J is well"),
        (3, "3"),
    ],
)
def test_a_line_each(shown: Any, line: str) -> None:
    """Numbers have the digits that matter, and nothing changes the terminal."""
    assert list(lines([shown])) == [line]


def test_products_wherever_they_are() -> None:
    """A fan-out gives a list of products: each is on a line of its own, and can be opened."""
    two = [PLOT, {"uri": "file:///a/b.fits"}]
    shown = [two, {"rms": 0.5, "image": PLOT}]
    assert list(lines(shown)) == [
        "plot: file:///a/plot.png",
        "product: file:///a/b.fits",
        "rms 0.5",
        "image: file:///a/plot.png",
    ]
    assert list(addresses(shown)) == [PLOT["uri"], "file:///a/b.fits", PLOT["uri"]]


def test_values_below_each_other_on_the_page() -> None:
    """The form is narrow: nothing is to be looked for beyond its right edge."""
    values = {"peak": 0.045682196482754484, "stops at": 0.0045423, "ratios": [0.123456, 2.0]}
    assert list(listing([values, "a\nb"])) == [
        "peak      0.0457",
        "stops at  0.00454",
        "ratios    [0.123, 2]",
        "a\nb",
    ]
    question = Question("r", "here", "0" * 32, "well?", {}, show=(values, PLOT))
    assert "```text\npeak      0.0457\nstops at  0.00454\n" in words(question)
    assert "plot:  file:///a/plot.png" in words(question)
    opened = words(question, link=lambda uri: f"/radps/{uri[-8:]}")
    assert "plot.png: [open](/radps/plot.png)" in opened and "file:" not in opened


def test_who_answers_on_the_page() -> None:
    """The form asks who it is, unless the question has an input of that name; nobody must say."""
    free = Question("r", "here", "0" * 32, "well?", {"n": {"type": "integer"}})
    assert list(schema(free)["properties"]) == ["n", "by"] and schema(free)["required"] == ["n"]
    assert signed(free, {"n": 1, "by": "an\x1b[2J"}) == ({"n": 1}, "an [2J")
    assert signed(free, {"n": 1}) == signed(free, {"n": 1, "by": None}) == ({"n": 1}, "")
    taken = Question("r", "here", "0" * 32, "who?", {"by": {"type": "string"}})
    assert schema(taken)["properties"]["by"]["title"] == "by"
    assert signed(taken, {"by": "an"}) == ({"by": "an"}, "")
