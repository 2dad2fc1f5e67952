"""The sample profiles: each is read, and computes where its parts are on this machine."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from cluster_support import dask_programs
from distributed import Security
from repository import ROOT

from radps_dag.executors.pilot_provider import provider_of
from radps_dag.executors.registry import ExecutorChoice, choose
from radps_dag.executors.settings import SETTINGS, DaskSettings, ParslSettings
from radps_dag.executors.trial import try_executor
from radps_dag.profile import Profile, load_profile
from radps_dag.workloads.contract.registry import find_library

SAMPLES = sorted((ROOT / "docs" / "profiles").glob("*.toml"))
PAGE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
KEYS = {
    "ca.pem": "tls_ca_file",
    "cert.pem": "tls_scheduler_cert",
    "key.pem": "tls_scheduler_key",
}


def sample(folder: Path, name: str, **changed: str) -> Profile:
    """A sample, copied into a folder with the keys that it names."""
    keys: Any = Security.temporary()
    for file, attribute in KEYS.items():
        (folder / file).write_text(getattr(keys, attribute), encoding="utf-8")
    text = (ROOT / "docs" / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "radps-dag.toml"
    path.write_text(text, encoding="utf-8")
    return load_profile(path)


def choice_of(profile: Profile) -> ExecutorChoice:
    assert profile.executor
    return choose(profile.executor, profile.executors)


def try_here(profile: Profile, folder: Path) -> int:
    """One call, and how many at once there are."""
    library = find_library("placeholder")
    return try_executor(choice_of(profile), library, None, folder.as_uri(), 120.0).slots


def test_each_kind_has_a_sample(tmp_path: Path) -> None:
    """Each is read, names an executor that it sets up, and is linked from the page."""
    kinds = set()
    for path in SAMPLES:
        profile = sample(tmp_path, path.stem)
        assert profile.executor in profile.executors
        kinds.add(choice_of(profile).kind)
        assert f"(profiles/{path.name})" in PAGE
    assert kinds == {*SETTINGS}


@pytest.mark.parametrize(("name", "slots"), [("threads", 8), ("processes", 8), ("dask-local", 2)])
def test_samples_of_this_machine(tmp_path: Path, name: str, slots: int) -> None:
    """They compute as they are."""
    assert try_here(sample(tmp_path, name), tmp_path) == slots


def test_the_sample_with_tls(tmp_path: Path) -> None:
    """It computes with a scheduler that has the keys which it names."""
    sample(tmp_path, "dask-tls")
    options = [
        word
        for option, file in zip(("--tls-ca-file", "--tls-cert", "--tls-key"), KEYS, strict=True)
        for word in (option, str(tmp_path / file))
    ]
    with dask_programs(tmp_path, *options, "--protocol", "tls") as programs:
        programs.worker()
        text = (tmp_path / "radps-dag.toml").read_text(encoding="utf-8")
        text = text.replace("tls://scheduler.example:8786", programs.address)
        (tmp_path / "radps-dag.toml").write_text(text, encoding="utf-8")
        assert try_here(load_profile(tmp_path / "radps-dag.toml"), tmp_path) == 1


def test_the_sample_with_a_cluster_class(tmp_path: Path) -> None:
    """The class takes its arguments, and makes jobs of them."""
    jobqueue = pytest.importorskip("dask_jobqueue")
    settings = choice_of(sample(tmp_path, "dask-jobqueue")).settings
    assert isinstance(settings, DaskSettings) and settings.cluster == "dask_jobqueue.PBSCluster"
    with jobqueue.PBSCluster(**settings.arguments, scheduler_options={"host": "127.0.0.1"}) as made:
        script = made.job_script()
    assert "#PBS -q batch" in script and "walltime=04:00:00" in script and "mem=60GB" in script


@pytest.mark.parametrize("name", ["parsl-slurm", "parsl-pbs"])
def test_samples_of_queues(tmp_path: Path, name: str) -> None:
    """Parsl's providers take what they say; no job asks for less than its block promises calls."""
    settings = choice_of(sample(tmp_path, name)).settings
    assert isinstance(settings, ParslSettings)
    for block in settings.blocks:
        provider = provider_of(settings, block)
        assert provider.walltime == f"{int(block.walltime or 0) // 3600:02}:00:00"
        assert block.memory
        told = getattr(provider, "mem_per_node", None) or provider.select_options
        assert told in (block.memory // 10**9, f"mem={block.memory // 10**9}gb")


def test_the_sample_of_kubernetes(tmp_path: Path) -> None:
    """Its arguments are those of Parsl's provider, which needs Kubernetes itself to be made."""
    from parsl.providers import KubernetesProvider

    settings = choice_of(sample(tmp_path, "parsl-kubernetes")).settings
    assert isinstance(settings, ParslSettings)
    (block,) = settings.blocks
    takes = inspect.signature(KubernetesProvider).parameters
    assert {*(settings.arguments or {}), *(block.arguments or {})} <= {*takes}
