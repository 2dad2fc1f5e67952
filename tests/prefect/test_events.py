"""What a run announces: in Prefect's feed, to a webhook that may fail, to a file."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from asking_support import Page, going
from repository import SUPPORT
from run_support import Api, Ran, Record, record_of, run, until, write

from radps_dag.facts import RunStarted, Scored
from radps_dag.notify.announcements import Announcer
from radps_dag.notify.event_sinks import signature
from radps_dag.prefect.server import ServerAddress

EVENTFUL = """
stages:
  image:
    needs: [draw]
    steps:
      clean:
        loop:
          max_iterations: 4
          until: ${{ steps.cycle.value >= 3 }}
          score: ${{ steps.cycle.value / 3 }}
        steps:
          cycle: {run: picture, with: {value: "${{ loop.index }}"}}
        outputs: {value: "${{ steps.cycle.value }}"}
        qa:
          metrics:
            depth: {score: 0.3, applies_to: spw 2, reason: too <b>shallow</b>}
          alert_below: 0.5
          on_alert: continue
    outputs: {value: "${{ steps.clean.value }}"}
  draw: {run: draw}
  look:
    needs: [image, draw]
    pause:
      message: fine?
      show: ["${{ stages.draw.picture }}"]
      input: {n: {type: integer, default: 1}}
  bad: {needs: [look], run: give, with: {value: "${{ 1 / (stages.look.n * 0) }}"}}
"""

HAPPENED = [
    "radps.run.started",
    "radps.stage.completed",
    "radps.qa.alert",
    "radps.stage.completed",
    "radps.question.asked",
    "radps.question.answered",
    "radps.stage.completed",
    "radps.stage.failed",
    "radps.run.failed",
]
WORKLOADS = ("--workloads", str(SUPPORT / "event_workloads.py"))

QUICK = "stages: {one: {run: give}, two: {needs: [one], run: give}}"
QUICK_EVENTS = [
    "radps.run.started",
    "radps.stage.completed",
    "radps.stage.completed",
    "radps.run.succeeded",
]


@dataclass
class Receiver:
    """A webhook; it answers with these codes first, then with 204."""

    codes: list[int] = field(default_factory=list)
    asked: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""
    gate: threading.Event = field(default_factory=threading.Event)

    @property
    def taken(self) -> list[dict[str, Any]]:
        return [json.loads(body) for headers, body in self.asked if headers["answer"] == "204"]

    @property
    def events(self) -> list[str]:
        return [one["event"] for one in self.taken]


@contextmanager
def receiving(*codes: int, held: bool = False) -> Iterator[Receiver]:
    receiver = Receiver(list(codes))
    if not held:
        receiver.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.gate.wait(60)
            code = receiver.codes.pop(0) if receiver.codes else 204
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.asked.append(({**headers, "answer": str(code)}, body))
            self.send_response(code)
            self.send_header("location", receiver.url)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/s3cr3t-path"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.gate.set()
        server.shutdown()
        server.server_close()


def profile(folder: Path, text: str) -> None:
    (folder / "radps-dag.toml").write_text(f"[events]\n{text}\n")


def quick(folder: Path, **env: str) -> Ran:
    options = ("--workloads", str(SUPPORT / "run_workloads.py"), "--no-prefect")
    return run(write(folder / "quick.yaml", QUICK), *options, cwd=folder, env=env)


def warnings(ran: Ran) -> list[str]:
    return [fact["message"] for fact in ran.of("noted") if fact["level"] == "warning"]


@dataclass(frozen=True)
class Eventful:
    """A run in which everything happens that is announced."""

    record: Record
    events: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    artifacts: list[dict[str, Any]]


@pytest.fixture(scope="module")
def eventful(prefect_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Eventful:
    folder = tmp_path_factory.mktemp("eventful")
    profile(folder, 'file = "news/events.jsonl"')
    page, api = Page(prefect_server), Api(prefect_server)
    file = write(folder / "eventful.yaml", EVENTFUL)
    with going("run", str(file), *WORKLOADS, folder=folder) as running:
        page.paused(running.flow_run)
        page.resume(running.flow_run, n=2)
        running.end()
        resource = {"resource": {"id": [f"radps.run.{running.run}"]}}
        query = {"filter": {**resource, "order": "ASC"}, "limit": 50}

        def events() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = page.post("/events/filter", query)["events"]
            return found

        until(lambda: len(events()) >= len(HAPPENED))
        ran = Ran(1, tuple(running.facts), "", "", folder)
        record = record_of(ran, prefect_server)
        text = (folder / "news" / "events.jsonl").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        return Eventful(record, events(), lines, api.artifacts(record))


def test_in_prefects_feed(eventful: Eventful) -> None:
    """Each thing that happened is one event of its type, which names the run's flow run."""
    assert [one["event"] for one in eventful.events] == HAPPENED
    flow_run = f"prefect.flow-run.{eventful.record.flow['id']}"
    for one in eventful.events:
        assert flow_run in [related["prefect.resource.id"] for related in one["related"]]


def test_what_an_alert_says(eventful: Eventful) -> None:
    """An alert has the stage, the place, the score and the reason; a stage has its scores."""
    alert, stage = eventful.events[2]["payload"], eventful.events[3]["payload"]
    assert (alert["stage"], alert["place"]) == ("image", "image/clean")
    assert (alert["metric"], alert["score"], alert["verdict"]) == ("depth", 0.3, "alert")
    assert (alert["applies_to"], alert["reason"]) == ("spw 2", "too <b>shallow</b>")
    assert (stage["stage"], stage["lowest"]) == ("image", 0.3)
    assert [one["metric"] for one in stage["scores"]] == ["depth"]
    failed = eventful.events[-2]["payload"]
    assert (failed["stage"], failed["error"]) == ("bad", "ExpressionError")


def test_in_a_file(eventful: Eventful) -> None:
    """The file has the same events, a line of JSON each."""
    assert [one["event"] for one in eventful.lines] == HAPPENED
    answered = eventful.lines[5]
    assert (answered["place"], answered["payload"]["values"]) == ("look", {"n": 2})
    assert answered["payload"]["via"] == "prefect"


def test_what_the_page_shows(eventful: Eventful) -> None:
    """A loop has its progress, a small picture is shown in place, a question keeps its words; what
    is not a picture is not shown."""
    by_key = {one["key"]: one for one in eventful.artifacts}
    loop = by_key["loop-image-clean"]
    assert (loop["type"], loop["data"]) == ("progress", 100.0)
    assert "iteration 3 of 4, score 1: converged" in loop["description"]
    pages = {key: one["data"] for key, one in by_key.items() if key.startswith("pictures-")}
    assert set(pages) == {"pictures-draw", "pictures-image"}
    assert "](data:image/png;base64,iVBOR" in pages["pictures-draw"]
    assert pages["pictures-image"].count("shades.png") == 2 * 3  # names and links of iterations
    assert "text.png" not in pages["pictures-image"]
    asked = by_key["question-look"]
    assert asked["type"] == "markdown"
    assert "](data:image/png;base64,iVBOR" in asked["data"]
    assert f"](/runs/flow-run/{eventful.record.flow['id']})" in asked["data"]
    summary = by_key["qa-image-summary"]["data"]
    assert r"too \<b\>shallow\</b\>" in summary


def test_a_webhook(tmp_path: Path) -> None:
    """Each event is posted once, signed with the secret that the variable holds."""
    with receiving() as receiver:
        profile(tmp_path, f'webhook = "{receiver.url}"\nsecret_env = "RADPS_TEST_SECRET"')
        ran = quick(tmp_path, RADPS_TEST_SECRET="flux")
    assert (ran.code, warnings(ran)) == (0, [])
    assert receiver.events == QUICK_EVENTS
    for headers, body in receiver.asked:
        signed = headers["x-radps-timestamp"].encode() + b"." + body
        expected = hmac.new(b"flux", signed, hashlib.sha256).hexdigest()
        assert headers["x-radps-signature"] == f"sha256={expected}"
        assert headers["x-radps-event"] == json.loads(body)["event"]
        assert headers["x-radps-delivery"] == json.loads(body)["id"]


def test_a_webhook_that_fails_at_first(tmp_path: Path) -> None:
    """A receiver in trouble is asked again, with the same event, and nothing is out of order."""
    with receiving(503, 429) as receiver:
        profile(tmp_path, f'webhook = "{receiver.url}"')
        ran = quick(tmp_path)
    assert (ran.code, warnings(ran)) == (0, [])
    assert receiver.events == QUICK_EVENTS
    ids = [headers["x-radps-delivery"] for headers, _ in receiver.asked]
    assert len(ids) == 6 and len(set(ids)) == 4 and len(set(ids[:3])) == 1
    assert "x-radps-signature" not in receiver.asked[0][0]


@pytest.mark.parametrize(("code", "reason"), [(410, "410"), (302, "302")])
def test_a_webhook_that_refuses(code: int, reason: str, tmp_path: Path) -> None:
    """Who refuses is not asked again, nor followed elsewhere; one warning says so, without the
    address, which may be a secret. The run succeeds all the same."""
    with receiving(code, code, code, code) as receiver:
        profile(tmp_path, f'webhook = "{receiver.url}"')
        ran = quick(tmp_path)
    assert ran.code == 0
    assert len(receiver.asked) == 4
    (warning,) = warnings(ran)
    assert reason in warning and "127.0.0.1" in warning and "s3cr3t" not in ran.out + ran.err


def test_a_webhook_that_is_not_there(tmp_path: Path) -> None:
    """A run whose webhook is gone ends as it would, with one warning."""
    with receiving() as receiver:
        url = receiver.url
    profile(tmp_path, f'webhook = "{url}"')
    ran = quick(tmp_path)
    assert (ran.code, ran.one("run_ended")["status"]) == (0, "succeeded")
    assert len(warnings(ran)) == 1


def test_a_webhook_that_hangs(tmp_path: Path) -> None:
    """A receiver that never answers holds no run up: all nodes end before it has taken one."""
    with receiving(held=True) as receiver:
        profile(tmp_path, f'webhook = "{receiver.url}"')
        ran = quick(tmp_path)
        assert ran.code == 0
        assert receiver.taken == []
        assert len(warnings(ran)) == 1


def test_a_secret_that_is_not_there(tmp_path: Path) -> None:
    """A run that could not sign does not begin."""
    profile(tmp_path, 'webhook = "http://127.0.0.1:9/"\nsecret_env = "RADPS_TEST_SECRET"')
    ran = quick(tmp_path)
    assert (ran.code, ran.facts) == (2, ())
    assert "RADPS_TEST_SECRET" in ran.err and "Traceback" not in ran.err


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """It costs one warning, and not the run."""
    (tmp_path / "taken").write_text("")
    profile(tmp_path, 'file = "taken/events.jsonl"')
    ran = quick(tmp_path)
    assert ran.code == 0
    (warning,) = warnings(ran)
    assert "taken" in warning


def test_a_signature_by_hand() -> None:
    """The signature is the one that openssl computes of the same bytes."""
    expected = "sha256=" + hmac.new(b"key", b'17.{"a":1}', "sha256").hexdigest()
    assert signature(b"key", "17", b'{"a":1}') == expected


def test_long_and_odd_values() -> None:
    """What is too long for a message is cut, with a word on where all of it is; what is no number
    is null."""
    announcer = Announcer()
    begin = RunStarted(
        time=1.5,
        place="",
        run="r",
        pipeline="p",
        file="f",
        params={"a": "x" * 100_000},
        library="l",
        executor="threads",
        seed=0,
    )
    said = announcer(begin)
    assert said is not None and len(said.as_json()) < 2_000 and "journal" in said.as_json()
    odd = Scored(
        time=2.25, place="s[a=1]", metric="m", score=0.1, verdict="alert", value=float("nan")
    )
    told = announcer(odd)
    assert told is not None
    line = json.loads(told.as_json())
    assert (line["stage"], line["payload"]["value"]) == ("s", None)
    assert (line["time"], line["run"]) == ("1970-01-01T00:00:02.250Z", "r")
