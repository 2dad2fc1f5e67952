"""`radps-dag import-procedure`: a procedure of the ALMA pipeline as a pipeline."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("import-procedure")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    *("-o", "--output", "folder"),
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Folder for the pipeline, and for its folder of tools; this one if not said.",
)
def command(file: Path, folder: Path) -> int:
    """Write a pipeline of FILE, a procedure of the ALMA pipeline such as procedure_hifa_cal.xml.

    Each task is a stage, and has a tool file. What a pipeline cannot say is a warning, and a
    comment in the file.
    """
    from radps_dag.cli.importing import show_warnings, write_files
    from radps_dag.foreign import procedure_to_files
    from radps_dag.opening import check
    from radps_dag.problem import InvalidPipeline
    from radps_dag.workloads.tools.reading import read_tool

    pipeline, tools = procedure_to_files(file)
    show_warnings(pipeline.warnings)

    def valid(path: Path) -> object:
        if path.parent.name == "tools":
            return read_tool(path)
        if problems := [problem for problem in check(path) if problem.severity == "error"]:
            raise InvalidPipeline(problems)
        return None

    paths = [(Path("tools") / f"{tool.name}.yaml", tool) for tool in tools]
    paths.append((Path(f"{pipeline.name}.yaml"), pipeline))
    write_files(paths, folder, file, valid)
    for path, _ in reversed(paths):
        click.echo(folder / path)
    return 0
