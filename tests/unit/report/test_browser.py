"""A report in a real browser, opened from a file: nothing is asked for, nothing goes wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_support import CHROMIUM, Browser, browser
from report_support import PNG, record, story

from radps_dag.journal.opening import open_store
from radps_dag.journal.workspace import Workspace
from radps_dag.report.folding import report_of
from radps_dag.report.writing import write

AXE = Path(os.environ.get("RADPS_DAG_AXE") or "axe.min.js")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the report with"),
]
WATCH = """
window.wrong = [];
addEventListener("error", one => wrong.push(String(one.message || one.target.src)), true);
addEventListener("securitypolicyviolation", one => wrong.push(one.violatedDirective));
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report as a folder, and as the single page beside it."""
    place = tmp_path_factory.mktemp("night")
    store = open_store(Workspace(place / "space"))
    try:
        products = place / "space" / "runs" / "r1" / "products"
        products.mkdir(parents=True)
        (products / "map.png").write_bytes(PNG)
        found = report_of(store, record(store, story(products.as_uri())))
    finally:
        store.close()
    write(found, place / "report")
    write(found, place / "report" / "single.html")
    return place / "report"


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        found.say("Page.enable")
        found.say("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        yield found


def opened(tab: Browser, page: Path, scheme: str = "light") -> None:
    dark = [{"name": "prefers-color-scheme", "value": scheme}]
    tab.say("Emulation.setEmulatedMedia", features=dark)
    tab.open(page.as_uri())
    name = json.dumps(page.name)
    tab.wait(f"location.pathname.endsWith({name}) && document.readyState === 'complete'")


def test_nothing_is_asked_for_and_nothing_goes_wrong(folder: Path, tab: Browser) -> None:
    """No page asks a network for anything, breaks its own policy, or has an error."""
    for page in sorted(folder.glob("*.html")):
        opened(tab, page)
        loaded: list[str] = tab.run("performance.getEntriesByType('resource').map(one => one.name)")
        assert all(one.startswith(("file:", "data:")) for one in loaded), page.name
        # The picture of the test is but the beginning of one.
        wrong = [one for one in tab.run("wrong") if not one.endswith("map.png")]
        assert [one for one in wrong if not one.startswith("data:image/png")] == [], page.name


def test_tables_are_sorted_and_filtered(folder: Path, tab: Browser) -> None:
    """A click on a heading sorts a table, a second one turns it; a word leaves rows out."""
    opened(tab, folder / "index.html")
    table = "[...document.querySelectorAll('table')].at(-1)"
    first = f"{table}.tBodies[0].rows[0].cells[0].innerText"
    tab.run(f"{table}.tHead.querySelector('button').click()")
    assert tab.run(first) == "clean"
    tab.run(f"{table}.tHead.querySelector('button').click()")
    assert tab.run(first) == "import_data"
    assert tab.run(f"{table}.tHead.rows[0].cells[0].getAttribute('aria-sort')") == "descending"


def test_all_is_read_without_a_script(folder: Path, tab: Browser) -> None:
    """Scores, failures and times stand on the pages without JavaScript."""
    tab.say("Emulation.setScriptExecutionDisabled", value=True)
    try:
        opened(tab, folder / "single.html")
        text = tab.text
    finally:
        tab.say("Emulation.setScriptExecutionDisabled", value=False)
    assert "Only rows with" not in text  # which a script adds
    for words in ("too much noise", "no beam", "is that enough?", "Critical path"):
        assert words in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.skipif(not AXE.is_file(), reason="no axe to look at the report with")
def test_axe_finds_nothing(scheme: str, folder: Path, tab: Browser) -> None:
    """Every page is accessible in both schemes, contrast included."""
    rules = AXE.read_text(encoding="utf-8")
    asked = "axe.run().then(found => JSON.stringify(found.violations.map(one => one.id)))"
    for page in sorted(folder.glob("*.html")):
        opened(tab, page, scheme)
        tab.run(f"{rules}; 0")
        said = tab.say("Runtime.evaluate", expression=asked, awaitPromise=True, returnByValue=True)
        assert said["result"]["value"] == "[]", page.name
