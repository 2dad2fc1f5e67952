"""QA as data: thresholds of a project, and the scores of a run as a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from forked import command
from run_support import WORKLOADS, write

from radps_dag.problem import UsageError
from radps_dag.profile import load_profile
from radps_dag.qa import Overrides, Thresholds

SCORES = """
params: {n: {type: integer, default: 5}}
stages:
  fan:
    for_each: {spw: [0, 1]}
    run: give
    with: {value: "${{ params.n + each.spw }}"}
    qa:
      metrics:
        snr:
          score: ${{ outputs.value / 10 }}
          value: ${{ outputs.value / 7 }}
          units: Jy
          reason: the weakest of all
          applies_to: spw ${{ each.spw }}
        drift: {score: "${{ none }}"}
        noise: {score: "${{ 1 / 0 }}"}
      alert_below: 0.1
      on_alert: fail
  after:
    run: REST
    needs: [fan]
"""


def profile(folder: Path, text: str) -> Path:
    path = folder / "radps-dag.toml"
    path.write_text(text)
    return path


def run(folder: Path, *options: str, rest: str = "give", code: int = 0) -> str:
    file = write(folder / "p.yaml", SCORES.replace("REST", rest))
    options = ("--workloads", str(WORKLOADS), "--no-prefect", "-q", *options)
    done = command(folder, "run", str(file), *options)
    assert done.returncode == code, done.stderr
    return done.stderr


def scores(folder: Path, *options: str) -> list[dict[str, Any]]:
    done = command(folder, "qa", "--json", *options)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_the_scores_of_a_run(tmp_path: Path) -> None:
    """Lowest first: broken formulas with their error, then scores with value, units, reason and
    what they apply to, then what is not applicable, which is null."""
    run(tmp_path)
    found = scores(tmp_path)
    assert [(one["metric"], one["score"], one["verdict"]) for one in found] == [
        ("noise", -0.1, "error"),
        ("noise", -0.1, "error"),
        ("snr", 0.5, "good"),
        ("snr", 0.6, "good"),
        ("drift", None, "none"),
        ("drift", None, "none"),
    ]
    snr = found[2]
    assert (snr["place"], snr["stage"], snr["applies_to"]) == ("fan[spw=0]", "fan", "spw 0")
    assert (snr["value"], snr["units"], snr["reason"]) == (5 / 7, "Jy", "the weakest of all")
    assert found[0]["reason"] == "division by zero"
    lines = command(tmp_path, "qa").stdout.splitlines()
    assert lines[0].split() == ["score", "place", "metric", "value", "applies", "to", "reason"]
    assert lines[3].split()[:4] == ["0.50", "low", "fan[spw=0]", "snr"]
    assert "0.714 Jy" in lines[3] and "the weakest of all" in lines[3]
    assert lines[-1].split()[0] == "n/a"
    assert len(scores(tmp_path, "--below", "0.6")) == 3
    assert scores(tmp_path, "--below", "0") == found[:2]


def test_a_resumed_run_has_each_score_once(tmp_path: Path) -> None:
    """The latest score at each place counts, those of the process before do not count again."""
    run(tmp_path, rest="fail", code=1)
    before = scores(tmp_path)
    file = tmp_path / "p.yaml"
    file.write_text(file.read_text().replace("run: fail", "run: give"))
    assert command(tmp_path, "resume", "-q", "-p", "n=9").returncode == 0
    found = scores(tmp_path)
    assert len(found) == len(before) == 6
    assert [one["score"] for one in found if one["metric"] == "snr"] == [0.9, 1.0]
    file.write_text(file.read_text().replace('drift: {score: "${{ none }}"}', "drift: {score: 1}"))
    run(tmp_path)
    assert [one["score"] for one in scores(tmp_path, "last") if one["metric"] == "drift"]


def test_no_scores(tmp_path: Path) -> None:
    """A run without scores says so."""
    file = write(tmp_path / "p.yaml", "stages: {a: {run: give}}")
    options = ("--workloads", str(WORKLOADS), "--no-prefect", "-q")
    assert command(tmp_path, "run", str(file), *options).returncode == 0
    assert command(tmp_path, "qa").stdout.startswith("no score is there")
    assert scores(tmp_path) == []


def test_a_project_sets_thresholds(tmp_path: Path) -> None:
    """A profile's thresholds go before the file's, by place and by metric; a resumed run keeps
    those with which it began, whatever the profile says by then."""
    profile(tmp_path, '[thresholds]\n"fan" = {warn_below = 0.9, snr = {alert_below = 0.55}}\n')
    err = run(tmp_path, code=1)
    assert "fan[spw=0]  QaFailed: QA metric 'snr' scored 0.50, below 0.55" in err
    verdicts = {one["place"]: one["verdict"] for one in scores(tmp_path) if one["metric"] == "snr"}
    assert verdicts == {"fan[spw=0]": "alert", "fan[spw=1]": "warn"}
    profile(tmp_path, "[thresholds]\n")
    assert command(tmp_path, "resume", "-q").returncode == 1
    run(tmp_path)


def test_a_project_sets_params(tmp_path: Path) -> None:
    """A profile's params go before the file's defaults, and after the command line; those of other
    pipelines do not matter, and one that does not fit is told with the profile."""
    path = profile(tmp_path, "[params]\nn = 7\nother = 3\n")
    run(tmp_path)
    assert [one["score"] for one in scores(tmp_path) if one["metric"] == "snr"] == [0.7, 0.8]
    run(tmp_path, "-p", "n=2")
    assert [one["score"] for one in scores(tmp_path) if one["metric"] == "snr"] == [0.2, 0.3]
    profile(tmp_path, '[params]\nn = "many"\n')
    err = run(tmp_path, code=2)
    assert err == f"radps-dag: {path}: params.n: expected an integer, found 'many'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("thresholds = 3", "thresholds must be a table"),
        ("[thresholds]\nclean = 0.5", "thresholds.'clean' must be a table"),
        ("[thresholds]\nclean = {alert_bellow = 0.5}", "did you mean 'alert_below'?"),
        ("[thresholds]\nclean = {alert_below = 5}", "must be a number from 0 to 1, not 5"),
        ("[thresholds]\nclean = {alert_below = true}", "must be a number from 0 to 1"),
        ("[thresholds]\nclean = {snr = {alert_below = nan}}", "must be a number from 0 to 1"),
        (
            "[thresholds]\nclean = {alert_below = 0.6, warn_below = 0.5}",
            "alert_below is above warn_below",
        ),
        ("params = [1]", "params must be a table"),
    ],
)
def test_mistakes_in_a_profile(text: str, message: str, tmp_path: Path) -> None:
    """One line with the file, the place and what it takes."""
    with pytest.raises(UsageError) as wrong:
        load_profile(profile(tmp_path, text))
    assert str(wrong.value).startswith(str(tmp_path))
    assert message in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_which_rule_counts() -> None:
    """Later rules go before earlier ones, those of a metric before those of all; what they do not
    say is the file's."""
    found = Overrides.of(
        {
            "**/clean": {"": {"alert_below": 0.5}, "noise": {"alert_below": 0.2}},
            "image_*/**": {"": {"alert_below": 0.6, "warn_below": 0.7}},
        }
    )
    file = Thresholds(0.9, 0.1)
    assert found.over(file, "image_cube/clean[spw=1]#2", "snr") == Thresholds(0.7, 0.6)
    assert found.over(file, "image_cube/clean[spw=1]#2", "noise") == Thresholds(0.7, 0.2)
    assert found.over(file, "other/clean", "snr") == Thresholds(0.9, 0.5)
    assert found.over(file, "other", "snr") == file
