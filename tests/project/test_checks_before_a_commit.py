"""What a contributor's git runs before a commit is what .ci/run runs."""

from __future__ import annotations

import re

import yaml
from repository import ROOT


def test_the_hooks_are_those_of_ci() -> None:
    """Each step of .ci/run with a tool of the environment is a hook, with the same arguments."""
    steps = re.findall(
        r'^ *step "([^"]+)" (\.venv/bin/.+)$', (ROOT / ".ci" / "run").read_text(), re.MULTILINE
    )
    assert len(steps) == 4
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (local,) = config["repos"]
    assert [(hook["name"], hook["entry"]) for hook in local["hooks"]] == steps


def test_the_hooks_fetch_nothing() -> None:
    """Every hook is of this repository and runs what is installed."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    assert {hook["language"] for repo in config["repos"] for hook in repo["hooks"]} == {"system"}
