"""The page about clusters: its profiles are read, and its first one computes."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs_support import blocks
from repository import ROOT

from radps_dag.executors.settings import SETTINGS, Block, DaskSettings, ParslSettings
from radps_dag.profile import Profile, load_profile

PAGE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")


@pytest.fixture
def profiles(tmp_path: Path) -> list[Profile]:
    """The page's profiles, with the keys beside them that they name."""
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).touch()
    found = []
    for number, text in enumerate(blocks(PAGE, "toml")):
        path = tmp_path / f"{number}.toml"
        path.write_text(text, encoding="utf-8")
        found.append(load_profile(path))
    return found


def test_the_profiles_of_the_page(profiles: list[Profile]) -> None:
    """Each table of the page is read, and means what the page says."""
    local, dask, parsl = profiles
    assert local.executor == "cluster"
    assert local.executors["cluster"].settings == DaskSettings(workers=4)
    shared = dask.executors["shared"].settings
    assert (shared.wait, shared.slots) == (120.0, 64)
    assert dask.executors["queue"].settings.arguments["memory"] == "64GB"
    hpc = parsl.executors["hpc"].settings
    assert isinstance(hpc, ParslSettings)
    small, gpu = hpc.blocks
    assert (small.drain, hpc.most(small), hpc.most(gpu)) == (3 * 3600.0, 36, 2)
    share = gpu.share()
    assert (share.cpus, share.memory, share.gpus) == (16, 125 * 10**9, 1)


def test_the_page_names_all_settings() -> None:
    """Each setting of each kind stands on the page."""
    for kind in {*SETTINGS.values(), Block}:
        for name in kind.__dataclass_fields__:
            assert name in PAGE, f"{kind.__name__}.{name}"
