"""Executors of a profile: named, of a kind, with settings that are checked when it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from radps_dag.executors import registry
from radps_dag.executors.capacity import Offer
from radps_dag.executors.registry import ExecutorChoice, choose
from radps_dag.executors.settings import Block, DaskSettings, ParslSettings, PoolSettings
from radps_dag.language.model import Resources
from radps_dag.loader import load
from radps_dag.opening import settle
from radps_dag.problem import InvalidPipeline, UsageError
from radps_dag.profile import Profile, load_profile
from radps_dag.workloads.contract.registry import find_library

BLOCK = "[[executors.hpc.blocks]]\nname = 'a'\ncpus = 4\n"


def profile(folder: Path, text: str) -> Profile:
    path = folder / "radps-dag.toml"
    path.write_text(text, encoding="utf-8")
    return load_profile(path)


def test_a_kind_by_another_name(tmp_path: Path) -> None:
    """A table is an executor of its kind, which is its name where it does not say one; the
    profile's default may be one of them."""
    found = profile(
        tmp_path,
        """
        executor = "few"
        [executors.few]
        kind = "threads"
        slots = 3
        [executors.processes]
        slots = 5
        [executors.cluster]
        kind = "dask"
        scheduler = "tcp://127.0.0.1:8786"
        wait = "1m30s"
        """,
    )
    assert found.executor == "few"
    assert found.executors["few"] == ExecutorChoice("few", "threads", PoolSettings(slots=3))
    assert found.executors["processes"].settings == PoolSettings(slots=5)
    cluster = DaskSettings(scheduler="tcp://127.0.0.1:8786", wait=90.0)
    assert found.executors["cluster"].settings == cluster
    assert choose("few", found.executors).kind == "threads"
    assert choose("threads", found.executors) == ExecutorChoice("threads", "threads")


def test_a_kind_of_ours_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be named in a profile as soon as it is registered, and takes no settings then."""
    monkeypatch.setitem(registry._OWN, "lanes", "radps_dag.executors.threads:Threads")
    text = '[executors.wide]\nkind = "lanes"\n'
    assert profile(tmp_path, text).executors["wide"] == ExecutorChoice("wide", "lanes")
    with pytest.raises(UsageError, match="executor 'lanes' has no settings; remove 'slots'"):
        profile(tmp_path, f"{text}slots = 3\n")


def test_blocks_of_jobs(tmp_path: Path) -> None:
    """Blocks are read with their units; a call fits where its share of a node is enough."""
    found = (
        profile(
            tmp_path,
            """
        [executors.hpc]
        kind = "parsl"
        provider = "slurm"
        setup = ["module load apptainer"]
        max_blocks = 3
        [[executors.hpc.blocks]]
        name = "small"
        cpus = 8
        memory = "64GB"
        walltime = "2h"
        drain = "1h30m"
        [[executors.hpc.blocks]]
        name = "gpu"
        nodes = 2
        cpus = 64
        calls = 2
        gpus = 4
        max_blocks = 1
        """,
        )
        .executors["hpc"]
        .settings
    )
    assert isinstance(found, ParslSettings)
    small, gpu = found.blocks
    assert (small.memory, small.walltime, small.drain) == (64 * 10**9, 7200.0, 5400.0)
    assert small.share() == Resources(1.0, 8 * 10**9, 0, 1800.0)
    assert gpu.share() == Resources(32.0, None, 2)
    assert small.fits(Resources()) and not small.fits(Resources(cpus=2))
    assert not small.fits(Resources(memory=9 * 10**9)) and gpu.fits(Resources(8, 10**12, 2))
    assert not gpu.fits(Resources(gpus=3))
    assert small.fits(Resources(walltime=1800)) and not small.fits(Resources(walltime=1801))
    assert gpu.fits(Resources(8, walltime=10**6))
    assert (found.slots, found.memory, found.gpus) == (3 * 8 + 1 * 2 * 64, None, 1 * 2 * 4)


def test_a_call_that_fits_no_block_is_refused(tmp_path: Path) -> None:
    """Before the run: with its line, what it asks for, and what each block gives a call; one that
    fits some block is not."""
    blocks = (Block(name="small", cpus=4, memory=8 * 10**9), Block(name="gpu", calls=1, gpus=2))
    settings = ParslSettings(blocks=blocks)
    file = tmp_path / "p.yaml"
    file.write_text(
        "version: 1\nname: p\nstages:\n"
        "  a: {run: flag, resources: {cpus: 2, memory: 3GB}}\n"
        "  b: {run: flag, resources: {gpus: 2}}\n",
        encoding="utf-8",
    )
    with pytest.raises(InvalidPipeline) as caught:
        offer = Offer("hpc", lacking=settings.lacking)
        settle(load(file), find_library("placeholder"), {}, refusals=offer.refusals)
    (problem,) = caught.value.problems
    assert problem.at.line == 4
    assert problem.message == (
        "'a' asks for 2 processors, 3 GB of memory; executor 'hpc' offers a call 1 processor, "
        "2 GB of memory (small); 1 processor, 2 GPUs (gpu); ask for less, or add a block that "
        "has it"
    )


def test_half_of_a_job_is_for_the_calls_that_it_has_taken() -> None:
    """Where a profile does not say when jobs take no more calls: so none that takes no longer than
    the other half ends with its job."""
    block = Block(name="small", cpus=2, walltime=120.0)
    assert (block.drained, block.share().walltime) == (60.0, 60.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("executors = 3", "executors must be tables"),
        ("[executors]\na = 1", "executors.a must be a table"),
        ("[executors.a]\nkind = 'dusk'", "executors.a.kind must be one of threads, processes"),
        ("[executors.a]\nkind = 'dusk'", "not 'dusk'; did you mean 'dask'?"),
        ("[executors.a]\nslots = 1", "executors.a.kind must be one of"),
        ("[executors.threads]\nkind = 'dask'", "'threads' is a kind of executor; take another"),
        (
            "[executors.processes]\nslot = 1",
            "key 'executors.processes.slot'; did you mean 'slots'?",
        ),
        ("[executors.processes]\nslots = 0", "executors.processes.slots must be a whole number of"),
        ("executor = 'clutser'\n[executors.cluster]\nkind = 'threads'", "mean 'cluster'?"),
        ("[executors.dask]", "executors.dask needs one of: scheduler ="),
        ("[executors.dask]\nworkers = 2\nscheduler = 'tcp://localhost:1'", "needs one of"),
        ("[executors.dask]\nworkers = 2\nwait = '5 min'", 'must be a duration such as "90s"'),
        ("[executors.dask]\nworkers = 2\nwait = '0s'", "must be a duration"),
        ("[executors.dask]\nworkers = 2\nencrypted = 1", "encrypted must be true or false"),
        ("[executors.dask]\nworkers = 2\nca_file = 'none.pem'", "none.pem is not a file"),
        ("[executors.dask]\nworkers = 2\nca_file = 'own.pem'", "cert_file is missing; TLS takes"),
        ("[executors.dask]\nscheduler = 'host:1'", "scheduler must be an address such as tls://"),
        ("[executors.dask]\nscheduler = 'tcp://host:x'", "scheduler: 'tcp://host:x': Port"),
        ("[executors.dask]\nscheduler = 'tcp://far:8786'", "leaves this machine in clear; write"),
        ("[executors.dask]\nscheduler = 'tls://far:8786'", "is tls://; give ca_file, cert_file"),
        ("[executors.dask]\ncluster = 'Local'", "cluster must be a dotted name"),
        ("[executors.dask]\nworkers = 2\narguments = {a = 1}", "arguments are of a cluster class"),
        ("[executors.hpc]\nkind = 'parsl'", "needs a block at least: [[executors.hpc.blocks]]"),
        ("[executors.parsl]\nblocks = 3", "executors.parsl.blocks must be tables"),
        (f"[executors.hpc]\nkind='parsl'\nprovider='slrum'\n{BLOCK}", "did you mean 'slurm'?"),
        (f"[executors.hpc]\nkind='parsl'\nprovider='cobalt'\n{BLOCK}", "known: local, slurm"),
        (f"[executors.hpc]\nkind='parsl'\n{BLOCK}{BLOCK}", "two are called 'a'; rename one"),
        (f"[executors.hpc]\nkind='parsl'\n{BLOCK}cpu = 1", "key 'executors.hpc.blocks[0].cpu'"),
        (f"[executors.hpc]\nkind='parsl'\n{BLOCK}memory = '1 GB'", "must be an amount such as"),
        (f"[executors.hpc]\nkind='parsl'\n{BLOCK}calls = 5", "calls is more than cpus"),
        (f"[executors.hpc]\nkind='parsl'\n{BLOCK}walltime = '9s'", "less than a minute"),
        (
            f"[executors.hpc]\nkind='parsl'\n{BLOCK}walltime = '1h'\ndrain = '1h'",
            "drain must be before walltime",
        ),
        (
            "[executors.hpc]\nkind='parsl'\n[[executors.hpc.blocks]]\ncpus = 1",
            "name must be a word",
        ),
        (f"[executors.hpc]\nkind='parsl'\nsetup = 'x'\n{BLOCK}", "setup must be a list of texts"),
        (f"[executors.hpc]\nkind='parsl'\nsetup = [1]\n{BLOCK}", "setup must be a text, not 1"),
    ],
)
def test_what_is_wrong_in_a_table(tmp_path: Path, text: str, told: str) -> None:
    """One line with the file, the key and what to write instead."""
    (tmp_path / "own.pem").touch()
    with pytest.raises(UsageError) as caught:
        profile(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "radps-dag.toml"))
    assert told in message and "\n" not in message


def test_a_kind_that_needs_settings() -> None:
    """Dask and Parsl do not know where to compute unless a profile says it."""
    for kind in ("dask", "parsl"):
        with pytest.raises(UsageError, match=rf'toml: \[executors.NAME\] with kind = "{kind}"'):
            choose(kind, {})


def test_a_block_alone_is_a_processor() -> None:
    """A block of which nothing is said has a node with one processor, for one call."""
    assert Block(name="a").share() == Resources(1.0, None, 0)
