"""What is built holds all that an installation needs, and nothing of the workshop."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from repository import ROOT

from radps_dag import __version__

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def built(kind: str, directory: Path) -> Path:
    """The package, built by the builder that is installed already."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(directory)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (package,) = directory.iterdir()
    return package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(built("wheel", tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in the archive of sources, below its own folder."""
    with tarfile.open(built("sdist", tmp_path_factory.mktemp("sdist"))) as archive:
        return {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}


def below(folder: str) -> set[str]:
    """The files of a folder of the checkout, without what Python leaves there."""
    paths = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in paths if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_whole_package(wheel: zipfile.ZipFile) -> None:
    """Every file of the package is in it: schemas, starter, fonts, SQL and `py.typed` too."""
    names = set(wheel.namelist())
    assert below("radps_dag") <= names
    for needed in (
        "py.typed",
        "language/schemas/pipeline.schema.json",
        "language/schemas/tool.schema.json",
        "cli/starter/pipeline.yaml",
    ):
        assert f"radps_dag/{needed}" in names


def test_the_wheel_holds_the_example_pipelines(wheel: zipfile.ZipFile) -> None:
    """The pipelines of the checkout travel inside the package."""
    assert {f"radps_dag/{name}" for name in below("pipelines")} <= set(wheel.namelist())


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    """No tests, no caches, and one top-level name."""
    tops = {name.split("/", 1)[0] for name in wheel.namelist()}
    assert tops == {"radps_dag", f"radps_dag-{__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if "_cache" in name or name.endswith(".pyc")]


def test_the_wheel_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    """Version, minimal Python, licences and the command."""
    info = f"radps_dag-{__version__}.dist-info"
    about = email.message_from_bytes(wheel.read(f"{info}/METADATA"))
    assert about["Version"] == __version__
    assert about["Requires-Python"] == ">=3.11"
    assert about["License-Expression"] == "BSD-3-Clause AND OFL-1.1"
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    assert b"radps-dag = radps_dag.cli:main" in wheel.read(f"{info}/entry_points.txt")


def test_what_is_known_to_break_is_bounded(wheel: zipfile.ZipFile) -> None:
    """Prefect's next minor release and the FastAPI that breaks its server are kept out."""
    info = f"radps_dag-{__version__}.dist-info"
    about = email.message_from_bytes(wheel.read(f"{info}/METADATA"))
    needed = {
        re.split(r"[<>=]", line, maxsplit=1)[0]: line for line in about.get_all("Requires-Dist", [])
    }
    assert "<3.10" in needed["prefect"]
    assert "<0.155" in needed["fastapi"]


@pytest.mark.slow
def test_the_sources_can_be_tested(sdist: set[str]) -> None:
    """The archive of sources has what the tests and the wheel are made from, links resolved."""
    assert below("radps_dag") <= sdist
    assert below("pipelines") <= sdist
    assert {"uv.lock", "LICENSE", "README.md", "tests/project/test_packaging.py"} <= sdist
    assert "schemas/pipeline.schema.json" in sdist


def test_the_schemas_have_one_home() -> None:
    """`schemas` beside the pipelines is the package's own folder."""
    assert (ROOT / "schemas").resolve() == ROOT / "radps_dag" / "language" / "schemas"


def test_the_lock_names_no_private_registry() -> None:
    """Everything locked comes from the public index."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    registries = {package["source"].get("registry") for package in lock["package"]}
    assert registries == {None, "https://pypi.org/simple"}


def test_the_versions_agree() -> None:
    """The package and the project say the same version."""
    assert PROJECT["project"]["version"] == __version__
