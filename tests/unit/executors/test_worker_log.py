"""What calls print in worker processes can be told apart."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from radps_dag.executors import worker_log
from radps_dag.executors.worker_log import OutputCapture, PrintedOutput, collect, printed_at

# What workers do is tried in a process of its own: the streams of this one are the tests'.
_FORK = multiprocessing.get_context("fork")


def texts(log: Path, place: str) -> list[str]:
    return [one.text for one in printed_at(log, place)]


def worker(log: Path, calls: list[tuple[str, str]], last: str | None = None) -> int:
    """A worker that performs calls which print, and dies in the last one; its number."""

    def work() -> None:
        printing = OutputCapture(log)
        sys.stdout = os.fdopen(1, "w", closefd=False)  # and not what the tests capture with
        for place, text in calls:
            with printing.of(place):
                os.write(1, text[: len(text) // 2].encode())
                print(text[len(text) // 2 :], end="")
        if last is not None:
            with printing.of(last):
                os.write(2, b"on its way")
                os._exit(9)
        os.write(1, b"by nobody\n")

    process = _FORK.Process(target=work)
    process.start()
    process.join()
    assert process.pid is not None
    return process.pid


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "workers.log"


def test_what_a_call_printed_is_found_by_its_place(log: Path) -> None:
    """Each call has its own, wherever it went: Python's streams or the descriptor."""
    pid = worker(log, [("a[k=1]", "one\ntwo"), ("silent", ""), ("b", "three\n"), ("b", "again")])
    collect(log, pid)
    assert texts(log, "a[k=1]") == ["one\ntwo"]
    assert texts(log, "b") == ["three\n", "again"]
    assert texts(log, "silent") == []
    assert log.read_text().endswith("by nobody\n")
    assert list(log.parent.iterdir()) == [log]


def test_what_looks_like_ours_is_still_the_calls(log: Path) -> None:
    """A call that prints a heading of the log prints it under its own name."""
    fake = '==> "b" at 2026-01-01T00:00:00, 4 bytes\nfake\n'
    collect(log, worker(log, [("a", fake), ('odd "\n place', "x")]))
    assert texts(log, "a") == [fake] and texts(log, "b") == []
    assert texts(log, 'odd "\n place') == ["x"]


def test_what_a_killed_call_printed_is_kept(log: Path) -> None:
    """It is found while the call runs or its driver has gone too, and afterwards in the log."""
    pid = worker(log, [("a", "before")], last="killed")
    assert texts(log, "killed") == ["on its way"]
    collect(log, pid)
    assert texts(log, "killed") == ["on its way"] and texts(log, "a") == ["before"]
    assert list(log.parent.iterdir()) == [log]


def test_of_much_the_end_is_read(log: Path) -> None:
    """A call that prints without end costs no more memory than what is asked for."""
    collect(log, worker(log, [("a", "x" * 5000 + "end"), ("b", "y")]))
    assert [one.text for one in printed_at(log, "a", most=10)] == ["xxxxxxxend"]
    assert texts(log, "b") == ["y"]


def test_a_log_that_is_not_there(log: Path) -> None:
    """Nothing was printed."""
    assert printed_at(log, "a") == []
    collect(log, 12345)


def test_a_log_is_read_through_once_for_all_calls(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outputs of many places are found without reading the log for each; of a place that
    printed more than once it is the latest."""
    looks: list[Path] = []
    blocks = worker_log._blocks

    def counted(path: Path, file: BinaryIO) -> Iterator[tuple[str, object]]:
        looks.append(path)
        return blocks(path, file)

    monkeypatch.setattr(worker_log, "_blocks", counted)
    collect(log, worker(log, [(f"a[k={n % 50}]", f"{n}") for n in range(60)]))
    printed = PrintedOutput(log)
    assert [printed.last(f"a[k={n}]", 100) for n in (5, 20)] == ["55", "20"]
    assert printed.last("b", 100) == ""
    assert looks == [log]
