"""A profile is found from here upwards, and says what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radps_dag.problem import UsageError
from radps_dag.profile import FILE_NAME, Events, Profile, find_profile, load_profile

FULL = """
library = "placeholder"
workloads = ["own.py", "below/more.py"]
executor = "processes"
max_parallel = 4
prefect_api_url = "http://127.0.0.1:4200/api"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / FILE_NAME
    path.write_text(text, encoding="utf-8")
    return path


def test_all_keys(tmp_path: Path) -> None:
    """Every key is read; files are relative to the profile."""
    (tmp_path / "below").mkdir()
    own, more = tmp_path / "own.py", tmp_path / "below" / "more.py"
    own.touch()
    more.touch()
    path = write(tmp_path, FULL)
    assert load_profile(path) == Profile(
        path=path,
        library="placeholder",
        workloads=(own, more),
        executor="processes",
        max_parallel=4,
        prefect_api_url="http://127.0.0.1:4200/api",
    )


def test_found_upwards(tmp_path: Path) -> None:
    """The nearest one counts, from the directory asked about upwards."""
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_profile(start=deep).path is None
    top = write(tmp_path, "max_parallel = 1")
    assert find_profile(start=deep).path == top
    near = write(tmp_path / "a", "max_parallel = 2")
    assert find_profile(start=deep) == Profile(path=near, max_parallel=2)


def test_given_one_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that is named is used instead of the one found."""
    write(tmp_path, "max_parallel = 1")
    other = tmp_path / "site.toml"
    other.write_text("max_parallel = 9", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert find_profile().max_parallel == 1
    assert find_profile(other).max_parallel == 9
    with pytest.raises(UsageError, match=r"nowhere\.toml: cannot read the profile: No such file"):
        find_profile("nowhere.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("libary = 'x'", "unknown key 'libary'; did you mean 'library'?"),
        ("zebra = 1", "unknown key 'zebra'; allowed: library, workloads"),
        ("library = 3", "library must be a text, not 3"),
        ("workloads = 'own.py'", "workloads must be a list of files"),
        ("workloads = [1]", "an entry of workloads must be a text, not 1"),
        ("workloads = ['../own.py']", "is outside of"),
        ("workloads = ['/etc/own.py']", "is outside of"),
        ("workloads = ['own.txt']", "its name must end in .py"),
        ("workloads = ['onw.py']", "'onw.py' does not exist; did you mean 'own.py'?"),
        ('workloads = ["a\\u0000.py"]', "is not a file name"),
        ("executor = 'proceses'", "not 'proceses'; did you mean 'processes'?"),
        ("executor = 1", "executor must be one of threads, processes, dask, parsl, not 1"),
        ("memory = 64", 'memory must be an amount such as "64GB", not 64'),
        ('memory = "lots"', "memory must be an amount such as"),
        ("gpus = -1", "gpus must be a whole number, not -1"),
        ("max_parallel = 0", "max_parallel must be a whole number of at least 1, not 0"),
        ("max_parallel = true", "max_parallel must be a whole number"),
        ("prefect_api_url = 'localhost'", "must start with http:// or https://"),
        ("events = 'x'", "events must be a table: [events], with webhook, secret_env, file"),
        ("[events]\nwebhok = 'x'", "unknown key 'events.webhok'; did you mean 'webhook'?"),
        ("[events]\nwebhook = 'x'", "events.webhook must start with http:// or https://"),
        ("[events]\nfile = 1", "events.file must be a text, not 1"),
        (
            "[events]\nwebhook = 'http://a'\nsecret_env = '$X'",
            "events.secret_env must be the name of an environment variable",
        ),
        ("[events]\nsecret_env = 'X'", "give events.webhook as well"),
        ("prefect = 2", "prefect must be a table, with lines such as subflow_depth = 2"),
        ("[prefect]\nsubflow = 2", "unknown key 'prefect.subflow'; did you mean 'subflow_depth'?"),
        (
            "[prefect]\nsubflow_depth = 0",
            "prefect.subflow_depth must be a whole number of at least 1",
        ),
        ("library = ", "not TOML"),
        ("a = " + "[" * 5000, "not TOML"),
    ],
)
def test_wrong_profile(text: str, message: str, tmp_path: Path) -> None:
    """One line: the file, the key, what is wrong, and the likely fix."""
    (tmp_path / "own.py").touch()
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as raised:
        load_profile(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)


def test_events(tmp_path: Path) -> None:
    """A webhook, the variable with its secret, and a file beside the profile."""
    text = "[events]\nwebhook = 'https://a/b'\nsecret_env = 'X'\nfile = 'news/e.jsonl'"
    events = load_profile(write(tmp_path, text)).events
    assert events == Events("https://a/b", "X", tmp_path / "news" / "e.jsonl")


def test_prefect(tmp_path: Path) -> None:
    """How deep subflows go; stages alone, where nothing is said."""
    assert Profile().prefect.subflow_depth == 1
    assert load_profile(write(tmp_path, "[prefect]\nsubflow_depth = 3")).prefect.subflow_depth == 3


def test_no_way_out_by_symlink(tmp_path: Path) -> None:
    """A link in the project's folder does not lead to code outside of it."""
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "other.py").touch()
    (project / "own.py").symlink_to(tmp_path / "other.py")
    with pytest.raises(UsageError, match="is outside of"):
        load_profile(write(project, "workloads = ['own.py']"))


def test_no_utf8(tmp_path: Path) -> None:
    """Another encoding is told as such."""
    path = tmp_path / FILE_NAME
    path.write_bytes(b"library = '\xff'")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_profile(path)


def test_profile_stands_behind_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run takes executor and workloads from the profile; options go before it."""
    from radps_dag.cli.main import main

    monkeypatch.chdir(tmp_path)
    write(tmp_path, "workloads = ['own.py']\nexecutor = 'processes'")
    (tmp_path / "own.py").write_text(
        "from radps_dag.workloads import workload\n@workload\ndef own() -> None: ...\n",
        encoding="utf-8",
    )
    (tmp_path / "one.yaml").write_text(
        "version: 1\nname: one\nstages:\n  a: {run: own}\n", encoding="utf-8"
    )
    executors = []
    for options in ([], ["--executor", "threads"]):
        with pytest.raises(SystemExit) as raised:
            main(["run", "one.yaml", "--no-prefect", "--json", *options])
        assert raised.value.code == 0
        first = capsys.readouterr().out.splitlines()[0]
        executors.append(json.loads(first)["executor"])
    assert executors == ["processes", "threads"]
