"""Graphviz's `dot` as the layout of a level, where it is installed and asked for."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from radps_dag.diagram.layered import Arrangement, Direction, Point, Spacing, Spline
from radps_dag.diagram.layout import Aim, Arranger
from radps_dag.problem import UsageError

__all__ = ["graphviz_arranger"]

INCH = 72.0
SECONDS = 30.0  # for one level: dot can take for ever on what is dense


def graphviz_arranger() -> Arranger:
    """An arranger that asks `dot`; raises UsageError if there is none."""
    program = shutil.which("dot")
    if program is None:
        raise UsageError(
            "--layout dot: there is no `dot` on the PATH; install Graphviz or use --layout own"
        )

    def arrange(
        sizes: Mapping[str, tuple[float, float]],
        arrows: Sequence[tuple[str, str, str]],
        direction: Direction,
        aim: Aim,  # noqa: ARG001  # an Arranger: Graphviz has its own aim
        spacing: Spacing,
    ) -> Arrangement:
        source = _source(sizes, arrows, direction, spacing)
        return _read(_ask(program, source), sizes, arrows)

    return arrange


def _source(
    sizes: Mapping[str, tuple[float, float]],
    arrows: Sequence[tuple[str, str, str]],
    direction: Direction,
    spacing: Spacing,
) -> str:
    number = {name: index for index, name in enumerate(sizes)}
    rankdir, leave, reach = ("TB", "s", "n") if direction == "down" else ("LR", "e", "w")
    lines = [
        (
            f"digraph {{ graph [rankdir={rankdir}, nodesep={spacing.boxes / INCH:.3f},"
            f' ranksep={spacing.layers / INCH:.3f}]; node [shape=box, fixedsize=true, label=""];'
            f" edge [dir=none, tailport={leave}, headport={reach}];"
        )
    ]
    for name, (width, height) in sizes.items():
        lines.append(f"{number[name]} [width={width / INCH:.4f}, height={height / INCH:.4f}];")
    lines += [f"{number[source]} -> {number[target]};" for source, target, _ in arrows]
    return "\n".join([*lines, "}"])


def _ask(program: str, source: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, and no shell
            [program, "-Tplain"],
            input=source,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"--layout dot: `dot` took more than {SECONDS:g} s; use --layout own or less --depth"
        ) from None
    except (subprocess.CalledProcessError, OSError) as error:
        reason = str(getattr(error, "stderr", "") or error).strip().split("\n")[0]
        raise UsageError(f"--layout dot: `dot` failed ({reason}); use --layout own") from None
    return done.stdout


def _read(
    plain: str, sizes: Mapping[str, tuple[float, float]], arrows: Sequence[tuple[str, str, str]]
) -> Arrangement:
    """Graphviz's "plain" format: inches, y upwards, boxes by their centre."""
    names = list(sizes)
    width = height = 0.0
    at: dict[str, Point] = {}
    curves: dict[tuple[str, str], Spline] = {}
    for line in plain.splitlines():
        kind, *words = shlex.split(line)
        if kind == "graph":
            width, height = float(words[1]) * INCH, float(words[2]) * INCH
        elif kind == "node":
            name = names[int(words[0])]
            x, y = float(words[1]) * INCH, height - float(words[2]) * INCH
            at[name] = (x - sizes[name][0] / 2, y - sizes[name][1] / 2)
        elif kind == "edge":
            numbers = [float(word) * INCH for word in words[3 : 3 + 2 * int(words[2])]]
            points = zip(numbers[::2], numbers[1::2], strict=True)
            ends = (names[int(words[0])], names[int(words[1])])
            curves[ends] = tuple((x, height - y) for x, y in points)
    return _framed(width, height, at, {arrow: curves[arrow[0], arrow[1]] for arrow in arrows})


def _framed(
    width: float,
    height: float,
    at: Mapping[str, Point],
    curves: Mapping[tuple[str, str, str], Spline],
) -> Arrangement:
    """Widen the border for the curves that leave the one that dot gives."""
    points = [point for curve in curves.values() for point in curve]
    left = min((x for x, _ in points), default=0.0)
    top = min((y for _, y in points), default=0.0)
    dx, dy = max(0.0, -left), max(0.0, -top)
    right = max((x for x, _ in points), default=0.0)
    bottom = max((y for _, y in points), default=0.0)
    return Arrangement(
        max(width, right) + dx,
        max(height, bottom) + dy,
        {name: (x + dx, y + dy) for name, (x, y) in at.items()},
        {arrow: tuple((x + dx, y + dy) for x, y in curve) for arrow, curve in curves.items()},
    )
