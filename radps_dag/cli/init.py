"""`radps-dag init`: lay out a starter project, or copy the example pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from radps_dag.problem import UsageError, allowed

__all__ = ["command", "example_pipelines"]

_NEXT_STEPS = ("validate pipeline.yaml", "graph pipeline.yaml -o pipeline.png", "run pipeline.yaml")
_NEXT_EXAMPLES = (
    "validate full_cube.yaml",
    "run full_cube.yaml",
    "run full_cube.yaml --faults faults/archive.yaml --seed 1",
)


@click.command("init")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--examples", is_flag=True, help="Copy the example pipelines instead.")
def command(directory: Path, examples: bool) -> int:
    """Lay out a starter project in DIR: a pipeline, workloads of your own, a profile.

    Nothing that is there is overwritten.
    """
    planned = dict(_examples() if examples else _starter())
    _write(directory, planned)
    click.echo(f"{directory}: {len(planned)} files written. Next:\n")
    if directory.resolve() != Path.cwd():
        click.echo(f"  cd {directory}")
    for step in _NEXT_EXAMPLES if examples else _NEXT_STEPS:
        click.echo(f"  radps-dag {step}")
    return 0


def example_pipelines() -> Traversable:
    """Where the example pipelines are: in the installed package, or beside it in a checkout."""
    installed = files("radps_dag") / "pipelines"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "pipelines"


def _starter() -> Iterator[tuple[Path, bytes]]:
    yield from _tree(files("radps_dag.cli") / "starter")
    yield Path("pipeline.schema.json"), _schema("pipeline")


def _examples() -> Iterator[tuple[Path, bytes]]:
    """The pipelines, with the schemas where each file's editor line looks for them."""
    found = example_pipelines()
    if not found.is_dir():
        raise UsageError("the example pipelines are missing from this installation; reinstall it")
    for path, content in _tree(found):
        # One level less than in the checkout, where the schemas lie beside `pipelines`.
        yield path, content.replace(b"$schema=../", b"$schema=", 1)
    for name in ("pipeline", "faults", "tool"):
        yield Path("schemas") / f"{name}.schema.json", _schema(name)


def _schema(name: str) -> bytes:
    return (files("radps_dag.language") / "schemas" / f"{name}.schema.json").read_bytes()


def _tree(folder: Traversable, below: Path = Path()) -> Iterator[tuple[Path, bytes]]:
    """The files of a folder, with their paths in it."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.name.startswith((".", "__")):
            continue
        if item.is_dir():
            yield from _tree(item, below / item.name)
        else:
            yield below / item.name, item.read_bytes()


def _write(directory: Path, planned: dict[Path, bytes]) -> None:
    """Write all files or, where one is in the way, none."""
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is a file; name a directory")
    if taken := [str(path) for path in planned if (directory / path).exists()]:
        raise UsageError(
            f"{directory} has {allowed(taken, 4)} already; "
            "nothing is overwritten: name another directory"
        )
    try:
        for path, content in planned.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            # `x`: a file that appeared in the meantime stays as it is.
            with (directory / path).open("xb") as file:
                file.write(content)
            if content.startswith(b"#!"):  # a program
                mode = (directory / path).stat().st_mode
                (directory / path).chmod(mode | (mode & 0o444) >> 2)
    except OSError as error:
        where = error.filename or directory
        raise UsageError(f"{where}: cannot write: {error.strerror or error}") from error
