"""Shipped pipelines with random damage: problems with places and rules, never anything else."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from run_support import PIPELINES

from radps_dag.opening import open_pipeline
from radps_dag.problem import InvalidPipeline

FILES = sorted(path.relative_to(PIPELINES) for path in PIPELINES.glob("*.yaml"))
PIECES = [
    *(
        b"null",
        b"[]",
        b"{}",
        b"- ",
        b": ",
        b"${{ ",
        b" }}",
        b"'",
        b'"',
        b"\n",
        b"  ",
        b"&a ",
        b"*a",
    ),
    *(b"!!str ", b"<<: ", b"1e999", b"-1", b"9" * 30, b".nan", b"|", b"#", b"?", b"\x00", b"\xff"),
    *(b"\xe2\x80\xae", b"\t", b"steps: ", b"use: ", b"pause: ", b"loop: ", b"qa: ", b"[" * 9),
    *(b"each.", b"state.", b"1 if ", b"(", b")", b".x", b"[0]", b"stages.", b"params."),
]


def damaged(content: bytes, draw: random.Random) -> bytes:
    """The content with a few bytes changed, put in, left out or repeated, or lines exchanged."""
    text = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randrange(len(text))
        end = at + draw.choice((1, 3, 10, 60))
        match draw.randrange(5):
            case 0:
                text[at] = draw.randrange(256)
            case 1:
                text[at:at] = draw.choice(PIECES)
            case 2:
                del text[at:end]
            case 3:
                text[at:at] = text[at:end]
            case _:
                lines = bytes(text).split(b"\n")
                one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
                lines[one], lines[other] = lines[other], lines[one]
                text = bytearray(b"\n".join(lines))
    return bytes(text)


@pytest.mark.parametrize("name", FILES, ids=str)
def test_damage_is_told_as_problems(tmp_path: Path, name: Path) -> None:
    """Whatever has become of a file, what is wrong with it is short and has a place."""
    shutil.copytree(PIPELINES, tmp_path / "pipelines")
    file = tmp_path / "pipelines" / name
    content = file.read_bytes()
    draw = random.Random(str(name))
    refused = 0
    for _ in range(8):
        file.write_bytes(damaged(content, draw))
        try:
            open_pipeline(file)
        except InvalidPipeline as error:
            refused += 1
            for problem in error.problems:
                assert problem.at.line >= 1 and problem.rule
                assert problem.message.isprintable() and len(problem.message) < 500
    assert refused
