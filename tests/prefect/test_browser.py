"""The browser of the tests: what a navigation cuts off is asked again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import browser_support
import pytest
from browser_support import Browser, Navigated
from websockets.sync.client import ClientConnection

CUT_OFF = {"error": {"code": -32000, "message": "Inspected target navigated or closed"}}


class Tab:
    """A tab that answers with these answers, one for each question."""

    def __init__(self, answers: Iterator[dict[str, Any]]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def send(self, message: str) -> None:
        said = json.loads(message)
        self.asked.append(said["params"]["expression"])
        self._id = said["id"]

    def recv(self, timeout: float) -> str:
        del timeout
        return json.dumps({"id": self._id, **next(self._answers)})


def a_browser(*answers: dict[str, Any]) -> tuple[Browser, Tab]:
    tab = Tab(iter(answers))
    return Browser(cast(ClientConnection, tab)), tab


def value(of: Any) -> dict[str, Any]:
    return {"result": {"result": {"value": of}}}


def test_what_a_navigation_cuts_off_is_asked_again() -> None:
    """A script that found no page is asked of the one that comes, and its value counts."""
    one, tab = a_browser(CUT_OFF, CUT_OFF, value(42))
    assert one.run("6 * 7") == 42
    assert tab.asked == ["6 * 7"] * 3
    one, tab = a_browser(value(False), CUT_OFF, value("found"))
    assert one.wait("there()", seconds=5) == "found"
    assert len(tab.asked) == 3


def test_a_page_that_never_stays_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The asking again is bounded, and what else goes wrong is said at once."""
    monkeypatch.setattr(browser_support, "NAVIGATIONS", 3)
    one, tab = a_browser(*[CUT_OFF] * 4)
    with pytest.raises(Navigated):
        one.run("1")
    assert len(tab.asked) == 3
    one, tab = a_browser({"error": {"code": -32601, "message": "no such method"}})
    with pytest.raises(AssertionError, match="no such method"):
        one.run("1")
    assert len(tab.asked) == 1
