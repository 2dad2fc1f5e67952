"""Files to those that are tools, without reading what they say.

Apart from the reading, which imports all that a tool can be: most pipelines have none.
"""

from __future__ import annotations

import re
from pathlib import Path

from radps_dag.storage.files import content_of

__all__ = ["is_tool_file", "tool_files"]

# Keys that stand at the left margin of a tool file, and of no pipeline.
_TELLING = re.compile(rb"^(program|version_command|outputs|inputs|arguments)\s*:", re.MULTILINE)
_PIPELINE = re.compile(rb"^stages\s*:", re.MULTILINE)
_MOST = 1_000_000  # bytes that are looked at to tell what a file is
_SUFFIXES = (".yaml", ".yml")


def tool_files(folder: Path) -> tuple[Path, ...]:
    """The tool files in a folder, by name; none where there is no such folder."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    except OSError:
        return ()
    return tuple(filter(is_tool_file, paths))


def is_tool_file(path: Path) -> bool:
    """Whether a file looks like a tool, and not like a pipeline or like something else."""
    try:
        content = content_of(path, _MOST)
    except OSError:
        return False
    return bool(_TELLING.search(content)) and not _PIPELINE.search(content)
