"""What the README and the pages say is so: commands run, links lead somewhere, examples hold."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from docs_support import blocks, run
from journal_support import facts_of_only_run
from repository import ROOT
from run_support import until

from radps_dag.cli.main import COMMANDS
from radps_dag.language.params import defaults
from radps_dag.opening import open_pipeline, settle
from radps_dag.problem import Problem

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
# The project speaks of itself alone.
PAPERS = [*PAGES, ROOT / ".ci" / "run", ROOT / "pyproject.toml"]


COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
(SET_UP,) = blocks(README, "sh")
COMMAND_LINES = [
    line for block in blocks(COMMANDS_PAGE, "sh") for line in block.splitlines() if line.strip()
]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README's commands find in a checkout, to write into."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "pipelines", folder / "pipelines")
    return folder


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_commands_work(line: str, checkout: Path) -> None:
    """Each command of the README does what it says, to the end."""
    done = run(line, checkout)
    # There is no server in this folder's home, and `status` says so; one run leaves to be answered.
    expected = 1 if "server status" in line else 3 if "--detach-on-pause" in line else 0
    assert done.returncode == expected, done.stderr


def test_set_up_is_what_is_tested() -> None:
    """The README sets up in two commands, and .ci/run runs them, the second in two parts."""
    main_job, tests = SET_UP.splitlines()
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    # The script picks a Python that is new enough, and keeps the installers quiet.
    script = script.replace('"$python"', "python3").replace(" --quiet", "")
    for part in main_job.split(" && "):
        assert part in script
    program, options = tests.split(" ", 1)
    assert program == ".venv/bin/pytest"
    assert f'-m pytest -m "quick or processes" {options} |' in script
    assert f'{program} -m "not quick and not processes" {options} |' in script


def test_the_mistakes_shown_are_those_found(checkout: Path) -> None:
    """The slips in the README give that very output."""
    shutil.copytree(checkout / "pipelines", checkout / "slips")
    file = checkout / "slips" / "full_cube.yaml"
    text = file.read_text(encoding="utf-8")
    for right, wrong in (
        ("stages.import_calibrators.ms", "stages.import_calibrator.ms"),
        ("on_error: continue", "on_eror: continue"),
        ("niter: ${{ params.niter }}", "niter: many"),
    ):
        assert right in text
        text = text.replace(right, wrong, 1)
    file.write_text(text, encoding="utf-8")
    done = run("radps-dag validate slips/full_cube.yaml", checkout)
    assert done.returncode == 2
    assert done.stdout.replace("slips/", "") in blocks(README, "text")


def test_every_command_is_listed() -> None:
    """The table of commands has those that there are, in order, saying what `--help` says."""
    rows = re.findall(r"^\| `radps-dag ([\w-]+)[^`]*` \| (.*) \|$", COMMANDS_PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == list(COMMANDS)
    for name, text in rows:
        assert text.startswith(COMMANDS[name]), name


@pytest.mark.parametrize("block", blocks(README, "yaml"), ids=lambda block: block.strip()[:30])
def test_excerpts_are_from_the_pipelines(block: str) -> None:
    """What the README shows of a pipeline stands there word for word."""
    if block.startswith("# yaml-language-server"):
        assert block.startswith("# yaml-language-server: $schema=")
        return
    assert any(
        block in file.read_text(encoding="utf-8")
        for file in ROOT.glob("pipelines/**/*")
        if file.is_file()
    )


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file that is there, and a heading if it says which."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if heading:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
            assert heading in slugs, link


def whole_pipelines() -> list[tuple[str, str]]:
    """Every YAML block of a page that is a pipeline from its first line to its last."""
    return [
        (f"{named(page)}:{block.strip().splitlines()[0][:30]}", block)
        for page in PAGES
        for block in blocks(page.read_text(encoding="utf-8"), "yaml")
        if re.search(r"^version: 1$", block, re.MULTILINE)
        and re.search(r"^stages:", block, re.MULTILINE)
    ]


@pytest.mark.parametrize("block", [block for _, block in whole_pipelines()])
def test_whole_pipelines_are_valid(block: str, tmp_path: Path) -> None:
    """A pipeline that a page shows passes every check."""
    file = tmp_path / "pipeline.yaml"
    file.write_text(block, encoding="utf-8")
    warnings: list[Problem] = []
    pipeline, library = open_pipeline(file, warn=warnings.append)
    settle(pipeline, library, defaults(pipeline), warnings.append)
    assert not warnings


def test_the_tool_that_is_shown(tmp_path: Path) -> None:
    """The tool file of the page on programs is valid, and its command is what the page says."""
    page = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
    tool, stages = blocks(page, "yaml")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "imager.yaml").write_text(tool, encoding="utf-8")
    head = "version: 1\nname: p\nparams: {ms: {type: string}}\n"
    (tmp_path / "pipeline.yaml").write_text(head + stages, encoding="utf-8")
    check, show = blocks(page, "sh")[0].splitlines()
    assert run(check.removesuffix(" --tools"), tmp_path).returncode == 0
    told = run(show, tmp_path)
    assert (
        told.stdout.split("-niter")[1] == f" 1000 -size 512 512 -scale 0.1asec {tmp_path}/my.ms\n"
    )


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_page_can_be_found(page: Path) -> None:
    """The pages of `docs` are in its index; the others are linked from the README."""
    index = ROOT / "docs" / "README.md"
    if page.parent == ROOT:
        known = README + index.read_text(encoding="utf-8").replace("../", "")
        assert page.name == "README.md" or f"({page.name})" in known
    elif page != index:
        assert f"({page.relative_to(index.parent)})" in index.read_text(encoding="utf-8")


@pytest.mark.parametrize("paper", PAPERS, ids=named)
def test_papers_speak_of_the_project_alone(paper: Path) -> None:
    """No paths of somebody's machine."""
    assert not re.search(r"/(home|root|Users|work)/\w", paper.read_text(encoding="utf-8"))


def test_the_architecture_names_every_module() -> None:
    """Each module and package of the first level has its row."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    names = {
        path.name + ("/" if path.is_dir() else "")
        for path in (ROOT / "radps_dag").iterdir()
        if not path.name.startswith(("_", ".")) and (path.is_dir() or path.suffix == ".py")
    }
    assert not {name for name in names if f"`{name}`" not in text}


def test_the_run_that_is_killed_and_resumed(checkout: Path) -> None:
    """The README's run, killed when something of it is done, goes on and does not do it again."""
    (block,) = blocks(README, "console")
    begin, kill, resume = (line.removeprefix("$ ") for line in block.splitlines())
    assert kill.endswith("kill -9 $!")
    folder = checkout / "killed"
    folder.mkdir()
    shutil.copytree(ROOT / "pipelines", folder / "pipelines")
    command = [sys.executable, "-m", "radps_dag", *shlex.split(begin.removesuffix("&"))[1:]]
    process = subprocess.Popen([*command, "--no-prefect", "--quiet"], cwd=folder)

    def done() -> set[str]:
        facts = facts_of_only_run(folder / ".radps")
        return {fact["place"] for fact in facts if fact["fact"] == "node_succeeded"}

    assert until(lambda: "import_calibrators" in done() or process.poll() is not None, 60)
    process.kill()
    assert process.wait() == -9
    before = {place for place in done() if place != "import_calibrators"}
    told = run(f"{resume} --json", folder)
    assert told.returncode == 0, told.stderr
    facts = [json.loads(line) for line in told.stdout.splitlines()]
    calls = [fact for fact in facts if fact["fact"] == "node_succeeded" and fact["made"]]
    reused = {fact["place"] for fact in calls if fact["made"]["origin"]}
    assert reused and reused <= before
    assert "calibrate_gains" in done()


def test_moving_and_exporting(checkout: Path) -> None:
    """The commands of the page on workspaces move a project, and carry a run to another place."""
    page = (ROOT / "docs" / "workspace.md").read_text(encoding="utf-8")
    moving, carrying = blocks(page, "sh")
    folder = checkout / "moving"
    (folder / "project").mkdir(parents=True)
    (folder / "another disk").mkdir()
    shutil.copytree(ROOT / "pipelines", folder / "project" / "pipelines")
    part = "run pipelines/stages/image_continuum_per_spw.yaml --quiet"
    made = run(f"radps-dag {part}", folder / "project")
    assert made.returncode == 0, made.stderr
    for line in moving.replace("/another disk", "another disk").splitlines():
        if line.startswith("radps-dag"):
            done = run(f"{line} --no-prefect", folder)
        else:
            done = subprocess.run(shlex.split(line), cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    moved = folder / "another disk" / "project"
    (directory,) = (moved / ".radps" / "runs").iterdir()
    for line in carrying.replace("20261123-065105", directory.name).splitlines():
        done = run(line, moved)
        assert done.returncode == 0, done.stderr
        assert f"run {directory.name}" in done.stdout
    assert (moved / "elsewhere" / ".radps" / "journal.db").exists()


def test_workloads_that_read_products(tmp_path: Path) -> None:
    """The functions that the page on workspaces shows read a product."""
    (code,) = blocks((ROOT / "docs" / "workspace.md").read_text(encoding="utf-8"), "python")
    names: dict[str, Any] = {}
    exec(code, names)
    path = tmp_path / "table.txt"
    path.write_text("1\n2\n")
    product = {"uri": path.as_uri(), "kind": "table"}
    assert names["count_lines"](product) == 2
    assert names["open_image"](product) == path
