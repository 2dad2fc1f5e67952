"""Names to workloads: libraries, a project's own files, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from radps_dag.problem import UsageError
from radps_dag.workloads.contract import registry
from radps_dag.workloads.contract.registry import find_library, libraries

OWN = """
from radps_dag.workloads import workload
from radps_dag.workloads.placeholder import autoflag

@workload
def measure(field: str) -> dict:
    return {"field": field}
"""


def write(folder: Path, text: str, name: str = "own.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_placeholder_is_a_library() -> None:
    """The placeholder library is there, installed or not."""
    assert "placeholder" in libraries()
    assert "autoflag" in find_library("placeholder").workloads


def test_unknown_library() -> None:
    """An unknown library is refused with the likely fix."""
    with pytest.raises(UsageError, match="no workload library 'placehodler'; did you mean 'pla"):
        find_library("placehodler")
    with pytest.raises(UsageError, match="no workload library 'casa'; there are placeholder, sim"):
        find_library("casa")


def test_names_are_only_looked_up() -> None:
    """`os.system` is an unknown workload: a name leads to no import."""
    with pytest.raises(UsageError, match=r"no workload 'os\.system' in library 'placeholder'"):
        find_library("placeholder").find("os.system")
    with pytest.raises(UsageError, match="no workload library 'os'"):
        find_library("os")


def test_own_file_is_merged(tmp_path: Path) -> None:
    """A project's own workloads stand beside the library's; what it only imports is not its own."""
    library = find_library("placeholder", [write(tmp_path, OWN)])
    assert {"measure", "autoflag"} <= set(library.workloads)
    assert library.modules == (tmp_path / "own.py",)
    assert "measure" not in find_library("placeholder").workloads


def test_own_file_is_imported_once(tmp_path: Path) -> None:
    """However often it is named, and by whatever path, a file is one module."""
    path = write(tmp_path, OWN)
    other = tmp_path / "below" / ".." / "own.py"
    (tmp_path / "below").mkdir()
    first = find_library("placeholder", [path]).find("measure")
    assert find_library("placeholder", [path, other]).find("measure") is first


def test_a_placeholder_gives_way(tmp_path: Path) -> None:
    """A function of a placeholder's name takes its place, and nothing else does."""
    path = write(tmp_path, OWN.replace("def measure", "def clean"))
    library = find_library("placeholder", [path])
    assert library.find("clean").function.__module__.startswith("_radps_dag_project_")
    assert not library.find("clean").placeholder
    assert library.find("autoflag").placeholder


def test_inputs_are_described_as_those_of_the_placeholder(tmp_path: Path) -> None:
    """What a function does not say of an input is what the placeholder of its name says."""
    path = write(
        tmp_path,
        "from radps_dag.workloads import workload\n"
        "@workload\n"
        "def sigma_clip(spectrum: str, threshold: float = 3.0, more: int = 1) -> dict:\n"
        "    '''Clip.\n\n    Args:\n        threshold: its own\n    '''\n"
        "    return {}\n",
    )
    inputs = find_library("placeholder", [path]).find("sigma_clip").inputs
    assert [item.description for item in inputs] == ["mean spectrum of one spw", "its own", ""]


def test_duplicate_name_names_both(tmp_path: Path) -> None:
    """Two functions of one name are an error that says where both are."""
    path = write(tmp_path, OWN.replace("def measure", "def clean"))
    with pytest.raises(UsageError) as raised:
        find_library("sim", [path])
    assert "two workloads are called 'clean'" in str(raised.value)
    assert "cleaning.py:" in str(raised.value)
    assert f"{path}:" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("from radps_dag.workloads import workload\n@workload\ndef f(*a): ...", "parameter 'a'"),
    ],
)
def test_file_that_cannot_be_imported(text: str, message: str, tmp_path: Path) -> None:
    """Whatever goes wrong in a module is a usage error that names it, again the next time."""
    path = write(tmp_path, text)
    for _ in range(2):
        with pytest.raises(UsageError) as raised:
            find_library("placeholder", [path])
        assert message in str(raised.value)
        assert str(path) in str(raised.value)


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file, and one that is not Python, are told apart."""
    with pytest.raises(UsageError, match="does not exist"):
        find_library("placeholder", [tmp_path / "missing.py"])
    with pytest.raises(UsageError, match=r"must end in \.py"):
        find_library("placeholder", [write(tmp_path, OWN, "own.txt")])


def test_broken_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library whose module cannot be imported is a usage error that names it."""
    monkeypatch.setitem(registry._OWN, "broken", "radps_dag.nowhere")
    with pytest.raises(UsageError, match=r"library 'broken' \(radps_dag\.nowhere\)"):
        find_library("broken")


def test_import_is_light() -> None:
    """Workers look workloads up without importing Prefect, YAML or the command line."""
    code = (
        "import sys; from radps_dag.workloads.contract.registry import find_library; "
        "find_library('placeholder'); "
        "print(sorted({'prefect', 'yaml', 'jsonschema', 'networkx', 'rich', 'numpy', 'click'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
