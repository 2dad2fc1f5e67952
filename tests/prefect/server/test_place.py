"""Where the local server keeps its things."""

from __future__ import annotations

from pathlib import Path

import pytest

from radps_dag.prefect.server.files import ServerFiles, home_directory
from radps_dag.problem import RadpsDagError


def test_home_comes_from_the_nearest_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument, then RADPS_DAG_HOME, then XDG_STATE_HOME, then the user's directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("RADPS_DAG_HOME", str(tmp_path / "own"))
    assert home_directory(tmp_path / "given") == tmp_path / "given"
    assert home_directory() == tmp_path / "own"
    monkeypatch.delenv("RADPS_DAG_HOME")
    assert home_directory() == tmp_path / "state" / "radps-dag"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert home_directory() == tmp_path / ".local" / "state" / "radps-dag"


def test_everything_is_private(tmp_path: Path) -> None:
    """Directories are 0700, files 0600, also where the home was open before."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    place = ServerFiles.of(home)
    place.make()
    place.write_state({"pid": 1})
    place.auth_string()
    modes = {path: path.stat().st_mode & 0o777 for path in [home, *home.rglob("*")]}
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items())


def test_password_is_kept_and_random(tmp_path: Path) -> None:
    """The same at each start, so that a browser stays logged in; another in another home."""
    first, second = ServerFiles.of(tmp_path / "a"), ServerFiles.of(tmp_path / "b")
    first.make()
    second.make()
    assert first.auth_string() == first.auth_string() != second.auth_string()
    assert len(first.auth_string()) > 40


def test_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """One line with the path, the reason and the variable to set."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RadpsDagError, match=r"file.*Not a directory.*RADPS_DAG_HOME") as raised:
        ServerFiles.of(tmp_path / "file" / "home").make()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_state_that_is_no_state_is_nothing(tmp_path: Path, text: str) -> None:
    """A state file that was cut off or is not ours says nothing, and is no error."""
    place = ServerFiles.of(tmp_path)
    place.make()
    (place.directory / "state.json").write_text(text)
    assert place.read_state() == {}
