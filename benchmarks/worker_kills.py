"""Random kills of what computes calls: processes, workers, pilots, jobs, nodes.

    python -m benchmarks.worker_kills                       # 20 kills at each of four sites
    python -m benchmarks.worker_kills --kills 50 --site slurm --site dask
    python -m benchmarks.worker_kills --profile FILE --executor hpc

The sites are Dask's workers of this machine (`here`), a Dask cluster whose workers have nannies and
are started anew when those were killed (`dask`), Parsl's pilots of this machine (`pilots`), and a
Slurm of this machine alone, which ends jobs over their memory (`slurm`; root starts it). Each run
must end; its outputs must be those of a quiet run; a call that changes data in place must have
begun once at most, and ended if the run says so; and of each attempt that was lost the journal must
have a cause that is known here. Causes are printed with how often they were found.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from radps_dag.facts import NodeFailed, Retrying
from radps_dag.journal.opening import open_store
from radps_dag.journal.workspace import Workspace

HERE = Path(__file__).parent
PIPELINE = """
version: 1
name: kills
stages:
  work:
    for_each: {{i: "${{{{ range(40) }}}}"}}
    run: toil
    with: {{item: "${{{{ each.i }}}}", seconds: 0.3, hungry: {folder}/hungry}}
    retries: {{max: 50, on: [WorkerDied]}}
  change:
    for_each: {{i: "${{{{ range(20) }}}}"}}
    min_success: 0
    run: append
    with: {{file: "{folder}/data${{{{ each.i }}}}", seconds: 0.3}}
outputs: {{items: "${{{{ stages.work.item }}}}", changed: "${{{{ stages.change.keys }}}}"}}
"""
PROFILE = """
[executors.here]
kind = "dask"
workers = 2
wait = "3m"
[executors.dask]
kind = "dask"
scheduler = "{scheduler}"
wait = "3m"
slots = 2
[executors.pilots]
kind = "parsl"
max_blocks = 2
[[executors.pilots.blocks]]
name = "small"
[executors.slurm]
kind = "parsl"
provider = "slurm"
max_blocks = 2
[[executors.slurm.blocks]]
name = "short"
partition = "short"
memory = "1GB"
"""
LIMIT = 900.0  # seconds in which a run must end
OF_A_RUN = 12  # kills, at most: then it is let end
# What may stand in the journal, with what differs from case to case left out.
CAUSES = (
    r"the worker process was killed by SIG(KILL|TERM) on \S+",
    r"the worker process was killed by SIGKILL \(.* memory ran out\) on \S+",
    r"the worker was started anew on \S+",
    r"the call was given up on \S+",
    r"the Dask worker \S+ on \S+ is gone: it .*",
    r"the Dask worker \S+ on \S+ is out of reach: the scheduler .*",
    r"its worker is gone: block \w+ on \S+, whose process has ended or was killed",
    r"its job has ended: block \w+ on \S+, whose pilot was not heard of for \d+ s",
    r"its job has ended: block \w+ on \S+, job \d+ (was|has|lost|used|runs) .*",
)

Victim = tuple[str, Callable[[], object]]


class Site:
    """A place of calls: what can be killed of it, and what its owner would start anew."""

    def victims(self, run: int, folder: str) -> Iterator[Victim]:
        """What there is to be killed: its kind and the kill."""
        yield from _processes(run, folder)

    def tend(self) -> None:
        """Start anew what a site's owner would."""


class DaskSite(Site):
    """A scheduler and two workers with nannies."""

    def __init__(self, programs: Any) -> None:
        self._programs = programs
        self._nannies: list[subprocess.Popen[bytes]] = []
        self.tend()

    def victims(self, run: int, folder: str) -> Iterator[Victim]:
        for nanny in self._nannies:
            if nanny.poll() is None:
                yield "Dask nanny", nanny.kill
                with suppress(psutil.Error):
                    for process in psutil.Process(nanny.pid).children(recursive=True):
                        words = " ".join(process.cmdline())
                        if "radps_dag.executors.worker" in words:
                            yield "call process", process.kill
                        elif words.startswith("dask worker ["):
                            yield "Dask worker", process.kill

    def tend(self) -> None:
        self._nannies = [nanny for nanny in self._nannies if nanny.poll() is None]
        while len(self._nannies) < 2:
            self._nannies.append(self._programs.worker("--nanny"))


class SlurmSite(Site):
    """A Slurm of this machine."""

    def __init__(self, slurm: Any, hungry: Path) -> None:
        self._slurm = slurm
        self._hungry = hungry

    def victims(self, run: int, folder: str) -> Iterator[Victim]:
        yield from super().victims(run, folder)
        if any(name.startswith("parsl") for name in self._slurm.jobs("RUNNING")):
            yield from (("scancel", self._slurm.cancel), ("node down", self._down))
            if not self._hungry.exists():
                yield "over its memory", self._hungry.touch

    def _down(self) -> None:
        self._slurm.down()
        time.sleep(2)
        self._slurm.resume()


def main() -> None:
    """Kill until there were so many kills; print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="at each site")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--site", action="append", choices=("here", "dask", "pilots", "slurm"))
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--executor", action="append", help="of the profile, instead of a site")
    given = parser.parse_args()
    if given.executor and not given.profile:
        parser.error("--executor takes the --profile that has it")
    names = given.executor or given.site or ("here", "dask", "pilots", "slurm")
    for name in names:
        with ExitStack() as stack:
            folder = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(prefix="kills-", ignore_cleanup_errors=True)
                )
            )
            profile = given.profile or folder / "radps-dag.toml"
            site = stack.enter_context(_site("" if given.executor else name, folder, profile))
            _struck(Kills(folder, profile, name, site, given.seed), given.kills)


def _struck(kills: Kills, most: int) -> None:
    """Kill so often, and print what was seen."""
    began = time.monotonic()
    kills.quiet()
    while kills.killed.total() < most:
        kills.once(most)
        print(f"  {kills.name}: {kills.killed.total()} kills, {kills.runs} runs", flush=True)
    found = kills.killed
    kinds = ", ".join(f"{found[kind]} {kind}" for kind in sorted(found))
    print(
        f"{kills.name}: {found.total()} kills ({kinds}) in {kills.runs} runs, "
        f"{time.monotonic() - began:.0f} s; outputs equal; {kills.unfinished} changes in place "
        f"interrupted, none made twice; {kills.causes.total()} attempts lost:"
    )
    for cause, times in kills.causes.most_common():
        print(f"  {times:4}  {cause}", flush=True)


class Kills:
    """Runs at a site that are struck, and what they left."""

    def __init__(self, folder: Path, profile: Path, name: str, site: Site, seed: int) -> None:
        self.name = name
        self.killed: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self.runs = 0
        self.unfinished = 0
        self._folder = folder
        self._profile = profile
        self._site = site
        self._seed = seed
        self._chance = random.Random(seed)  # reproducible, not secret
        self._items: list[Any] = []

    def quiet(self) -> None:
        """A run that nobody disturbs."""
        self._items = self._ended(self._begun("threads", "quiet"))["items"]

    def once(self, most: int) -> None:
        """A run that is struck, and looked at when it has ended."""
        self.runs += 1
        name = f"run{self.runs}"
        run = self._begun(self.name, name)
        try:
            self._strike(run, name, most)
            outputs = self._ended(run)
        finally:
            if run.poll() is None:
                run.send_signal(signal.SIGINT)
                run.wait(60)
        if outputs["items"] != self._items:
            self._wrong(f"outputs differ: {outputs['items']}")
        self._look_at_changes({*map(str, outputs["changed"])})
        self._look_at_causes(name)

    def _begun(self, executor: str, name: str) -> subprocess.Popen[str]:
        (self._folder / "hungry").unlink(missing_ok=True)
        for number in range(20):
            (self._folder / f"data{number}").write_text("", encoding="utf-8")
        pipeline = self._folder / "p.yaml"
        pipeline.write_text(PIPELINE.format(folder=self._folder), encoding="utf-8")
        command = [sys.executable, "-m", "radps_dag", "run", str(pipeline), "--no-prefect"]
        command += ["--json", "--executor", executor, "--profile", str(self._profile)]
        command += ["--workloads", str(HERE / "workloads.py")]
        command += ["--workspace", str(self._folder / name)]
        with (self._folder / f"{name}.jsonl").open("w", encoding="utf-8") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)

    def _ended(self, run: subprocess.Popen[str]) -> Any:
        """The outputs of a run that has succeeded."""
        until = time.monotonic() + LIMIT
        while run.poll() is None and time.monotonic() < until:
            self._site.tend()
            time.sleep(0.5)
        lines = self._log(run).read_text(encoding="utf-8").splitlines()
        if run.returncode is None:
            self._wrong(f"not ended after {LIMIT:g} s: {lines[-3:]}")
        if run.returncode:
            self._wrong(f"a run failed: {lines[-3:]}")
        return json.loads(next(line for line in reversed(lines) if '"outputs"' in line))["outputs"]

    def _log(self, run: subprocess.Popen[str]) -> Path:
        """The file beside the workspace, which is the last word of the command."""
        assert isinstance(run.args, list)
        return Path(f"{run.args[-1]}.jsonl")

    def _strike(self, run: subprocess.Popen[str], name: str, most: int) -> None:
        """Kill at random, once the first call is done."""
        log = self._folder / f"{name}.jsonl"
        while run.poll() is None and '"node_succeeded"' not in log.read_text(encoding="utf-8"):
            time.sleep(0.2)
        last = min(most, self.killed.total() + OF_A_RUN)
        while run.poll() is None and self.killed.total() < last:
            time.sleep(self._chance.uniform(0.3, 2.0))
            self._site.tend()
            victims = list(self._site.victims(run.pid, str(self._folder)))
            if victims:
                # Each kind as often, however many there are of it.
                kind = self._chance.choice(sorted({kind for kind, _ in victims}))
                kill = self._chance.choice([kill for other, kill in victims if other == kind])
                with suppress(psutil.NoSuchProcess):
                    kill()
                    self.killed[kind] += 1

    def _look_at_changes(self, changed: set[str]) -> None:
        for number in range(20):
            lines = (self._folder / f"data{number}").read_text(encoding="utf-8").split()
            whole = lines == ["begun", "ended"]
            if lines.count("begun") > 1 or (str(number) in changed and not whole):
                self._wrong(
                    f"data{number} has {lines}, the run says it is {str(number) in changed}"
                )
            self.unfinished += str(number) not in changed

    def _look_at_causes(self, name: str) -> None:
        """What the journal says of attempts that were lost."""
        store = open_store(Workspace(self._folder / name), reading=True)
        try:
            facts = list(store.facts(store.heads()[0].run))
        finally:
            store.close()
        for fact in facts:
            if isinstance(fact, Retrying | NodeFailed) and "[" in fact.place:
                if not any(re.fullmatch(cause, fact.message) for cause in CAUSES):
                    self._wrong(f"{fact.place}: {fact.error}: {fact.message}")
                told = re.sub(r"tcp://\S+|tls://\S+", "ADDRESS", fact.message)
                self.causes[re.sub(r"\d+", "N", told)] += 1

    def _wrong(self, what: str) -> None:
        sys.exit(f"{self.name}, run {self.runs}, seed {self._seed}: {what}")


@contextmanager
def _site(name: str, folder: Path, profile: Path) -> Iterator[Site]:
    """A site that runs, and the profile that names it."""
    sys.path.insert(0, str(HERE.parent / "tests" / "support"))
    scheduler = "tcp://127.0.0.1:1"
    with ExitStack() as stack:
        site = Site()
        if name == "dask":
            from cluster_support import dask_programs

            programs = stack.enter_context(dask_programs(folder))
            scheduler, site = programs.address, DaskSite(programs)
            programs.ready(2)
        elif name == "slurm":
            import slurm_server

            (folder / "slurm").mkdir()
            slurm = stack.enter_context(slurm_server.serving(folder / "slurm"))
            site = SlurmSite(slurm, folder / "hungry")
        if name:
            profile.write_text(PROFILE.format(scheduler=scheduler), encoding="utf-8")
        yield site


def _processes(driver: int, folder: str) -> Iterator[Victim]:
    """Processes that compute calls of a run: of calls, of workers, of pilots."""
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            ours = folder in words or driver in [each.pid for each in process.parents()]
        except psutil.Error:
            continue
        if "radps_dag.executors.worker" in words and (ours or _of_pilot(process, folder)):
            yield "call process", process.kill
        elif ours and ("multiprocessing.spawn" in words or words.startswith("dask worker")):
            yield "Dask worker", process.kill
        elif ours and "radps_dag.executors.pool" in words:
            yield "pilot", process.kill


def _of_pilot(process: psutil.Process, folder: str) -> bool:
    try:
        return any(folder in " ".join(each.cmdline()) for each in process.parents())
    except psutil.Error:
        return False


if __name__ == "__main__":
    main()
