"""The file that says what calls wait for."""

from __future__ import annotations

from pathlib import Path

import pytest

from radps_dag.journal.occupancy import Jobs, Machine, Occupancy, Wait, read, write

MEMORY = Wait("image[spw=1]", "memory", "memory, 8 GB of 16 GB", 1.0)
LOCK = Wait("solve", "lock", "lock ms-1, held by solve[2]", 1.0)
WORKER = Wait("solve", "worker", "a free worker", 1.0)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """All of it, until it is removed; nothing else is left beside it."""
    file = tmp_path / "occupancy.json"
    machines = (Machine("n1", 2, 4, 3),)
    whole = Occupancy(
        "hpc", 2, 4, 3, machines, (Jobs("gpu", 1, 2, 4, "Priority"),), (MEMORY, LOCK), 2
    )
    write(file, whole)
    assert read(file) == whole
    assert [*tmp_path.iterdir()] == [file]
    write(file, None)
    write(file, None)
    assert read(file) is None and not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"machines": 1, "jobs": [], "waits": []}', "\xff"]
)
def test_what_cannot_be_read_is_nothing(tmp_path: Path, text: str) -> None:
    """A file that is cut off, or of another version, says nothing."""
    file = tmp_path / "occupancy.json"
    file.write_bytes(text.encode("latin-1"))
    assert read(file) is None


def test_a_full_disk_is_no_error(tmp_path: Path) -> None:
    """Where it cannot be written, nothing happens."""
    write(tmp_path / "nowhere" / "occupancy.json", Occupancy())


@pytest.mark.parametrize(
    ("occupancy", "words"),
    [
        (
            Occupancy("threads", 1, 16, 4, None, (), (MEMORY, MEMORY, LOCK), 3),
            "threads: 4 of 16 slots taken · 3 calls wait: 2 for memory, 1 for locks",
        ),
        (
            Occupancy("far", 1, 2, 1, (), (), (WORKER,), 1),
            "far: no workers · 1 call waits for workers",
        ),
        (
            Occupancy("far", 1, 4, 1, (Machine("n1", 1, 2, 1), Machine("n2", 2, 2, 0))),
            "far: 3 workers on n1 (1), n2 (2), 1 of 4 busy",
        ),
        (Occupancy("far", 1, 4, 1, (Machine("n1", 1, 2, 1),)), "far: 1 worker on n1, 1 of 2 busy"),
        (
            Occupancy("far", 1, 5, 1, tuple(Machine(f"n{n}", 1, 1, 0) for n in range(5))),
            "far: 5 workers on n0 (1), n1 (1), n2 (1) and 2 more, 0 of 5 busy",
        ),
        (
            Occupancy("hpc", 1, 4, 1, (), (Jobs("gpu", 0, 2, 0, "Resources"),)),
            "hpc: block gpu: 2 pending (Resources)",
        ),
        (
            Occupancy("hpc", 1, 4, 1, (Machine("n1", 0, 0, 2),), (Jobs("gpu", 2, 1, 8),)),
            "hpc: block gpu: 2 jobs running, 1 pending · 2 calls on n1",
        ),
        (
            Occupancy("far", 1, waits=(Wait("", "worker", "a worker of x", 1.0),)),
            "far: waits for a worker of x",
        ),
    ],
)
def test_occupancy_in_words(occupancy: Occupancy, words: str) -> None:
    """One line says who works, and what how many calls wait for."""
    assert occupancy.words == words
