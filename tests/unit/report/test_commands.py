"""The commands that show what a report knows: `report`, `timeline`, `diff`, and `run --report`."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from report_support import PNG, START, TEXT, Page, begun, call, over, record, started, story

from radps_dag.cli import diff, export, graph, import_, report, stats, timeline
from radps_dag.facts import Fact, NodeStarted, NodeSucceeded, RunStarted, Scored, Usage
from radps_dag.journal.opening import open_store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import UsageError
from radps_dag.report.comparing import compare
from radps_dag.report.folding import report_of


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a night in it; commands are given beside it."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / ".radps", story())
    return tmp_path / ".radps"


def put(space: Path, facts: list[Fact], run: str = "r1") -> None:
    store = open_store(Workspace(space))
    try:
        record(store, facts, run)
    finally:
        store.close()


def say(command: Any, *words: str) -> Result:
    done = CliRunner().invoke(command, words, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done


def test_a_report_is_written_where_it_is_wanted(space: Path) -> None:
    """By default a folder named after the run; the path of the page to open is printed."""
    assert say(report.command).output == "report-r1/index.html\n"
    assert Path("report-r1/index.html").is_file()
    assert say(report.command, "r1", "-o", "night.html").output == "night.html\n"
    assert Path("night.html").read_bytes().startswith(b"<!DOCTYPE html>")


def test_a_run_writes_its_report_at_its_end(
    space: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes into the run's folder, and is named; where it cannot be written, a line says so."""
    report.report_at_end("r1", space, None)
    page = space / "runs" / "r1" / "report" / "index.html"
    assert capsys.readouterr().err == f"Report: {page}\n" and page.is_file()
    page.write_text("mine", encoding="utf-8")
    report.report_at_end("r1", space, None)
    assert "warning: the report is not written: " in capsys.readouterr().err


def test_the_timeline_shows_what_ran_when(space: Path) -> None:
    """Each node has a row; what failed and what was asked have signs of their own."""
    lines = say(timeline.command).output.splitlines()
    assert lines[0] == "r1  succeeded in 9.0s"
    rows = {line.split()[0]: line for line in lines[2:6]}
    assert list(rows) == ["import_data", "clean", "cycle", "plot"]
    assert "━" in rows["import_data"] and "✗" in rows["import_data"]  # its first attempt
    assert ("?" not in rows["plot"] and "✗" in rows["plot"]) or "!" in rows["plot"]
    assert "Critical path: " in "\n".join(lines)
    only = say(timeline.command, "--depth", "1").output
    assert "cycle" not in only.partition("Critical")[0]


def test_the_timeline_is_a_picture(space: Path) -> None:
    """The SVG stands alone: it has its own colours."""
    assert say(timeline.command, "--svg", "t.svg").output == "t.svg\n"
    text = Path("t.svg").read_text(encoding="utf-8")
    assert text.startswith("<svg") and "<style>" in text and "import_data" in text


def test_the_graph_shows_how_a_run_went(space: Path) -> None:
    """graph --run draws what the run recorded, each node with its end, its time and its score."""
    assert say(graph.command, "--run", "r1", "-o", "night.mmd").output == "night.mmd\n"
    text = Path("night.mmd").read_text(encoding="utf-8")
    assert "✔ succeeded · 2.0s" in text  # the import
    assert "✘ 1 tolerated, 1 succeeded" in text and "0.20 alert" in text
    assert "- skipped" in text
    for words in ((), ("night.yaml", "--run", "r1")):
        with pytest.raises(UsageError, match="name one of them"):
            say(graph.command, *words)


def another(seconds: float, score: float, niter: int, **more: Any) -> list[Fact]:
    """A run of two calls, of which the second fell behind."""
    begin = begun(params={"niter": niter}, **more)
    ms = {"uri": f"/w/runs/{begin.run}/ms", "version": 7}
    return [
        begin,
        *call("import_data", 0, 1),
        started("clean", START + 1, inputs={"ms": ms}),
        NodeSucceeded(time=START + 1 + seconds, place="clean", outputs={}, seconds=seconds),
        Scored(
            time=START + 2, place="clean", metric="noise", score=score, verdict="good"
        ),
        over(),
    ]  # fmt: skip


def test_two_runs_are_told_apart(space: Path) -> None:
    """What was given and what came of it; that the runs have folders of their own is no news."""
    put(space, another(1.0, 0.9, 3, run="a"), "a")
    put(space, another(4.0, 0.5, 9, run="b"), "b")
    found = json.loads(say(diff.command, "a", "b", "--json").output)["differences"]
    assert found == {
        "Params": [{"what": "niter", "before": "3", "after": "9", "count": 1}],
        "Scores": [{"what": "clean: noise", "before": "0.90", "after": "0.50", "count": 1}],
        "Seconds": [{"what": "clean", "before": "1.0s", "after": "4.0s (4 x)", "count": 1}],
    }
    text = say(diff.command, "a", "b").output
    assert "a -> b" in text and "niter  3 -> 9" in text
    assert "nothing differs" in say(diff.command, "a", "a").output


def test_what_decides_is_compared(space: Path) -> None:
    """Code, versions, text and inputs of two runs, and places that only one has."""
    sources = {"night.yaml": TEXT.replace("max_iterations: 3", "max_iterations: 5")}
    before = another(1.0, 0.9, 3, run="a")
    after: list[Fact] = []
    for one in another(1.0, 0.9, 3, run="b"):
        match one:
            case RunStarted():
                new = {"sources": sources, "packages": {"radps-dag": "0.2.0"}, "host": "dish"}
                one = replace(one, provenance={**one.provenance, **new})
            case NodeStarted(place="clean"):
                ms = {"uri": "/w/runs/b/ms", "version": 8}
                one = replace(one, source="beef", inputs={"ms": ms})
        after.append(one)
    put(space, before, "a")
    put(space, [*after[:-1], *call("export", 3, 4), after[-1]], "b")
    store = open_store(Workspace(space), reading=True)
    try:
        comparison = compare(report_of(store, "a"), report_of(store, "b"))
    finally:
        store.close()
    causes = {title: [(one.what, one.before, one.after) for one in some]
              for title, some in comparison.causes if some}  # fmt: skip
    assert causes == {
        "Pipeline's text": [
            (
                "night.yaml:10",
                'loop: {max_iterations: 3, until: "${{ true }}"}',
                'loop: {max_iterations: 5, until: "${{ true }}"}',
            )
        ],
        "Code of workloads": [("give", "c0de", "c0de, beef")],
        "Versions": [("radps-dag", "0.1.0", "0.2.0")],
        "Inputs": [("clean: ms", "ms 7", "ms 8")],
    }
    alone = dict(comparison.effects)["Places of one run alone"]
    assert [(one.what, one.before, one.after) for one in alone] == [("export", "(none)", "there")]


def test_a_report_compares_two_runs(space: Path) -> None:
    """With --compare a page says what differs, and has the pictures of both side by side."""
    products = [space / "runs" / run / "products" for run in ("a", "b")]
    for folder, run, niter in zip(products, "ab", (3, 9), strict=True):
        folder.mkdir(parents=True)
        (folder / "map.png").write_bytes(PNG)
        files = {"map.png": (28, "d")}
        facts = another(1.0, 0.9, niter, run=run)
        made = call("export", 3, 4, workdir=folder.as_uri(), files=files)
        put(space, [*facts[:-1], *made, facts[-1]], run)
    say(report.command, "b", "--compare", "a", "-o", "out")
    page = Page.at(Path("out/comparison.html"))
    assert "Comparison with a" in page.text and "niter 3 9" in page.text
    assert [link for link in page.links if link.endswith(".png")] == [
        *["pictures/before-0001-map.png"] * 2, *["pictures/0001-map.png"] * 2,
    ]  # fmt: skip
    assert Path("out/pictures/before-0001-map.png").read_bytes() == PNG
    say(report.command, "b", "-o", "out")
    assert not Path("out/comparison.html").exists()
    assert not Path("out/pictures/before-0001-map.png").exists()


def test_stats_are_by_node(space: Path) -> None:
    """Each node that called has a row with what its calls used; what no journal says is not a
    number. CSV and JSON have all columns, and any of them sorts."""
    usage = Usage(computing=2.0, ready=START, cpu=1.5, peak_rss=300_000_000, cpus=2, exit=0)
    put(space, [begun(run="r2"), *call("a", usage=usage), *call("b"), over()], "r2")
    lines = say(stats.command, "r2").output.splitlines()
    assert lines[1].split()[:8] == ["a", "1", "2.0s", "2.0s", "2.0s", "1.5s", "1.5s", "1.5s"]
    assert lines[2].split()[:3] == ["b", "1", "-"] and "300 MB" in lines[1]
    objects = json.loads(say(stats.command, "r2", "--json").output)
    assert [one["node"] for one in objects] == ["a", "b"]
    assert (objects[0]["cpu_seconds_sum"], objects[1]["cpu_seconds_sum"]) == (1.5, None)
    assert (objects[0]["asked_cpus"], objects[0]["exits"]) == (2, "0x1")
    table = list(
        csv.DictReader(say(stats.command, "r2", "--csv", "--sort", "node").output.split("\n"))
    )
    assert [row["seconds_maximum"] for row in table] == ["2.0", ""]
    for column in ("cpu_seconds", "peak_rss", "seconds_median"):
        rows = json.loads(say(stats.command, "r2", "--json", "--sort", column).output)
        assert [row["node"] for row in rows] == ["a", "b"]
    with pytest.raises(UsageError, match="no column 'cpus_seconds'; did you mean 'cpu_seconds'"):
        say(stats.command, "r2", "--sort", "cpus_seconds")


def test_a_report_has_the_resources(space: Path) -> None:
    """A table by node, with the same as CSV beside it; of what was not measured it says so, and
    has no column for what was measured nowhere."""
    usage = Usage(computing=2.0, ready=START, cpu=1.5, rchar=5_600_000)
    put(space, [begun(run="r2"), *call("a", usage=usage), *call("b"), over()], "r2")
    say(report.command, "r2", "-o", "pages")
    page = Page.at(Path("pages/resources.html"))
    assert "5.6 MB" in page.text and "not measured" in page.text
    assert "processor, most" in page.text and "memory, most" not in page.text
    assert "resources.csv" in page.links
    assert Path("pages/resources.csv").read_text() == say(stats.command, "r2", "--csv").output
    say(report.command, "r2", "-o", "one.html")
    assert "resources.csv" not in Page.at(Path("one.html")).links


def test_the_timeline_tells_waiting_from_computing(space: Path) -> None:
    """A call that was ready, waited, computed and published has a part for each, and the time
    of slots is accounted for; a journal that does not say so has neither."""
    usage = Usage(computing=4.0, publishing=2.0, ready=START, waited=3.0, cpu=4.0)
    facts = [begun(run="r2", slots=2), *call("a", 3.0, 9.0, usage=usage), over(time=START + 9)]
    put(space, facts, "r2")
    row = next(line for line in say(timeline.command, "r2").output.splitlines() if line[0] == "a")
    assert re.fullmatch(r"a +·+━+▪+ +6\.0s *", row)
    told = say(timeline.command, "r2").output
    assert (
        "2 slots for 9.0s: 22 % computing, 11 % publishing, 0 % waiting for workers, 67 %" in told
    )
    assert "W 4.0s, p 2, T_ideal 2.0s, makespan 9.0s, ramp 3.0s, straggler tail 2.0s" in told
    assert "Efficiency: not measured" in say(timeline.command, "r1").output
    say(report.command, "r2", "-o", "pages")
    text = Path("pages/timeline.html").read_text(encoding="utf-8")
    assert "b-waiting" in text and "b-publishing" in text and "end-to-end efficiency" in text


def test_two_runs_differ_in_what_they_used(space: Path) -> None:
    """Processor time and memory are compared by place, the largest difference first; small ones,
    and what was not measured in one of the runs, are no difference."""
    for run, factor in (("r2", 1), ("r3", 3)):
        calls = [
            fact
            for n in range(3)
            for fact in call(
                f"c{n}",
                usage=Usage(computing=1.0, ready=START, cpu=1.0 + n * factor, peak_rss=10**8),
            )
        ]
        more = Usage(computing=1.0, ready=START, cpu=1.0, peak_rss=factor * 10**8)
        facts = [*calls, *call("m", usage=more), *call("x", usage=more if run == "r2" else None)]
        put(space, [begun(run=run), *facts, over()], run)
    found = json.loads(say(diff.command, "r2", "r3", "--json").output)["differences"]
    cpu = [(one["what"], one["before"], one["after"]) for one in found["Processor time"]]
    assert cpu == [("c2", "3.0s", "7.0s (2.33 x)"), ("c1", "2.0s", "4.0s (2 x)")]
    memory = [(one["what"], one["before"], one["after"]) for one in found["Memory"]]
    assert memory == [("m", "100 MB", "300 MB (3 x)")]


def test_the_timeline_is_a_png(space: Path) -> None:
    """The same picture as pixels; what cannot be written is said."""
    assert say(timeline.command, "--png", "t.png").output == "t.png\n"
    assert Path("t.png").read_bytes().startswith(PNG[:8])
    with pytest.raises(UsageError, match=r"cannot write nowhere/t\.png"):
        say(timeline.command, "--png", "nowhere/t.png")


def test_an_imported_run_has_the_same_report(space: Path) -> None:
    """A run that was exported, and is imported where nothing of it was, is told page by page as
    before, from a workspace in which nobody may write as well."""
    put(space, [begun(run="r2"), *call("import_data", 0, 2), over(time=START + 2)], "r2")
    say(export.command, "r2", "night.json")
    say(import_.command, "night.json", "--workspace", "elsewhere")
    Path("elsewhere").chmod(0o500)
    say(report.command, "r2", "-o", "before")
    say(report.command, "r2", "--workspace", "elsewhere", "-o", "after")
    names = sorted(path.name for path in Path("before").glob("*.html"))
    assert len(names) > 8
    for name in names:
        assert (Path("before") / name).read_bytes() == (Path("after") / name).read_bytes(), name
