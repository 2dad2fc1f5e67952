"""Runs are killed, moved, and gone on with, wherever their journal and their products are."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forked
import pytest
from run_support import PATIENCE, PIPELINES, PROGRAM, Ran, until

from radps_dag.workloads import open_product

Fact = Mapping[str, Any]
OPTIONS = ("--no-prefect", "--json", "-p", "pace=0.2", "-p", "imaging=cont")
SLOTS = 16
PART = "pipelines/stages/image_cube.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project's directory with the pipelines in it."""
    folder = tmp_path / "project"
    shutil.copytree(PIPELINES, folder / "pipelines")
    return folder


def command(*arguments: str, cwd: Path) -> Ran:
    done = forked.command(cwd, *arguments)
    facts = tuple(json.loads(line) for line in done.stdout.splitlines() if line[:2] == '{"')
    return Ran(done.returncode, facts, done.stdout, done.stderr, cwd / ".radps")


def killed(*arguments: str, cwd: Path, after: int = 25) -> tuple[Fact, ...]:
    """A run that is killed when so many calls have ended well; the facts until then."""
    log = cwd / "killed.jsonl"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*PROGRAM, "run", "pipelines/full_cube.yaml", *OPTIONS, *arguments],
            cwd=cwd,
            stdout=stream,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

        def far_enough() -> bool:
            text = log.read_text(errors="replace")
            return text.count('"key":') >= after or process.poll() is not None

        assert until(far_enough, PATIENCE)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    lines = log.read_text(errors="replace").splitlines()
    facts = [json.loads(line) for line in lines if line.endswith("}")]
    return tuple(facts)


def calls(facts: tuple[Fact, ...]) -> Iterator[Fact]:
    return (fact for fact in facts if fact["fact"] == "node_succeeded" and fact.get("made"))


def products(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every product in a value."""
    if isinstance(value, dict):
        if "uri" in value and "kind" in value:
            yield value
        for member in value.values():
            yield from products(member)
    elif isinstance(value, list):
        for item in value:
            yield from products(item)


def content(facts: tuple[Fact, ...]) -> dict[str, list[str]]:
    """What every place has made, told by versions; and its numbers."""
    found: dict[str, list[str]] = {}
    for fact in calls(facts):
        versions = [f"{one['kind']} {one['version']}" for one in products(fact["outputs"])]
        numbers = [
            f"{name} {value}"
            for name, value in fact["outputs"].items()
            if isinstance(value, int | float)
        ]
        found[fact["place"]] = versions + numbers
    return found


def reused(facts: tuple[Fact, ...]) -> set[str]:
    return {fact["place"] for fact in calls(facts) if fact["made"]["origin"]}


@dataclass(frozen=True)
class Undisturbed:
    """A run that nothing has befallen."""

    content: dict[str, list[str]]
    files: int


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(PIPELINES, folder / "pipelines")
    ran = command("run", "pipelines/full_cube.yaml", *OPTIONS, cwd=folder)
    assert ran.code == 0, ran.err
    return Undisturbed(content(ran.facts), ran.outputs["files"])


def assert_whole(ran: Ran, before: tuple[Fact, ...], undisturbed: Undisturbed, root: str) -> None:
    """A run that was gone on with used all that had ended, made the rest, and is as one that
    nothing has befallen; what it names is there, below the root."""
    assert ran.code == 0, ran.err
    assert content(ran.facts) == undisturbed.content
    assert ran.outputs["files"] == undisturbed.files
    done = [fact["place"] for fact in calls(before)]
    # The last of them, as many as can run at once, may have been told before they were safe.
    assert reused(ran.facts) >= set(done[:-SLOTS])
    assert 0 < len(reused(ran.facts)) < len(undisturbed.content)
    named = [one for fact in calls(ran.facts) for one in products(fact["outputs"])]
    assert named
    for one in named:
        assert one["uri"].startswith(root), one["uri"]
        with open_product(one) as file:
            assert file.read()


@pytest.mark.parametrize("where", ["url", "profile"])
def test_a_killed_run_with_its_journal_in_postgresql(
    where: str, project: Path, postgres: Any, undisturbed: Undisturbed
) -> None:
    """A run whose journal is in PostgreSQL goes on after kill -9, and shows no password; the
    database may be named by an option or by the profile."""
    url = postgres.database()
    options = ["--store", url]
    if where == "profile":
        (project / "radps-dag.toml").write_text(f'store = "{url}"\n')
        options = []
    before = killed(*options, cwd=project)
    ran = command("resume", "--no-prefect", "--json", *options, cwd=project)
    assert_whole(ran, before, undisturbed, project.as_uri())
    assert not (project / ".radps" / "journal.db").exists()
    stored = postgres.say(url.partition("?")[0].rpartition("/")[2], "SELECT * FROM radps_facts")
    listed = command("runs", "--json", *options, cwd=project)
    assert [one["status"] for one in json.loads(listed.out)] == ["succeeded"], listed.err
    for text in (ran.out, ran.err, stored, listed.out):
        assert "secret-word" not in text


def test_a_run_whose_database_breaks(
    project: Path, postgres: Any, undisturbed: Undisturbed
) -> None:
    """A database that goes away in the middle ends the run with one line, which names it; when it
    is back the run goes on from what was safe."""
    url = postgres.database()
    log = project / "broken.jsonl"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*PROGRAM, "run", "pipelines/full_cube.yaml", *OPTIONS, "--store", url],
            cwd=project,
            stdout=stream,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert until(lambda: log.read_text(errors="replace").count('"key":') >= 25, PATIENCE)
        postgres.cut(url)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    told = [line for line in err.splitlines() if line.startswith("radps-dag:")]
    assert len(told) == 1
    assert "the journal cannot be" in told[0]
    assert "Traceback" not in err
    assert "secret-word" not in err
    postgres.mend(url)
    ran = command("resume", "--no-prefect", "--json", "--store", url, cwd=project)
    assert ran.code == 0, ran.err
    assert content(ran.facts) == undisturbed.content
    assert reused(ran.facts)


def test_sqlite_elsewhere(project: Path, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """A run whose journal is another SQLite file goes on after kill -9."""
    options = ["--store", f"sqlite:///{tmp_path}/journals/all runs.db"]
    before = killed(*options, cwd=project)
    ran = command("resume", "--no-prefect", "--json", *options, cwd=project)
    assert_whole(ran, before, undisturbed, project.as_uri())


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_killed_run_with_its_products_in_s3(
    executor: str, project: Path, bucket: str, undisturbed: Undisturbed
) -> None:
    """A run whose products are in an object store goes on after kill -9 without being told where;
    a second run uses all of it, and nothing but the journal is left on this machine."""
    root = f"{bucket}/radps"
    options = ["--executor", executor, "--products", root]
    before = killed(*options, cwd=project)
    ran = command("resume", "--no-prefect", "--json", cwd=project)
    assert_whole(ran, before, undisturbed, f"{root}/{ran.directory.name}/")
    again = command("run", "pipelines/full_cube.yaml", *OPTIONS, "--products", root, cwd=project)
    assert again.code == 0, again.err
    assert reused(again.facts) == set(undisturbed.content)
    # What stayed of the process that was killed is of calls that it had not ended.
    ended = {fact["place"].replace("/", os.sep) for fact in calls(before)}
    left = {str(path.relative_to(ran.directory / "products")) for path in files(ran.directory)}
    assert not {name for name in left if str(Path(name).parent) in ended}


def files(directory: Path) -> list[Path]:
    return [path for path in (directory / "products").rglob("*") if path.is_file()]


def test_lost_products_are_made_again(project: Path, bucket: str) -> None:
    """What is gone from an object store is made again by the next run, and nothing else."""
    import fsspec

    options = [
        PART,
        "--no-prefect",
        "--json",
        "--products",
        bucket,
    ]
    first = command("run", *options, cwd=project)
    assert first.code == 0, first.err
    lost = next(fact for fact in calls(first.facts) if fact["made"]["workdir"])
    fsspec.filesystem("s3").rm(lost["made"]["workdir"], recursive=True)
    second = command("run", *options, cwd=project)
    assert second.code == 0, second.err
    made = {fact["place"] for fact in calls(second.facts)} - reused(second.facts)
    assert lost["place"] in made
    assert len(made) < len(content(second.facts))


def test_a_place_that_does_not_answer(
    project: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the place of earlier products does not answer, what is there is not made again at the
    cost of hours: the node fails in words, unless it is forced."""
    options = [PART, "--no-prefect", "--json", "--only", "input"]
    first = command("run", *options, "--products", bucket, cwd=project)
    assert first.code == 0, first.err
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    second = command("run", *options, cwd=project)
    assert second.code == 1
    failed = second.of("node_failed")[0]
    assert failed["error"] == "Unreachable"
    assert "--force" in failed["message"]
    third = command("run", *options, "--force", "input", cwd=project)
    assert third.code == 0, third.err


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_workspace_is_moved(
    database: str,
    project: Path,
    undisturbed: Undisturbed,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """A project whose run was killed is copied to another place, the original removed, and the run
    gone on with there: what had ended is used, and everything names the new place."""
    options: list[str] = []
    if database == "postgres":
        options = ["--store", request.getfixturevalue("postgres").database()]
    before = killed(*options, cwd=project)
    moved = tmp_path / "another disk" / "my project"
    moved.parent.mkdir()
    subprocess.run(["cp", "-a", str(project), str(moved)], check=True)
    shutil.rmtree(project)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    workspace = ["--workspace", str(moved / ".radps")]
    ran = command("resume", "--no-prefect", "--json", *workspace, *options, cwd=elsewhere)
    assert_whole(ran, before, undisturbed, f"{moved.as_uri()}/.radps/runs/")
    assert project.as_uri() not in ran.out
    assert list(elsewhere.iterdir()) == []
    # A new run there uses what was made in the old place.
    again = command("run", "pipelines/full_cube.yaml", *OPTIONS, *options, cwd=moved)
    assert again.code == 0, again.err
    assert reused(again.facts) == set(undisturbed.content)


def test_own_workloads_move_with_the_project(tmp_path: Path) -> None:
    """Workload files and a profile that lie in the project are found where it is moved to."""
    project, moved = tmp_path / "old", tmp_path / "new place"
    project.mkdir()
    (project / "own.py").write_text(
        "from pathlib import Path\n"
        "from radps_dag.workloads import workload\n\n\n"
        "@workload\ndef count(wanted: int = 1) -> dict[str, int]:\n"
        '    """Count."""\n'
        "    if not Path('ready').exists():\n        raise ValueError('not ready')\n"
        "    return {'value': wanted}\n"
    )
    (project / "p.yaml").write_text("version: 1\nname: p\nstages:\n  one:\n    run: count\n")
    options = ["--no-prefect", "--json"]
    first = command("run", "p.yaml", "--workloads", "own.py", *options, cwd=project)
    assert first.code == 1, first.err
    project.rename(moved)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "ready").touch()
    ran = command("resume", "--workspace", str(moved / ".radps"), *options, cwd=elsewhere)
    assert ran.code == 0, ran.err


def test_a_disk_for_products(project: Path, tmp_path: Path, undisturbed: Undisturbed) -> None:
    """With a directory as the root, products are there and nowhere else; a run that was killed goes
    on there, and is refused while the disk is gone."""
    disk, gone = tmp_path / "big disk", tmp_path / "unplugged"
    before = killed("--products", str(disk), cwd=project)
    disk.rename(gone)
    refused = command("resume", "--no-prefect", cwd=project)
    assert refused.code == 2
    assert "the directory for products is gone" in refused.err
    assert not disk.exists()
    gone.rename(disk)
    ran = command("resume", "--no-prefect", "--json", cwd=project)
    assert_whole(ran, before, undisturbed, disk.as_uri())
    assert not (ran.directory / "products").exists() or not files(ran.directory)


def test_a_missing_driver_is_one_line(project: Path) -> None:
    """A root or a database that cannot be reached is told before anything runs or is left."""
    for options, message in (
        (["--products", "nowhere://x"], "no place for products"),
        (["--store", "nonsense"], "not a URL of a database"),
        (["--store", "oracle://host/x"], "no driver for this database"),
    ):
        ran = command("run", "pipelines/full_cube.yaml", "--no-prefect", *options, cwd=project)
        assert ran.code == 2
        assert message in ran.err
        assert len(ran.err.splitlines()) == 1
    assert not (project / ".radps" / "runs").exists()
