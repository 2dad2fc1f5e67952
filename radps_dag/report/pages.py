"""A report to its pages: templates of Jinja, in which every value is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from radps_dag import __version__
from radps_dag.progress.look import UNICODE, duration, number, quality_text, short
from radps_dag.progress.node import Quality
from radps_dag.report.chart import Row, Timeline
from radps_dag.report.links import FileLinks, Links
from radps_dag.report.model import Report, Stage
from radps_dag.report.nodes import NOT_MEASURED, Score
from radps_dag.report.values import moment
from radps_dag.visible import visible

__all__ = ["gantt", "pages", "single_page"]

_TITLES = {
    "index": "Summary",
    "stages": "Stages",
    "topics": "Topics",
    "qa": "QA",
    "timeline": "Timeline",
    "resources": "Resources",
    "loops": "Loops",
    "graph": "Graph",
    "pipeline": "Pipeline",
    "provenance": "Provenance",
}
_SYMBOLS: dict[str, str] = {
    **{str(name): sign for name, sign in UNICODE.status.items()},
    "reused": UNICODE.reused,
    "interrupted": "■",
    "cancelled": "✗",
    "paused": "?",
}
_GANTT_STYLE = (
    ".paper{fill:#fff}text{font-size:11px;fill:#1c2733}.mut{fill:#4f5b69}.grid{stroke:#c3ccd6}"
    ".box{fill:#f6f8fa;stroke:#c3ccd6}.area,.b-succeeded{fill:#2f8f74}.b-running,.b-retrying"
    "{fill:#2f7fb8}.b-failed{fill:#c63a2c}.b-tolerated{fill:#b3781d}.b-reused{fill:#7b8794}"
    ".b-asked{fill:#a2569a}.b-waiting{fill:#c3ccd6}.b-publishing{fill:#6a6fb5}.b-stopped,.b-abandoned{fill:#8a774f}.crit{stroke:#1c2733;"
    "stroke-width:1.6}"
)
_CHANGES = 200  # of a kind, on the page that compares two runs
_AREA = 24.0  # height of a row that shows how many went on


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    title: str
    template: str
    item: Stage | None = None


def pages(report: Report) -> Iterator[tuple[str, bytes]]:
    """The pages with their names in the folder."""
    links = Links(report)
    environment = _environment()
    for section in _sections(report, links):
        yield links.file_of(section.name), _page(environment, report, links, [section])


def single_page(report: Report) -> bytes:
    """All pages as one, with its pictures in it."""
    links = FileLinks(report)
    sections = list(_sections(report, links))
    return _page(_environment(), report, links, sections)


def gantt(chart: Timeline, *, alone: bool = True) -> str:
    """The picture of a timeline as SVG; `alone`: with its own colours, to be a file."""
    placed: list[_Placed] = []
    boxes: list[_Placed] = []
    top = 22.0
    for row in chart.rows:
        if row.box and boxes:
            boxes[-1].height = top - boxes[-1].top + 2
            top += 8
        height = _AREA + 4 if row.density else 6.0 + 9 * row.lanes
        height = max(height, 16.0)
        placed_row = _Placed(row, round(top, 1), height, _label(row), _area(row))
        if row.box:
            boxes.append(_Placed(row, round(top - 2, 1), height, ""))
        placed.append(placed_row)
        top += height
    if boxes:
        boxes[-1].height = round(top - boxes[-1].top + 2, 1)
    template = _environment().get_template("gantt.svg")
    style = Markup(_GANTT_STYLE if alone else "")  # noqa: S704  # our own words
    return template.render(
        chart=chart, placed=placed, boxes=boxes, height=round(top + 6), style=style
    )


@dataclass
class _Placed:
    row: Row
    top: float
    height: float
    label: str
    area: str = ""


def _label(row: Row) -> str:
    indent = "" if row.box else "  "
    most = 34
    name = row.node.path if row.box else row.node.path.partition("/")[2]
    return indent + (name if len(name) <= most else f"...{name[-most + 3 :]}")


def _area(row: Row) -> str:
    """Number of calls at each time, as a path."""
    if not row.density:
        return ""
    wide = (row.right - row.left) / len(row.density)
    base = _AREA + 1
    steps = [f"M{row.left:.1f},{base:.1f}"]
    for n, share in enumerate(row.density):
        steps.append(f"V{base - share * _AREA:.1f}H{row.left + (n + 1) * wide:.1f}")
    return "".join([*steps, f"V{base:.1f}Z"])


def _titles(report: Report) -> dict[str, str]:
    """The pages of a report, in the order of the menu."""
    return _TITLES if report.comparison is None else {**_TITLES, "comparison": "Comparison"}


def _sections(report: Report, links: Links) -> Iterator[_Section]:
    for name, title in _titles(report).items():
        template = "summary.html" if name == "index" else f"{name}.html"
        yield _Section(name, title, template)
        for stage in report.stages if name == "stages" else ():
            yield _Section(links.section_of(stage.name), stage.name, "stage.html", stage)


def _page(
    environment: Environment, report: Report, links: Links, sections: Sequence[_Section]
) -> bytes:
    style, script = _resource("style.css"), _resource("script.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data: file: 'self'; base-uri 'none'; form-action 'none'"
    )
    alone = len(sections) == 1
    current = sections[0].name if alone else ""
    text = environment.get_template("page.html").render(
        report=report,
        links=links,
        sections=sections,
        title=sections[0].title if alone else "Report",
        current="stages" if current.startswith("stage-") else current,
        menu=_titles(report).items(),
        most=_CHANGES,
        policy=Markup(policy),  # noqa: S704  # made of our own words
        style=Markup(style),  # noqa: S704  # our own file
        script=Markup(script),  # noqa: S704  # our own file
        version=__version__,
        not_measured=NOT_MEASURED,
        symbols=_SYMBOLS,
        gantt=lambda: Markup(gantt(report.timeline, alone=False)),  # noqa: S704  # by a template
    )
    return text.encode("utf-8", "backslashreplace")


def _resource(name: str) -> str:
    path = resources.files("radps_dag.report") / "templates" / name
    return path.read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("radps_dag.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters.update(
        duration=duration,
        moment=moment,
        number=number,
        octets=_octets,
        clock=_clock,
        grade=_grade,
        tone=_tone,
        shown=lambda value: short(value, 400),
        indentation=lambda line: line[: len(line) - len(line.lstrip())],
    )
    return environment


def _finalized(value: Any) -> Any:
    """Show what is hidden in a text; None gives ""."""
    if value is None:
        return ""
    return visible(value) if type(value) is str else value


def _clock(time: float | None, started: float) -> str:
    """A time as seconds since the run began."""
    return "" if time is None else f"+{duration(max(0.0, time - started))}"


def _grade(score: Score) -> str:
    return quality_text(Quality(score.score, score.verdict))


def _tone(score: Score) -> str:
    """The class of a score's colour."""
    word = _grade(score).rpartition(" ")[2]
    return word if word in ("good", "fair", "low", "bad", "warn", "alert", "error") else "muted"


def _octets(size: int) -> str:
    """A size as a person reads it.

    >>> _octets(999), _octets(5_600_000)
    ('999 B', '5.6 MB')
    """
    if size < 1000:
        return f"{size} B"
    value, units = size / 1000, ["kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, _ = value / 1000, units.pop(0)
    return f"{value:.1f} {units[0]}"
