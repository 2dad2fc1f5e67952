"""What `radps-dag validate` costs: start-up against the libraries alone, growth, hostile files.

    python benchmarks/validate.py [--pipeline FILE] [--repeat N]

Prints ratios, which hold on any machine, and seconds of process time (user and system), which do
not. Exits 1 if a ratio is past its limit.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

MODULES = ("yaml", "jsonschema", "jinja2")
WORKLOADS = '''
from typing import TypedDict
from radps_dag.workloads.contract.workload import Product, workload

class Solved(TypedDict):
    ms: Product
    snr: float
    flagged_fraction: float

@workload
def solve(niter: int, field: str, ms: Product | None = None) -> Solved:
    """Solve."""
    raise NotImplementedError
'''
NODE = """  n{number}:
    description: node number {number}
    run: solve
    with: {{{input}niter: "${{{{ params.niter }}}}", field: 3C286}}
    retries: {{max: 3, delay: 10s, on: [ConnectionError]}}
    timeout: 30m
    qa:
      metrics:
        snr: {{score: "${{{{ [outputs.snr / {scale}, 1] | min }}}}"}}
        flagged: {{score: "${{{{ 1 - outputs.flagged_fraction }}}}"}}
      warn_below: 0.9
      alert_below: 0.67
"""


def pipeline(nodes: int) -> str:
    """A chain of nodes of 12 lines, each with data from the one before and an own expression."""
    head = "version: 1\nname: chain\nparams: {niter: {type: integer, default: 3}}\nstages:\n"
    chain = (f'ms: "${{{{ stages.n{number - 1}.ms }}}}", ' for number in range(1, nodes))
    inputs = ["", *chain]
    return head + "".join(
        NODE.format(number=number, input=given, scale=10 + number)
        for number, given in enumerate(inputs)
    )


# What reading costs anybody: the events of PyYAML's C parser, with the line of each.
READER = """
import sys, yaml
parser = yaml.CSafeLoader(open(sys.argv[1], encoding="utf-8").read())
lines = []
while parser.check_event():
    lines.append(parser.get_event().start_mark.line)
"""


def hostile() -> dict[str, Iterable[bytes]]:
    """Files that cost the most for what they are, in pieces: a child's peak memory counts that of
    its parent when it starts."""
    bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for one, next_one in zip("abcdefgh", "bcdefghi", strict=True):
        bomb.append(f"{next_one}: &{next_one} [{', '.join([f'*{one}'] * 9)}]")
    return {
        "100 MB": itertools.repeat(b"#" * 10_000, 10_000),
        "alias bomb": ["\n".join(bomb).encode()],
        "30,000 brackets": [b"[" * 30_000],
        "5 million items": itertools.chain([b"["], itertools.repeat(b"a," * 10_000, 490)),
        "a line of 9 MB": itertools.repeat(b"x" * 10_000, 900),
        "a million duplicates": itertools.repeat(b"a: 1\n" * 10_000, 100),
        "100,000 unknown keys": (b"x%d: 1\n" % number for number in range(100_000)),
        "9 MB that is not UTF-8": itertools.chain(itertools.repeat(b"x" * 10_000, 900), [b"\xff"]),
    }


def cost(command: Sequence[str], expected: int = 0) -> tuple[float, float]:
    """Process time in seconds and peak memory in MB of one command."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected or "Traceback" in said:
        raise SystemExit(f"{' '.join(command)}\nexit code {process.returncode}\n{said}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def median(command: Sequence[str], repeat: int) -> float:
    return statistics.median(cost(command)[0] for _ in range(repeat))


class Limits:
    """Prints measurements with their limits, and remembers what was past one."""

    def __init__(self) -> None:
        self.broken = False

    def show(self, what: str, value: float, limit: float, unit: str) -> None:
        past = value > limit
        self.broken |= past
        print(f"{what:44} {value:8.2f} {unit:7} (limit {limit:g}){'  PAST' if past else ''}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline", type=Path, help="the file to validate; default: 60 nodes")
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    limits = Limits()
    python = [sys.executable]
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        print("note: PYTHONDONTWRITEBYTECODE is set; our own modules are compiled at each start")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "workloads.py").write_text(WORKLOADS, encoding="utf-8")
        validate = [*python, "-m", "radps_dag", "validate"]
        own = [*validate, f"--workloads={folder / 'workloads.py'}"]
        files = {}
        for nodes in (60, 1_000, 10_000):
            files[nodes] = folder / f"{nodes}.yaml"
            files[nodes].write_text(pipeline(nodes), encoding="utf-8")

        imports = median([*python, "-c", f"import {', '.join(MODULES)}"], options.repeat)
        print(f"{'importing ' + ', '.join(MODULES):44} {imports:8.3f} s")
        chosen = options.pipeline
        command = [*validate, str(chosen)] if chosen else [*own, str(files[60])]
        title = f"validate {chosen.name if chosen else '60 nodes'} / those imports"
        limits.show(title, median(command, options.repeat) / imports, 3, "times")

        thousand = median([*own, str(files[1_000])], 3)
        ten, memory = cost([*own, str(files[10_000])])
        print(f"{'1,000 and 10,000 nodes':44} {thousand:8.2f} s, {ten:.2f} s")
        limits.show("10,000 nodes / 1,000 nodes", ten / thousand, 12, "times")
        limits.show("10,000 nodes, peak memory", memory, 1000, "MB")
        reader = median([*python, "-c", READER, str(files[10_000])], 3)
        limits.show("10,000 nodes / events of the C parser", ten / reader, 10, "times")

        for what, content in hostile().items():
            file = folder / "hostile.yaml"
            with file.open("wb") as stream:
                stream.writelines(content)
            seconds, memory = cost([*validate, str(file)], expected=2)
            limits.show(f"hostile: {what}", seconds, 1, "s")
            limits.show(f"hostile: {what}, peak memory", memory, 200, "MB")
    return int(limits.broken)


if __name__ == "__main__":
    sys.exit(main())
