"""A test that is skipped has failed, where all must run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from repository import SUPPORT

_FILES = {
    "conftest.py": """
import os
import pytest
from skips import pytest_make_collect_report, pytest_runtest_makereport

@pytest.fixture(scope="session", autouse=True)
def no_variables():
    os.environ.pop("RADPS_DAG_ALL_TESTS", None)
""",
    "test_some.py": """
import pytest

def test_good():
    pass

@pytest.mark.skipif(True, reason="no browser")
def test_by_mark():
    pass

def test_by_call():
    pytest.skip("no database")

def test_allowed():
    pytest.skip("no file system may be mounted here: forbidden")

@pytest.mark.xfail
def test_known():
    assert False
""",
    "test_file.py": 'import pytest\npytest.importorskip("nothing_of_this_name")\n',
}


def _outcomes(folder: Path, everything: str) -> str:
    for name, text in _FILES.items():
        (folder / name).write_text(text)
    variables = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    variables |= {"RADPS_DAG_ALL_TESTS": everything, "PYTHONPATH": str(SUPPORT)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    done = subprocess.run(
        [*command, "--continue-on-collection-errors"],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("everything", "says"),
    [
        ("", "1 passed, 4 skipped, 1 xfailed"),
        ("1", "1 failed, 1 passed, 1 skipped, 1 xfailed, 2 errors"),
    ],
)
def test_a_skip_fails_where_all_must_run(everything: str, says: str, tmp_path: Path) -> None:
    """Skips by mark, call and file fail; an allowed one and a known failure do not."""
    printed = _outcomes(tmp_path, everything)
    assert says in printed
    if everything:
        assert "every test must run here: no database" in printed
