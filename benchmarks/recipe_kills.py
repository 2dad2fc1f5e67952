"""The real recipe, killed at random and resumed: are the images those of an undisturbed run?

    python -m benchmarks.recipe_kills              # 100 kills
    python -m benchmarks.recipe_kills 20 --seed 7

`wsclean_selfcal.yaml` with WSClean and AOFlagger, on a small MeasurementSet that is simulated. Of
two kills one takes the driver alone, whose programs must go with it, the other all its processes at
once. A run is killed up to eight times, then left to end. Pixels of all images must be equal, bit
by bit, no program may be left, and no snapshot.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from astropy.io import fits

from benchmarks.sim import PIPELINES
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.observe import simulate
from radps_dag.workloads.sim.stores.measurement_set_v2 import write_measurement_set

RECIPE = PIPELINES / "programs" / "wsclean_selfcal.yaml"
PARAMS = {
    "pixels": 64,
    "niter": 300,
    "rounds": "[{interval: 60, mode: phase}, {interval: 20, mode: phase}]",
}
KILLS_OF_A_RUN = 8
PATIENCE = 5.0  # s, in which the programs of a driver that was killed must be gone


class Wrong(Exception):
    """A run that did not end as it should; the text says how."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kills", type=int, nargs="?", default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="radps-dag-kills-") as folder:
        ms = data(Path(folder) / "my.ms")
        whole = Trial(Path(folder) / "undisturbed", ms)
        started = time.monotonic()
        whole.drive()
        seconds = time.monotonic() - started
        expected = whole.images()
        print(f"undisturbed: {len(expected)} images in {seconds:.0f} s", flush=True)
        struck: Counter[str] = Counter()
        runs = 0
        while struck.total() < given.kills:
            runs += 1
            trial = Trial(Path(folder) / str(runs), ms)
            for _ in range(chance.randint(1, KILLS_OF_A_RUN)):
                place = trial.kill(
                    chance.uniform(0.3, seconds / 2), everybody=chance.random() < 0.5
                )
                if place is None:  # it had ended before
                    break
                struck[place] += 1
            trial.drive()
            trial.compare(expected)
            print(f"run {runs}: equal images; {struck.total()} kills so far", flush=True)
    print(f"\n{struck.total()} kills of {runs} runs, all images equal. They struck in")
    for place, count in struck.most_common():
        print(f"{count:5}  {place}")


def data(path: Path) -> Path:
    """A MeasurementSet of a target in two spws, 8 antennas, 4 channels."""
    about = Observation(
        project="simulated", calibrators=("J1924-2914", "J1832-2039"), targets=("G09.62",),
        spws=(0, 1), scans=(1, 2), polarizations=("XX", "YY"), channels=4, antennas=8, seed=1,
        noise=1.0, phase_rms=40.0, amplitude_rms=0.05, bandpass_rms=0.1, interference=0.01,
        position_error=3e-4, wvr_error=0.2, dead_receptors=(),
    )  # fmt: skip
    return write_measurement_set(
        path, [simulate(about, "G09.62", spw, "corrected").vis for spw in (0, 1)]
    )


class Trial:
    """A run in a folder of its own."""

    def __init__(self, folder: Path, ms: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.log = folder / "facts"
        given = [word for item in PARAMS.items() for word in ("-p", "=".join(map(str, item)))]
        self.first = ["run", str(RECIPE), "--no-prefect", "-p", f"ms={ms}", *given]

    def kill(self, after: float, *, everybody: bool) -> str | None:
        """Begin or go on, and kill after some seconds: where it was, None if it had ended."""
        process = self._begin()
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            victims = [*(descendants(process.pid) if everybody else ()), process.pid]
            for victim in victims:
                os.kill(victim, signal.SIGSTOP)
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            process.wait()
            self._nobody_is_left()
            return next(reversed(list(self._running())), "before or between nodes")
        self._refuse_failed(process)
        return None

    def drive(self) -> None:
        """Go on to the end."""
        process = self._begin()
        process.wait()
        self._refuse_failed(process)

    def images(self) -> dict[str, Any]:
        """Pixels of the images that the run gives back, by name of the output."""
        outputs = next(fact["outputs"] for fact in self._facts() if fact["fact"] == "run_ended")
        found = {"image": outputs["image"]}
        found |= {f"spw {number}": image for number, image in enumerate(outputs["images"])}
        return {
            name: fits.getdata(unquote(urlsplit(image["uri"]).path))
            for name, image in found.items()
        }

    def compare(self, expected: Mapping[str, Any]) -> None:
        """Raise Wrong unless all is as in an undisturbed run."""
        for name, pixels in self.images().items():
            if not np.array_equal(pixels, expected[name]):
                off = float(np.abs(pixels - expected[name]).max())
                raise Wrong(f"{self.folder}: {name} differs by up to {off:.3g} Jy/beam")
        if left := list(self.folder.rglob(".*.snapshot-*")):
            raise Wrong(f"{self.folder}: {left[0]} is left")

    def _begin(self) -> subprocess.Popen[bytes]:
        begun = (self.folder / ".radps" / "journal.db").exists() and self.log.stat().st_size > 0
        words = ["resume"] if begun else self.first
        command = [sys.executable, "-m", "radps_dag", *words, "--json"]
        with self.log.open("ab") as log, (self.folder / "errors").open("wb") as errors:
            return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=errors)

    def _refuse_failed(self, process: subprocess.Popen[bytes]) -> None:
        if process.returncode != 0:
            said = (self.folder / "errors").read_text().strip()
            ended = [fact for fact in self._facts() if fact["fact"] == "run_ended"]
            why = ended[-1]["message"] if ended else ""
            raise Wrong(f"{self.folder}: exit code {process.returncode}: {said or why}")

    def _facts(self) -> Iterator[dict[str, Any]]:
        for line in self.log.read_bytes().splitlines():
            if line.endswith(b"}"):  # the last may be cut
                try:
                    yield json.loads(line)
                except ValueError:
                    continue

    def _running(self) -> list[str]:
        """Places that have begun and not ended, as far as was printed; iterations are not told
        apart."""
        running: dict[str, None] = {}
        for fact in self._facts():
            if fact["fact"] == "run_started":
                running = {}
            elif fact["fact"] == "node_started":
                running[fact["place"]] = None
            elif fact["fact"].startswith("node_"):
                running.pop(fact["place"], None)
        return list(running)

    def _nobody_is_left(self) -> None:
        """Raise Wrong where a process that works in the folder outlives its driver."""
        end = time.monotonic() + PATIENCE
        while left := list(inside(self.folder)):
            if time.monotonic() > end:
                raise Wrong(f"{self.folder}: {left} still run {PATIENCE:.0f} s after their driver")
            time.sleep(0.1)


def descendants(process: int) -> list[int]:
    """All processes that a process has started, and they in turn."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        parents.setdefault(parent, []).append(int(folder.name))
    found, new = [], [process]
    while new:
        new = [child for each in new for child in parents.get(each, ())]
        found += new
    return found


def inside(folder: Path) -> Iterator[str]:
    """Processes whose directory lies in a folder, by number and name."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = (process / "cwd").readlink()
            name = (process / "comm").read_text().strip()
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and where.is_relative_to(folder):
            yield f"{process.name} ({name})"


if __name__ == "__main__":
    main()
