"""The drill with a person in it, end to end: retries, an alert, a tolerated spw, a dead archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from forked import command
from journal_support import facts_of_only_run
from run_support import PIPELINES

DRILL = str(PIPELINES / "faults" / "questions.yaml")
PLACE = "calibrate_bandpass"


def of(folder: Path, kind: str, place: str = "") -> list[dict[str, Any]]:
    facts = facts_of_only_run(folder / ".radps")
    return [one for one in facts if one["fact"] == kind and one["place"].startswith(place)]


def begin(folder: Path) -> None:
    file = str(PIPELINES / "calibration.yaml")
    options = ("-p", "pace=0", "--no-prefect", "-q", "--detach-on-pause")
    done = command(folder, "run", file, "--faults", DRILL, *options)
    assert done.returncode == 3, done.stderr
    assert f"radps-dag answer {of(folder, 'run_started')[0]['run']} {PLACE}" in done.stderr


def test_the_drill(tmp_path: Path) -> None:
    """A service is asked three times; the alert pauses the run until `answer` says go on; one spw
    of a calibrator is left out; the archive's retries are exhausted, and without the drill the run
    ends well."""
    begin(tmp_path)
    positions = "import_calibrators/antenna_positions"
    retries = of(tmp_path, "retrying", positions)
    assert [(one["attempt"], one["error"]) for one in retries] == [
        (2, "TimeoutError"),
        (3, "TimeoutError"),
    ]
    (asked,) = of(tmp_path, "question_asked")
    assert (asked["place"], asked["about"]) == (PLACE, "alert")
    assert "'bandpass' scored 0.20, below 0.33" in asked["message"]
    low = json.loads(command(tmp_path, "qa", "--below", "0.33", "--json").stdout)
    assert [(one["place"], one["metric"], one["verdict"]) for one in low] == [
        (PLACE, "bandpass", "alert")
    ]
    said = command(tmp_path, "answer", "last", PLACE, "-i", "action=go on", "--by", "an")
    assert said.returncode == 0, said.stderr
    done = command(tmp_path, "resume", "-q", "--no-prefect", "--faults", DRILL)
    assert done.returncode == 1
    assert "export/archive" in done.stderr and "the archive is down" in done.stderr
    assert len(of(tmp_path, "retrying", "export/archive")) == 3
    tolerated = {one["place"] for one in of(tmp_path, "node_failed") if one["tolerated"]}
    assert tolerated == {"image_calibrators/image[field=J1924-2914,spw=1]"}
    assert command(tmp_path, "resume", "-q", "--no-prefect").returncode == 0
    assert len(of(tmp_path, "question_asked")) == len(of(tmp_path, "question_answered")) == 1


def test_who_decided_that_it_fails_is_asked_again(tmp_path: Path) -> None:
    """A person may let the run fail at an alert; whoever resumes it can decide otherwise."""
    begin(tmp_path)
    assert command(tmp_path, "answer", "-i", "action=fail").returncode == 0
    options = ("-q", "--no-prefect", "--faults", DRILL, "--detach-on-pause")
    done = command(tmp_path, "resume", *options)
    assert done.returncode == 1
    assert "a person decided that it fails" in done.stderr
    assert "no question is open" in command(tmp_path, "questions").stdout
    assert command(tmp_path, "resume", *options).returncode == 3
    assert command(tmp_path, "answer").returncode == 0  # the default is to go on
    assert "export/archive" in command(tmp_path, "resume", *options).stderr
