"""Hostile and sloppy files: one clear error each, never a traceback, a hang or an execution."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from radps_dag.opening import open_pipeline
from radps_dag.problem import InvalidPipeline, Problem

HEAD = "version: 1\nname: hostile\n"
STAGE = "stages: {a: {run: f}}\n"


def nest(opening: str, times: int) -> str:
    return HEAD + "params:\n  a: " + opening * times


def bomb() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]"
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    return "\n".join(lines)


# Name: text, and the rule that refuses it.
HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "alias bomb": (bomb(), "alias"),
    "brackets": (nest("[", 30_000), "depth"),
    "braces": (nest("{a: ", 30_000), "depth"),
    "dashes": (nest("- ", 30_000), "syntax"),
    "dashes on their own": ("- " * 30_000, "depth"),
    "explicit keys": ("? " * 30_000, "depth"),
    "anchors": ("&a " * 30_000, "syntax"),
    "indented 10,000 deep": ("".join(" " * i + "a:\n" for i in range(1_500)), "depth"),
    "100 MB": (b"#" * 100_000_000, "size"),
    "a long line": ("x" * 9_000_000, "type"),
    "a long quote": ('"' + "x" * 9_000_000, "syntax"),
    "a million items": ("[" + "a," * 1_000_000 + "]", "size"),
    "a million wrong keys": ("1: 1\n" * 1_000_000, "non-string-key"),
    "a huge integer": (HEAD + "description: " + "9" * 1_000_000 + "\n" + STAGE, "number"),
    "a huge hexadecimal": (HEAD + "description: 0x" + "f" * 1_000_000 + "\n" + STAGE, "number"),
    "a huge exponent": (HEAD + "description: 1e" + "9" * 1_000_000 + "\n" + STAGE, "number"),
    "a long key": (HEAD + STAGE + "x" * 900 + ": 1\n", "unknown-key"),
    "a very long key": (HEAD + STAGE + f"? {'x' * 1_000_000}\n: 1\n", "unknown-key"),
    "unknown keys": (HEAD + STAGE + "".join(f"x{i}: 1\n" for i in range(50_000)), "unknown-key"),
    "invalid UTF-8": (b"version: 1\nname: \xc3\x28\n", "encoding"),
    "binary": (bytes(range(256)) * 100, "encoding"),
    "NUL": (b"version: 1\x00\n", "character"),
    "terminal escapes": ("name: \x1b[31mred\n", "character"),
    "several documents": (HEAD + STAGE + "---\n" + HEAD, "document"),
    "directives": ("%TAG ! tag:x\n" * 1000 + "--- 1", "syntax"),
    "custom tag": (HEAD + "description: !!python/object/apply:os.system [touch x]\n", "tag"),
    "merge key": (HEAD + "params: {a: &a {type: integer}, b: {<<: *a}}\n" + STAGE, "merge-key"),
    "system file": (HEAD + "stages: {a: {use: /etc/passwd}}\n", "use"),
    "system file by dots": (HEAD + f"stages: {{a: {{use: {'../' * 20}etc/passwd}}}}\n", "use"),
    "device": (HEAD + "stages: {a: {use: /dev/zero}}\n", "use"),
    "itself": (HEAD + "stages: {a: {use: hostile.yaml}}\n", "use"),
    "id as path": (HEAD + "stages: {../../x: {run: f}}\n", "name"),
    "name as path": ("version: 1\nname: ../../x\n" + STAGE, "value"),
    "name with a line": ('version: 1\nname: "x\\n"\n' + STAGE, "value"),
    "retries without end": (HEAD + "stages: {a: {run: f, retries: {max: 1000000}}}\n", "value"),
    "empty": ("", "empty"),
}


def problems_of(tmp_path: Path, content: str | bytes) -> tuple[Problem, ...]:
    file = tmp_path / "hostile.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidPipeline) as raised:
        open_pipeline(file)
    return raised.value.problems


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_by_its_rule(tmp_path: Path, name: str) -> None:
    """The error names the place and the cause in a short line."""
    content, rule = HOSTILE[name]
    problems = problems_of(tmp_path, content)
    assert rule in {problem.rule for problem in problems}
    assert len(problems) <= 200
    for problem in problems:
        assert len(problem.message) < 500
        assert problem.message.isprintable()


EXPRESSIONS = [
    "''.__class__.__mro__[1].__subclasses__()",
    "params.__class__",
    "params['__class__']",
    "'{0.__class__}'.format(params)",
    "'%s' % params.__init__.__globals__",
    "range(10**9)",
    "'a' * 10**9",
    "2 ** 10**8",
    "[0] * 10**9",
    "cycler.__init__.__globals__.os.system('touch x')",
    "lipsum.__globals__['os'].popen('id').read()",
    "params.clear()",
    "self",
    "config",
    "namespace(x=1)",
    "dict(x=1).pop('x')",
    "('a' | center(10**9))",
    "'%1000000000d' | format(1)",
    "(" * 5_000 + "1" + ")" * 5_000,
    "1" + " + 1" * 50_000,
    "x" * 100_000,
    "9" * 100_000,
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda text: text[:40])
def test_an_expression_cannot_reach_out(tmp_path: Path, expression: str) -> None:
    """Attributes of objects, calls and things that grow are refused, at the expression."""
    value = f'"${{{{ {expression} }}}}"'
    text = f"{HEAD}stages: {{a: {{run: import_visibilities, with: {{x: {value}}}}}}}\n"
    problems = problems_of(tmp_path, text)
    assert all(problem.at.line == 3 for problem in problems)
    assert all(len(problem.message) < 500 for problem in problems)
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_the_command_shows_no_traceback(tmp_path: Path) -> None:
    """From the shell: exit code 2, the problems on standard output, nothing of Python."""
    files = []
    for name, (content, _) in HOSTILE.items():
        if name in ("brackets", "alias bomb", "binary", "a long line", "unknown keys"):
            files.append(tmp_path / f"{name.replace(' ', '_')}.yaml")
            files[-1].write_bytes(content if isinstance(content, bytes) else content.encode())
    done = subprocess.run(
        [sys.executable, "-m", "radps_dag", "validate", *files], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stdout) < 100_000
