"""Reports, written from journals that are written fact by fact."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_support import PNG, START, TEXT, Page, begun, call, over, record, started, story

from radps_dag.facts import Fact, Iterated, NodeStarted, NodeSucceeded
from radps_dag.journal.opening import open_store
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.report.folding import report_of
from radps_dag.report.model import Report
from radps_dag.report.pages import pages, single_page
from radps_dag.report.writing import write

ALLOWED = """
    html head meta title style body a header nav ul li main section h1 h2 h3 h4 p span strong br div
    table caption thead tbody tr th td dl dt dd details summary pre figure figcaption img svg path
    rect text g polyline circle footer script
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Workspace(tmp_path / "space"))
    yield opened
    opened.close()


def reported(store: Store, facts: list[Fact]) -> Report:
    return report_of(store, record(store, facts))


def a_picture(store: Store, name: str = "map.png", content: bytes = PNG) -> str:
    """Lay a picture into the workspace; the address of its directory."""
    folder = store.workspace.root / "runs" / "r1" / "products"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder.as_uri()


def written(store: Store, folder: Path) -> dict[str, Page]:
    """A night's report, by page."""
    write(reported(store, story(a_picture(store))), folder)
    return {path.name: Page.at(path) for path in sorted(folder.glob("*.html"))}


def test_the_summary_says_what_was_bad_first(store: Store, tmp_path: Path) -> None:
    """Failures, also tolerated ones, questions with who answered, and low scores stand on top."""
    text = written(store, tmp_path / "out")["index.html"].text
    assert "The run succeeded. 1 failure was tolerated. 2 scores are alerts." in text
    for words in (
        "clean[spw=1]/plot ! tolerated ValueError: no beam",
        "is that enough?", "action=go on", "ada, by radps-dag answer", "2.0s",
        "0.20 alert", "too much noise", "images 2", "the disk is nearly full",
        "7 ended, 1 failed, 1 retries", "dish", "not measured",
    ):  # fmt: skip
        assert words in text, words


def test_a_stage_has_a_page(store: Store, tmp_path: Path) -> None:
    """A stage's page has its lowest score with the reason, its pictures, loops, calls, line."""
    found = written(store, tmp_path / "out")
    page = found["stage-02-clean.html"]
    assert "Lowest score: 0.20 alert noise of spw 0 (3.5 mJy): too much noise" in page.text
    assert "pictures/0001-map.png" in page.links
    assert "night.yaml:5" in page.text and "pipeline.html#f1-5" in page.links
    assert "Traceback: no beam" in page.text
    assert "Attempt 1, 2025-10-09 08:53:20: failed after 1.0s: OSError: the archive is busy" in (
        found["stage-01-import_data.html"].text
    )
    assert "nobody wants it" in found["stage-03-export.html"].text


def test_no_link_is_dead(store: Store, tmp_path: Path) -> None:
    """Each link of a folder, wherever it is moved, and of a single page leads somewhere."""
    written(store, tmp_path / "out")
    moved = shutil.move(tmp_path / "out", tmp_path / "elsewhere")
    for path in Path(moved).glob("*.html"):
        page = Page.at(path)
        assert len(page.ids) == len(set(page.ids))
        for link in page.links:
            name, _, anchor = link.partition("#")
            target = path if not name else path.parent / name
            assert target.is_file(), link
            assert not anchor or anchor in Page.at(target).ids, link
    alone = Page(single_page(report_of(store, "r1")))
    assert len(alone.ids) == len(set(alone.ids))
    for link in alone.links:
        assert link.startswith("data:image/") or link.removeprefix("#") in alone.ids, link


def test_the_same_journal_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    """A report depends on the journal and the products, not on when or where it is written."""
    report = reported(store, story(a_picture(store)))
    for n in ("1", "2"):
        write(report_of(store, "r1"), tmp_path / f"{n}.zip")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    store.close()
    shutil.move(store.workspace.root, tmp_path / "moved")
    again = open_store(Workspace(tmp_path / "moved"), reading=True)
    try:
        assert list(pages(report_of(again, "r1"))) == list(pages(report))
    finally:
        again.close()


def test_a_zip_has_one_folder(store: Store, tmp_path: Path) -> None:
    """An archive holds what a folder holds, the pictures too."""
    write(reported(store, story(a_picture(store))), tmp_path / "r.zip")
    with zipfile.ZipFile(tmp_path / "r.zip") as archive:
        names = archive.namelist()
        assert archive.read("report/pictures/0001-map.png") == PNG
    assert {name.partition("/")[0] for name in names} == {"report"}
    assert {"report/index.html", "report/graph.svg", "report/stage-02-clean.html"} <= set(names)


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("map.png", PNG, True),
        ("map.jpg", b"\xff\xd8\xff\xe0", True),
        ("map.svg", b"<svg xmlns='x'><script>alert(1)</script></svg>", True),
        ("map.png", b"<script>alert(1)</script>", False),
        ("map.svg", b"<html><script>alert(1)</script></html>", False),
        ("map.html", b"<script>alert(1)</script>", False),
    ],
)
def test_products_never_become_markup(
    name: str, content: bytes, shown: bool, store: Store, tmp_path: Path
) -> None:
    """Pictures are shown as pictures if they are some; no product is part of a page."""
    products = a_picture(store, name, content)
    facts = [begun(), *call("import_data", workdir=products, files={name: (9, "d")}), over()]
    report = reported(store, facts)
    write(report, tmp_path / "out")
    page = Page.at(tmp_path / "out" / "stage-01-import_data.html")
    assert ("img" in page.tags) == shown
    assert len(list((tmp_path / "out" / "pictures").iterdir())) == shown
    # An SVG that a browser opens as a page would run its program.
    assert ("pictures/0001-map.svg" in page.links) == (name.endswith("svg") and shown)
    assert page.links.count(f"pictures/0001-{name}") == (shown + (shown and name != "map.svg"))
    for one in (page, Page(single_page(report))):
        assert "alert(1)" not in "".join(one.inside("script"))


def test_a_picture_that_is_gone_is_named(store: Store, tmp_path: Path) -> None:
    """Of a run whose products are elsewhere, as of an imported one, pictures are named."""
    gone = (store.workspace.root / "runs" / "r1" / "products").as_uri()
    write(reported(store, story(gone)), tmp_path / "out")
    text = Page.at(tmp_path / "out" / "stage-02-clean.html").text
    assert "not here: runs/r1/products/map.png" in text


HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>", "</script><script>alert(1)</script>", "</title></style><b>",
        '"><img src=x onerror=alert(1)>', "' onmouseover='x", "javascript:alert(1)", "{{ 7*7 }}",
        "{% raw %}", "\u202eevil", "\x1b[2J", "]]>", "<!--", "&lt;", "\0",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)  # fmt: skip


@given(words=st.lists(HOSTILE, min_size=9, max_size=9))
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_hostile_text_is_inert(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever names, messages, params, answers and file names say stays text."""
    name, key, message, param, answer, file, metric, text, kind = words
    stage = name.translate(dict.fromkeys(map(ord, "/[]#"), "_")) or "s"
    place = f"{stage}[k={key}]"
    products = Path(tmp_path_factory.mktemp("x"))
    facts = [
        begun(
            params={param: param}, pipeline=name, file=file,
            provenance={"sources": {"night.yaml": text, file: text}, "host": text, text: text},
        ),
        started(stage, kind="fan_out", description=message, total=1),
        *call(place, workdir=products.as_uri(), files={f"{file}.png": (1, "d")}),
        *story()[1:-1],
    ]  # fmt: skip
    facts += [
        type(one)(**{**{n: getattr(one, n) for n in one.__dataclass_fields__}, **more})
        for one in story()[1:-1]
        for more in [_with(one, message, answer, metric, kind)]
    ]
    store = open_store(Workspace(tmp_path_factory.mktemp("space")))
    try:
        report = report_of(store, record(store, [*facts, over(outputs={text: message})]))
    finally:
        store.close()
    page = Page(single_page(report))
    assert set(page.tags) <= set(ALLOWED.split())
    assert page.tags.count("script") == page.tags.count("style") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [link for link in page.links if ":" in link and not link.startswith("data:im")]
    assert "\u202e" not in page.text and "\x1b" not in page.text


def _with(fact: Any, message: str, answer: str, metric: str, kind: str) -> dict[str, Any]:
    """Fields of a fact that hold what others have written."""
    more = {
        "message": message, "error": kind, "traceback": message, "reason": message,
        "values": {answer: answer}, "by": answer, "metric": metric, "units": kind,
        "applies_to": answer, "outcome": kind,
    }  # fmt: skip
    return {name: value for name, value in more.items() if name in fact.__dataclass_fields__}


def test_fan_outs_are_folded(store: Store) -> None:
    """Of many calls of a node the worst are shown, and how the others are distributed."""
    facts: list[Fact] = [begun(), started("clean", kind="fan_out", total=500)]
    for n in range(500):
        facts += call(f"clean[n={n}]", 0, 1 + n / 100)
    report = reported(store, [*facts, over()])
    (node,) = (one for one in report.nodes if one.path == "clean")
    assert node.places == 500 and len(node.calls) == 20
    assert node.calls[0].place == "clean[n=499]"
    assert node.spread is not None and node.spread.median == pytest.approx(3.495)
    (row,) = report.timeline.rows
    assert row.peak == 500 and len(row.density) == 120
    assert [one.critical for one in row.bars] == [True]


def test_a_run_that_was_killed_is_reported(store: Store, tmp_path: Path) -> None:
    """A process that went away without a word has interrupted its run; times end with it."""
    facts = story()[:12]
    report = reported(store, facts)
    assert report.status == "interrupted" and report.until == facts[-1].time
    assert "went away without a word" in Page(dict(pages(report))["provenance.html"]).text
    assert {row.bars[-1].status for row in report.timeline.rows} >= {"abandoned"}


def test_a_resumed_run_has_no_time_between_its_processes(store: Store) -> None:
    """The axis has the time in which somebody drove the run."""
    facts = [
        begun(), *call("import_data", 0, 2), over("interrupted", START + 2),
        begun(START + 5000, generation=2),
        NodeStarted(time=START + 5000, place="import_data", kind="task", origin="r1"),
        NodeSucceeded(time=START + 5000, place="import_data", outputs={}, seconds=2.0),
        *call("clean", 5000, 5002), over(time=START + 5002),
    ]  # fmt: skip
    report = reported(store, facts)
    assert report.active == pytest.approx(4.0)
    assert [one.generation for one in report.processes] == [1, 2]


def test_old_journals_are_reported(store: Store, tmp_path: Path) -> None:
    """Without provenance there is neither text nor graph, and the report says so."""
    report = reported(store, [begun(provenance={}), *call("import_data"), over()])
    found = {name: Page(content).text for name, content in pages(report)}
    assert (
        "has not recorded" in found["graph.html"] and "has not recorded" in found["pipeline.html"]
    )
    assert "Not known" in found["timeline.html"]


def test_texts_that_lead_elsewhere_are_shown_alone(store: Store, tmp_path: Path) -> None:
    """Whoever wrote a journal that was imported cannot have files laid out elsewhere."""
    evil = f"../{tmp_path.name}-evil.yaml"
    sources = {"night.yaml": TEXT, evil: "x"}
    report = reported(store, [begun(provenance={"sources": sources}), over()])
    assert not report.graph and [one.name for one in report.texts] == ["night.yaml", evil]
    assert not list(tmp_path.parent.glob("*evil*"))


def test_what_never_began_has_no_report(store: Store) -> None:
    """A run without a beginning is refused in one line."""
    with pytest.raises(RadpsDagError, match="nothing to report"):
        reported(store, [over("interrupted")])


def test_an_empty_run_is_reported(store: Store) -> None:
    """A run in which nothing has begun yet has all its pages."""
    names = [name for name, _ in pages(reported(store, [begun()]))]
    assert names[0] == "index.html" and "timeline.html" in names


def test_other_folders_are_left_alone(store: Store, tmp_path: Path) -> None:
    """A folder is written anew if a report is in it, and refused if something else is."""
    report = reported(store, story(a_picture(store)))
    place = tmp_path / "out"
    write(report, place)
    (place / "stage-09-gone.html").write_text("old", encoding="utf-8")
    write(report, place)
    assert not (place / "stage-09-gone.html").exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="something else is there"):
        write(report, other)
    assert [one.name for one in other.iterdir()] == ["thesis.tex"]
    with pytest.raises(UsageError, match="use -o for another place"):
        write(report, other / "thesis.tex" / "report.html")


def test_a_single_page_embeds_pictures_while_there_is_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures beyond the room of a single page are named with their address."""
    report = reported(store, story(a_picture(store)))
    assert "data:image/png" in single_page(report).decode()
    monkeypatch.setattr("radps_dag.report.links.EMBEDDED", 10)
    monkeypatch.setattr("radps_dag.report.links.FileLinks._room", 10, raising=False)
    text = single_page(report).decode()
    assert "data:image/png" not in text and "not embedded" in text


def test_loops_have_a_course(store: Store) -> None:
    """A loop shows its scores, or else the first number that it hands on, and what it kept."""
    report = reported(store, story())
    loop = report.loops[0]
    assert (loop.measure, loop.kept, loop.logarithmic) == ("score", 2, True)
    assert [one.value for one in loop.rounds] == [100.0, 3.0] and len(loop.points) == 2


def test_loops_are_folded_by_node(store: Store) -> None:
    """Of many loops at one node the worst are shown, wherever fan-outs stand above it."""
    facts: list[Fact] = [begun()]
    for n in range(30):
        here = f"clean[spw={n}]/cycle"
        facts += [
            started(here, kind="loop", total=3),
            Iterated(time=START, place=here, iteration=1, cap=3, score=1.0,
                     outcome="diverged" if n == 29 else "converged", kept=1),
        ]  # fmt: skip
    report = reported(store, [*facts, over()])
    assert len(report.loops) == 20 and report.more_loops == 10
    assert report.loops[0].place == "clean[spw=29]/cycle"
