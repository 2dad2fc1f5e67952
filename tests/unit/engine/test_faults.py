"""Faults strike by place and seed alone, and a drill that is wrong says where."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from radps_dag.faults import NO_INJECTION, Faults, Injection, load_faults, matches
from radps_dag.loader import load
from radps_dag.problem import InvalidPipeline, UsageError


def drill(folder: Path, *rules: str) -> Faults:
    path = folder / "drill.yaml"
    body = "\n".join(f"  - {rule}" for rule in rules)
    path.write_text(f"version: 1\nfaults:\n{body}\n", encoding="utf-8")
    return load_faults(path)


def fits(pattern: str, place: str) -> bool:
    return matches(tuple(pattern.split("/")), place)


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ("a/b", "a/b"),
        ("a/b", "a[spw=1]/b[x]#2"),
        ("a/*", "a/anything[1]#3"),
        ("a/b*", "a/bandpass"),
        ("**/b", "b"),
        ("**/b", "a/c/b[1]"),
        ("a/**", "a"),
        ("a/**", "a/b/c"),
        ("**", "a"),
        ("a/**/d", "a/d"),
        ("a/**/d", "a/b/c/d"),
        ("a/**/c/**/d", "a/c/b/c/x/d"),
        ("a[spw=1]", "a[spw=1]#2"),
        ("a#2", "a[spw=1]#2"),
        ("a[spw=*]#2", "a[spw=1]#2"),
        ("a[*spw=1]", "a[field=J1924-2914,spw=1]"),
        ("a[file=x/y]", "a[file=x/y]"),
        ("a[*]", "a[3C286]"),
    ],
)
def test_pattern_that_fits(pattern: str, place: str) -> None:
    """`*` is any text in a level, `**` any levels; instance and iteration may be left out."""
    levels = (pattern,) if "file=" in pattern else tuple(pattern.split("/"))
    assert matches(levels, place)


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ("a", "a/b"),
        ("a/b", "a"),
        ("b", "a/b"),
        ("a/*", "a/b/c"),
        ("a/b", "a/bandpass"),
        ("**/b", "a/b/c"),
        ("a/**/d", "a/b/c"),
        ("a[spw=1]", "a[spw=10]"),
        ("a[spw=1]", "a"),
        ("a[*]", "a"),
        ("a#*", "a[1]"),
        ("a#2", "a#3"),
        ("a#2", "a#20"),
        ("a*b*b", "ab"),
        ("[ab]", "a"),
    ],
)
def test_pattern_that_does_not_fit(pattern: str, place: str) -> None:
    """Everything but the stars is compared as it is written."""
    assert not fits(pattern, place)


def test_hostile_pattern_is_quick() -> None:
    """Many stars do not multiply: the drill's author cannot make a run hang."""
    assert not fits("*a" * 300 + "c", "a" * 300 + "b")
    assert not fits("/".join(["**", "a"] * 50 + ["c"]), "/".join(["a"] * 200))


def test_no_faults() -> None:
    """Nothing strikes by default."""
    assert Faults().pick("a/b", 1, 0) == NO_INJECTION
    assert Faults().score("a/b", "snr", 0) is None


def test_what_strikes(tmp_path: Path) -> None:
    """Delays add up, the first exception is raised, crash and hang count from any rule."""
    faults = drill(
        tmp_path,
        "{at: '**/fetch', delay: 2s}",
        "{at: import/*, exception: ConnectionError, message: gone, delay: 500ms}",
        "{at: import/fetch, exception: OSError, crash: true}",
        "{at: import/fetch, hang: true}",
        "{at: other, exception: ValueError}",
    )
    assert faults.pick("import/fetch[spw=1]", 1, 0) == Injection(
        delay=2.5, exception="ConnectionError", message="gone", crash=True, hang=True
    )
    assert faults.pick("other", 3, 0) == Injection(
        exception="ValueError", message="injected by a drill"
    )
    assert faults.pick("another", 1, 0) == NO_INJECTION


def test_only_first_attempts(tmp_path: Path) -> None:
    """`attempts: 2` lets the third through."""
    faults = drill(tmp_path, "{at: fetch, attempts: 2, exception: OSError}")
    struck = [faults.pick("fetch", attempt, 0) != NO_INJECTION for attempt in (1, 2, 3, 4)]
    assert struck == [True, True, False, False]


def test_order_of_asking_changes_nothing(tmp_path: Path) -> None:
    """What strikes depends on seed, rule, place and attempt: not on what was asked before."""
    faults = drill(tmp_path, "{at: '*', probability: 0.5, exception: OSError}")
    asked = [(f"fetch[{n}]", attempt) for n in range(50) for attempt in (1, 2)]
    first = {one: faults.pick(*one, 7) for one in asked}
    Random(0).shuffle(asked)
    assert {one: faults.pick(*one, 7) for one in asked} == first
    assert {one: faults.pick(*one, 8) for one in asked} != first


def test_probability_is_a_share(tmp_path: Path) -> None:
    """Of many places, about as many are struck as the probability says; of 0 none, of 1 all."""
    rules = [f"{{at: '*', probability: {p}, exception: OSError}}" for p in (0, 0.3, 1)]
    places = [f"fetch[{n}]" for n in range(1000)]
    counts = []
    for rule in rules:
        faults = drill(tmp_path, rule)
        counts.append(sum(faults.pick(place, 1, 1) != NO_INJECTION for place in places))
    assert counts[0] == 0
    assert 250 < counts[1] < 350
    assert counts[2] == 1000


def test_scores(tmp_path: Path) -> None:
    """A metric of a place gets the score of the first rule that strikes it."""
    faults = drill(
        tmp_path, "{at: solve, qa: {snr: 0.2}}", "{at: '*', qa: {snr: 0.4, flagged: 0.1}}"
    )
    assert faults.score("solve[spw=1]", "snr", 0) == 0.2
    assert faults.score("solve[spw=1]", "flagged", 0) == 0.1
    assert faults.score("other", "snr", 0) == 0.4
    assert faults.score("other", "rms", 0) is None
    assert faults.pick("solve", 1, 0) == NO_INJECTION


@pytest.mark.slow
def test_same_draws_in_every_process(tmp_path: Path) -> None:
    """A drill is repeated exactly by another process, whatever its hash seed."""
    drill(tmp_path, "{at: '*', probability: 0.5, exception: OSError}")
    code = (
        "import sys; from radps_dag.faults import load_faults; "
        "f = load_faults(sys.argv[1]); "
        "print([int(f.pick(f'a[{n}]', 1, 3).exception is not None) for n in range(40)])"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code, tmp_path / "drill.yaml"],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


PIPELINE = """
version: 1
name: drilled
stages:
  import:
    for_each: {spw: [0, 1]}
    steps:
      fetch: {run: simulate_work}
  solve:
    run: simulate_convergence
    loop: {max_iterations: 3, until: "${{ outputs.residual < 1 }}"}
"""


@pytest.mark.parametrize(
    "place",
    ["import/fetch", "**/fetch", "import[spw=7]/fetch", "import[*]/*", "solve#2", "*", "**"],
)
def test_rule_about_a_node(place: str, tmp_path: Path) -> None:
    """A rule is about a node whatever instance or iteration of it is meant."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    faults = drill(tmp_path, f"{{at: '{place}', crash: true}}")
    assert not list(faults.unmatched(load(tmp_path / "pipeline.yaml")))


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("import/fech", "no node of the pipeline is at 'import/fech'"),
        ("fetch", "no node of the pipeline is at 'fetch'"),
        ("import/fetch[spw=1]", "at 'import/fetch[spw=1]'; there is import[*]/fetch"),
        ("import[spw=1]#2/fetch", "there is import[*]/fetch"),
        ("solve[spw=1]", "there is solve#*"),
        ("slove", "did you mean 'solve#*'?"),
    ],
)
def test_rule_about_no_node(place: str, message: str, tmp_path: Path) -> None:
    """A rule that can be about no node is told with its line, and what there is instead."""
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    faults = drill(tmp_path, "{at: '**', delay: 1ms}", f"{{at: '{place}', crash: true}}")
    (lost,) = faults.unmatched(load(tmp_path / "pipeline.yaml"))
    assert (lost.at.line, lost.rule) == (4, "no-such-place")
    assert message in lost.message


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{at: import, exception: OSError}", "'import' computes nothing itself; name a call in it"),
        ("{at: 'import[spw=1]', delay: 1s}", "or 'import[spw=1]/**'"),
        ("{at: solve, qa: {residuals: 0.1}}", "'residuals' at 'solve'; did you mean 'residual'?"),
        ("{at: import, qa: {residual: 0.1}}", "no QA metric 'residual' at 'import'; there is none"),
    ],
)
def test_rule_that_spares_its_nodes(rule: str, message: str, tmp_path: Path) -> None:
    """A rule about a group, which computes nothing, or about a metric that is not there would
    strike nothing: it is told before anybody waits for it."""
    qa = "    qa: {metrics: {residual: {score: '1'}}}\n"
    (tmp_path / "pipeline.yaml").write_text(PIPELINE + qa, encoding="utf-8")
    faults = drill(tmp_path, "{at: '**', delay: 1ms, qa: {residual: 0.5}}", rule)
    (lost,) = faults.unmatched(load(tmp_path / "pipeline.yaml"))
    assert lost.at.line == 4
    assert message in lost.message


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{at: x}", "expected a fault: {at: PLACES, ...} with exception, delay, timeout, crash"),
        ("{exception: OSError}", "missing key 'at'"),
        ("{at: x, exeption: OSError}", "unknown key 'exeption'; did you mean 'exception'?"),
        ("{at: x, crash: 1}", "expected true or false, found 1"),
        ("{at: x, crash: true, probability: 2}", "2 is more than the maximum of 1"),
        ("{at: x, crash: true, attempts: 0}", "0 is less than the minimum of 1"),
        ("{at: x, delay: soon}", "expected a duration such as 500ms"),
        ("{at: x, exception: os.system('x')}", "expected the name of an exception type"),
        ("{at: x, qa: {snr: 3}}", "3 is more than the maximum of 1"),
        ("{at: x, crash: true, message: hi}", "'message' says something about 'exception'"),
    ],
)
def test_wrong_drill(rule: str, message: str, tmp_path: Path) -> None:
    """A wrong rule is refused with its line, like a wrong pipeline."""
    with pytest.raises(InvalidPipeline) as raised:
        drill(tmp_path, "{at: ok, hang: true}", rule)
    assert any(message in problem.message for problem in raised.value.problems)
    assert {problem.at.line for problem in raised.value.problems} == {4}


def test_no_drill(tmp_path: Path) -> None:
    """A missing file, a list and an empty file are told apart."""
    with pytest.raises(UsageError, match="cannot read the drill"):
        load_faults(tmp_path / "missing.yaml")
    for text in ("- at: x\n", "", "version: 1\n", "version: 1\nfaults: []\n"):
        path = tmp_path / "drill.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InvalidPipeline):
            load_faults(path)


def test_import_is_light() -> None:
    """Workers know injections without importing YAML or a schema library."""
    code = (
        "import sys, radps_dag.faults; "
        "print(sorted({'prefect', 'yaml', 'jsonschema', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_time_out_of_a_drill(tmp_path: Path) -> None:
    """`timeout: true` ends a call as its time-out does, without waiting for that."""
    path = tmp_path / "drill.yaml"
    path.write_text("version: 1\nfaults: [{at: a, timeout: true, attempts: 2}]\n")
    drill = load_faults(path)
    assert drill.pick("a", 2, 0).exception == "TimeoutError"
    assert "not finished in time" in drill.pick("a", 2, 0).message
    assert drill.pick("a", 3, 0).exception is None
