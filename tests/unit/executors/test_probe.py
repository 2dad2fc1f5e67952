"""What a worker is asked before its first call: whether it sees where products are to be."""

from __future__ import annotations

from pathlib import Path

from radps_dag.executors.probe import look_around, marked


def test_a_directory_that_both_see(tmp_path: Path) -> None:
    """A worker that finds the driver's mark, and can write beside it, has nothing wrong; nothing
    is left there."""
    with marked(tmp_path) as asked:
        found = look_around(asked)
    assert found["wrong"] == "" and found["host"]
    assert list(tmp_path.iterdir()) == []


def test_a_directory_of_the_driver_alone(tmp_path: Path) -> None:
    """On a machine with another directory of that name, or none, the mark is not there."""
    with marked(tmp_path) as asked:
        (tmp_path / asked["mark"]).rename(tmp_path / "elsewhere")
        assert "is not the same there" in look_around(asked)["wrong"]
        absent = {**asked, "products": str(tmp_path / "none")}
        assert "is not the same there" in look_around(absent)["wrong"]


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """It is said with the system's reason."""
    long = {"products": str(tmp_path), "mark": "a" * 254}  # with more in its name it is too long
    (tmp_path / long["mark"]).touch()
    assert "cannot be written there: File name too long" in look_around(long)["wrong"]


def test_products_that_go_to_a_store() -> None:
    """Nothing is asked of a directory where products go elsewhere."""
    with marked(None) as asked:
        assert look_around(asked)["wrong"] == ""
