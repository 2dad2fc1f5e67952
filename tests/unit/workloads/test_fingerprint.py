"""A workload's digest is that of its code, and of all that it calls in its own file or package."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from radps_dag.workloads.contract.fingerprint import _module, fingerprint
from radps_dag.workloads.contract.registry import find_library

FILES = {
    "__init__.py": "from pack.solve import solve\nfrom pack.other import other\n",
    "solve.py": """
from radps_dag.workloads import workload
from pack import tables
from pack.maths import rms as noise
import json

LIMIT = 3

@workload
def solve() -> dict:
    \"\"\"Solve.\"\"\"
    return {"value": helper(noise([1.0])), "text": json.dumps(tables.NAMES)}

def helper(value):
    return value * LIMIT

def unused():
    return 1
""",
    "maths.py": """
def rms(values):
    return mean(values) ** 0.5

def mean(values):
    return sum(values) / len(values)

def median(values):
    return sorted(values)[0]
""",
    "tables.py": "NAMES = ['a', 'b']\n",
    "other.py": """
from radps_dag.workloads import workload

@workload
def other() -> dict:
    \"\"\"Do something else.\"\"\"
    return {}
""",
}


Digests = Callable[..., tuple[str, str]]


@pytest.fixture
def digests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Digests]:
    """The digests of `solve` and `other` with a file's text changed."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "pack"
    folder.mkdir()

    def found(file: str = "", old: str = "", new: str = "") -> tuple[str, str]:
        for name, text in FILES.items():
            assert name != file or old in text
            (folder / name).write_text(text.replace(old, new) if name == file else text)
        for name in [one for one in sys.modules if one.partition(".")[0] == "pack"]:
            del sys.modules[name]
        _module.cache_clear()
        import pack

        return fingerprint(pack.solve.workload), fingerprint(pack.other.workload)

    yield found
    for name in [one for one in sys.modules if one.partition(".")[0] == "pack"]:
        del sys.modules[name]
    _module.cache_clear()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("solve.py", '{"value"', '{"result"'),
        ("solve.py", "value * LIMIT", "value / LIMIT"),
        ("solve.py", "LIMIT = 3", "LIMIT = 4"),
        ("solve.py", "rms as noise", "mean as noise"),
        ("maths.py", "** 0.5", "** 0.25"),
        ("maths.py", "sum(values) /", "2 * sum(values) /"),
        ("tables.py", "'b'", "'c'"),
    ],
)
def test_what_it_uses_counts(digests: Digests, file: str, old: str, new: str) -> None:
    """Whatever the function reaches in its package changes its digest, and no other one's."""
    solve, other = digests()
    changed, same = digests(file, old, new)
    assert changed != solve
    assert same == other


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("solve.py", "return 1", "return 2"),
        ("maths.py", "sorted(values)[0]", "sorted(values)[-1]"),
        ("other.py", "return {}", "return {'a': 1}"),
        ("solve.py", "import json\n", "import json\n\n# A comment.\n"),
    ],
)
def test_what_it_does_not_use_does_not(digests: Digests, file: str, old: str, new: str) -> None:
    """Other functions of the same file, and comments outside of it, change nothing."""
    assert digests()[0] == digests(file, old, new)[0]


def test_the_version_counts(digests: Digests) -> None:
    """A version says that something has changed that the code does not show."""
    before = digests()[1]
    after = digests("other.py", "@workload\n", "@workload(version='2')\n")[1]
    assert before != after


def test_each_placeholder_has_its_own() -> None:
    """Forty workloads, forty digests, and the same ones whenever they are asked for."""
    workloads = find_library("placeholder").workloads
    first = {name: fingerprint(workload) for name, workload in workloads.items()}
    assert len(set(first.values())) == len(workloads)
    _module.cache_clear()
    assert first == {name: fingerprint(workload) for name, workload in workloads.items()}


def test_nothing_is_imported() -> None:
    """What a workload imports when it runs is read as text: the driver of worker processes would
    hold matplotlib for nothing."""
    code = """
import sys
from radps_dag.workloads.contract.fingerprint import fingerprint
from radps_dag.workloads.contract.registry import find_library
workloads = find_library("sim").workloads.values()
before = set(sys.modules)
assert all(map(fingerprint, workloads))
print([name for name in set(sys.modules) - before if name.startswith(("matplotlib", "astropy"))])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_a_function_in_a_function() -> None:
    """Its own text counts, where it does not stand in a module by itself."""
    from radps_dag.workloads import workload

    def made(value: int) -> Callable[[], dict[str, int]]:
        if value == 1:

            @workload
            def one() -> dict[str, int]:
                """One."""
                return {"value": 1}

            return one

        @workload
        def one() -> dict[str, int]:
            """One."""
            return {"value": 2}

        return one

    assert fingerprint(made(1).workload) == fingerprint(made(1).workload)
    assert fingerprint(made(1).workload) != fingerprint(made(2).workload)
