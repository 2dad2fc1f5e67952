"""Options and profiles that are odd: one line, exit code 2, nothing waited for, nothing left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from run_support import PROGRAM

from radps_dag.cli.main import main

PIPELINE = "version: 1\nname: good\nparams: {n: {type: integer, default: 3}}\n"
STAGES = "stages: {a: {pause: {message: m}}}\n"
DIGITS = "9" * 5001
LIMIT = 30.0

PROFILES = {
    "digits": (f"max_parallel = {DIGITS}", "not TOML: Exceeds the limit"),
    "digits of a param": (f"[params]\nn = {DIGITS}", "not TOML"),
    "digits of a threshold": (f'[thresholds]\n"**" = {{alert_below = {DIGITS}}}', "not TOML"),
    "no number": ("[params]\nn = nan", "found nan"),
    "webhook": ('[events]\nwebhook = "http://[::1/"', "is not a URL: Invalid IPv6 URL"),
    "webhook of nobody": ('[events]\nwebhook = "http://"', "names no host"),
    "server": ('prefect_api_url = "http://[::1/"', "is not a URL: Invalid IPv6 URL"),
    "somebody's file": ('[events]\nfile = "~nosuchuser/x"', "there is no such user"),
    "60 MB": ("#" * 60_000_000, "larger than 1,000,000 bytes"),
    "depth": (f"x = {'[' * 20_000}", "not TOML"),
    "store": ('store = "data:,x"', "must be a URL"),
}
STORES = ("data:,x", "foo", "foo://x", "sqlite://[::1/", "postgresql://[::1/", "\udcff://x")
PRODUCTS = (
    *("data:,x", "data://x", "foo://x", "http://[::1/", "s3://", "~nosuchuser/x", "local:x"),
    *("file://~nosuchuser/x", "a\udcff", "zip://x"),
)
BASE = "class Gone(BaseException): pass\n"
RAISING = {
    "SystemExit": "raise SystemExit('gone')",
    "of its own": f"{BASE}raise Gone('gone')",
    "GeneratorExit": "raise GeneratorExit('gone')",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "good.yaml").write_text(PIPELINE + STAGES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said of a command that cannot be carried out."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 2
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.startswith(("radps-dag:", "Error:"))]
    assert len(lines) == 1, said
    assert len(lines[0]) < 400
    return lines[0]


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_that_is_odd(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Its file and its key are named."""
    text, reason = PROFILES[name]
    (folder / "odd.toml").write_text(text)
    line = refused(capsys, "plan", "good.yaml", "--profile", "odd.toml")
    assert line.startswith("radps-dag: odd.toml: ")
    assert reason in line


@pytest.mark.parametrize("url", STORES)
@pytest.mark.parametrize("command", [("runs",), ("run", "good.yaml", "--no-prefect")])
def test_a_store_that_is_none(
    folder: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], url: str
) -> None:
    """What is no URL of a database opens none, and makes no file."""
    refused(capsys, *command, "--store", url)
    assert [path.name for path in folder.iterdir()] == ["good.yaml"]


@pytest.mark.parametrize("url", PRODUCTS)
def test_a_place_for_products_that_is_none(
    folder: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    """What looks like a URL does not become a folder of that name."""
    refused(capsys, "run", "good.yaml", "--no-prefect", "--products", url)
    assert [path.name for path in folder.iterdir()] == ["good.yaml"]


@pytest.mark.parametrize("kind", ["link", "file", "bytes"])
@pytest.mark.parametrize("command", [("runs",), ("run", "good.yaml", "--no-prefect")])
def test_a_workspace_that_cannot_be(
    folder: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], kind: str
) -> None:
    """A link to itself, a file, a name that is not text."""
    if kind == "link":
        (folder / ".radps").symlink_to(".radps")
    elif kind == "file":
        (folder / ".radps").touch()
    given = ("--workspace", "a\udcff") if kind == "bytes" else ()
    assert "--workspace" in refused(capsys, *command, *given)


@pytest.mark.parametrize("name", RAISING)
def test_workloads_that_leave(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Whatever a file raises while it is imported, it is named with the line."""
    (folder / "own.py").write_text(RAISING[name])
    line = refused(capsys, "validate", "good.yaml", "--workloads", "own.py")
    assert "workload file own.py cannot be imported" in line
    assert "gone" in line


@pytest.mark.parametrize("special", ["fifo", "/dev/zero"])
@pytest.mark.parametrize("option", ["--profile", "--params-file", "--faults", "FILE"])
def test_what_has_no_end_is_not_read(folder: Path, special: str, option: str) -> None:
    """A pipe that nobody writes to, a device: they are named at once."""
    os.mkfifo(folder / "fifo")
    given = (special,) if option == "FILE" else ("good.yaml", option, special)
    done = subprocess.run(
        [*PROGRAM, "run", *given, "--no-prefect"],
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 2
    assert "not a regular file" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "good.yaml", "-p", f"{'x' * 450_000}=1"),
        ("plan", "good.yaml", "-p", f"n={'x' * 450_000}"),
        ("plan", "good.yaml", "--progress", "x" * 450_000),
        ("plan", "good.yaml", "--only", "x" * 450_000),
        ("plan", "good.yaml", "--library", "x" * 450_000),
        ("validate", "x" * 450_000),
        ("x" * 450_000,),
    ],
    ids=["param", "value", "option", "stage", "library", "file", "command"],
)
def test_what_was_given_is_not_echoed_whole(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """A message is read by a person."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert 0 < len(said.out + said.err) < 2_000


@pytest.mark.parametrize("what", ["name", "stage"])
def test_a_name_is_not_longer_than_a_file_s(
    folder: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """Names become parts of files and of runs: 100 letters are allowed, one more is not."""
    for length, code in ((100, 0), (101, 2)):
        name, stage = ("n" * length, "a") if what == "name" else ("good", "a" * length)
        text = f"version: 1\nname: {name}\nstages: {{{stage}: {{pause: {{message: m}}}}}}\n"
        (folder / "good.yaml").write_text(text)
        with pytest.raises(SystemExit) as ended:
            main(["validate", "good.yaml"])
        assert ended.value.code == code
    assert "at most 100" in capsys.readouterr().out
