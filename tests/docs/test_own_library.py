"""The guide to a library of one's own: its code runs, and does what the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from docs_support import blocks
from repository import ROOT
from run_support import Ran, run

PAGE = (ROOT / "docs" / "own-library.md").read_text(encoding="utf-8")
# Each block of Python names its file in its first line.
FILES = {
    re.match(r"# (\S+)\n", block)[1]: block  # type: ignore[index]  # fails where there is none
    for block in blocks(PAGE, "python")
}
LAY_OUT, ONE_FUNCTION, PACKAGE = (
    [line.split()[1:] for line in block.splitlines()] for block in blocks(PAGE, "sh")
)
SMALL = ("-p", "pixels=32", "-p", "channels_per_block=64")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the pipelines and the files of the page, its package as if installed."""
    (lay_out,) = LAY_OUT
    done = python(tmp_path, "-m", "radps_dag", *lay_out)
    assert done.returncode == 0, done.stderr
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (text,) = blocks(PAGE, "toml")
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    # What `pip install -e .` does, without a network: the wheel is built as the page says, and its
    # metadata lie where Python finds them.
    assert 'requires = ["hatchling"]' in text
    built = python(tmp_path, "-m", "hatchling", "build", "--target", "wheel", "--directory", "dist")
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next((tmp_path / "dist").glob("*.whl"))) as wheel:
        names = wheel.namelist()
        packages = {name.partition("/")[0] for name in names}
        assert packages == {"our_observatory", "our_observatory-1.dist-info"}
        wheel.extractall(tmp_path, [name for name in names if ".dist-info/" in name])
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    return tmp_path


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120
    )


def ran(project: Path, line: list[str], *more: str) -> Ran:
    """A `radps-dag run` of the page."""
    assert line[0] == "run"
    done = run(project / line[1], *line[2:], *more, "--no-prefect", cwd=project)
    assert done.code == 0, done.err
    return done


def made_anew(done: Ran, place: str) -> bool:
    """Whether the calls there ran, and were not used again."""
    origins = [fact["made"]["origin"] for fact in done.of("node_succeeded", place) if fact["made"]]
    assert origins
    return not any(origins)


def test_one_function_over_a_library(project: Path) -> None:
    """The file of the page takes the place of one placeholder; all others stay."""
    describe, stage = ONE_FUNCTION
    told = python(project, "-m", "radps_dag", *describe)
    assert "List files with their sizes, as our archive wants it." in told.stdout, told.stderr
    # What is not its own manifest is missed by the placeholder that checks it.
    done = ran(project, stage, "-p", "pace=0")
    made = done.one("node_succeeded", "manifest")["outputs"]
    assert made["files"] == 4
    path = Path(made["manifest"]["uri"].removeprefix("file://"))
    assert path.name == "manifest.json"
    files = json.loads(path.read_text(encoding="utf-8"))["files"]
    assert len(files) == 4
    assert made["size"] == sum(file["size"] for file in files) > 0


def test_a_package_over_sim(project: Path) -> None:
    """A shipped stage calls the package's function and `sim`'s, each used again while its code and
    inputs stay: the domain function's text counts for the workload that calls it."""
    listing, stage = PACKAGE
    told = python(project, "-m", "radps_dag", *listing)
    assert "Flag amplitudes that stand out in time." in told.stdout, told.stderr
    first = ran(project, stage, *SMALL)
    for fact in (flags := first.of("node_succeeded", "spw[spw=")):
        if fact["place"].endswith("/flag"):
            assert 0.02 < fact["outputs"]["flagged_fraction"] < 0.1
            assert fact["outputs"]["ms"]["group"] == "flagged"
    assert any(fact["place"].endswith("/flag") for fact in flags)
    assert not made_anew(ran(project, stage, *SMALL), "spw[spw=0]/flag")
    domain = project / "our_observatory" / "outliers.py"
    text = domain.read_text(encoding="utf-8")
    assert "1.4826" in text
    domain.write_text(text.replace("1.4826", "1.0"), encoding="utf-8")
    edited = ran(project, stage, *SMALL)
    assert made_anew(edited, "spw[spw=0]/flag")
    assert not made_anew(edited, "input")


def test_the_domain_function(project: Path) -> None:
    """It finds what is there, leaves what is not, and keeps what was flagged."""
    np = pytest.importorskip("numpy")
    names: dict[str, object] = {}
    exec(compile(FILES["our_observatory/outliers.py"], "own-library.md", "exec"), names)
    random = np.random.default_rng(1)
    data = random.normal(1.0, 0.1, (50, 6, 4, 2)) + 0j
    data[7, 2, 1, 0], data[8, 3, 0, 1] = 5.0, np.nan
    flag = np.zeros(data.shape, dtype=bool)
    flag[:, 5] = True
    found = names["outliers"](data, flag, 7.0)  # type: ignore[operator]
    assert found.shape == data.shape
    assert found[7, 2, 1, 0] and found[8, 3, 0, 1] and found[:, 5].all()
    assert found[:, :5].sum() == 2


def test_the_contract_of_the_page(project: Path) -> None:
    """The test to copy passes for the page's package, and fails for another default."""
    contract = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_contract.py")
    passed = python(project, *contract)
    assert passed.returncode == 0, passed.stdout
    flagging = project / "our_observatory" / "flagging.py"
    text = flagging.read_text(encoding="utf-8")
    flagging.write_text(text.replace("Sigmas = 5.0", "Sigmas = 4.0"), encoding="utf-8")
    failed = python(project, *contract)
    assert failed.returncode == 1
    assert "1 failed" in failed.stdout
    assert "(default 4.0), not a number in sigma (default 5.0)" in failed.stdout
