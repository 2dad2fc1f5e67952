"""Skipped tests: where all must run, one that is skipped has failed.

A test of a real part (a browser, PostgreSQL, Graphviz, xradio) is skipped where that is missing,
so that a checkout can be tested anywhere. `.ci/run` installs the parts and sets
`RADPS_DAG_ALL_TESTS`: a skip would then hide a part that is no longer tested.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from typing import TypeVar

import pytest

__all__ = ["ALLOWED", "pytest_make_collect_report", "pytest_runtest_makereport"]

# Looked up at once: the tests take away the variables of the program.
_EVERYTHING = bool(os.environ.get("RADPS_DAG_ALL_TESTS"))

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# What may be skipped even so: a pattern of the reason that the test gives, and why.
ALLOWED = {
    r"there is no CASA": ".ci/run tries it in an environment of its own, where its wheels install",
    r"CASA is in this environment": "a test of one without it",
    r"no file system may be mounted here": "a container may be forbidden to mount",
    r"no container can be started here": "a machine may forbid what containers need",
    r"only root can become somebody else": "whoever runs the tests may be somebody else",
    r"only root can start Slurm's controller": "whoever runs the tests may be somebody else",
    r"the journal is not in the workspace": "a case of a workspace, in a test of all databases",
    r"a finished run leaves no write-ahead log": "a case of an unfinished run, in a test of both",
    r"this system does not say which file a descriptor is of": "only Linux says it",
}


def _checked(report: Report) -> Report:
    """The report, failed if the test was skipped and must not be."""
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return report
    if not _EVERYTHING or not isinstance(report.longrepr, tuple):
        return report
    reason = report.longrepr[2].removeprefix("Skipped: ")
    if not any(re.search(pattern, reason) for pattern in ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skipped, though every test must run here: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at the report of a test."""
    return _checked((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at the report of a file, which is skipped as a whole where `importorskip` says so."""
    return _checked((yield))
