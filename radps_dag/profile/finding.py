"""A path, or the nearest `radps-dag.toml`, to a profile."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from radps_dag.problem import UsageError
from radps_dag.profile.model import Profile
from radps_dag.profile.values import values_of
from radps_dag.storage.files import content_of

__all__ = ["FILE_NAME", "find_profile", "load_profile"]

FILE_NAME = "radps-dag.toml"
_MOST_BYTES = 1_000_000


def find_profile(given: str | os.PathLike[str] | None = None, start: Path | None = None) -> Profile:
    """The profile given, or else the nearest `radps-dag.toml` from `start` upwards, or none.

    `start` is the current directory where it is not given. No profile is an empty one. Raises
    UsageError, with the file, for a profile that is not there or wrong.
    """
    if given is not None:
        return load_profile(Path(given))
    folder = (start or Path()).resolve()
    for place in (folder, *folder.parents):
        if (place / FILE_NAME).is_file():
            return load_profile(place / FILE_NAME)
    return Profile()


def load_profile(path: Path) -> Profile:
    """The profile of a file. Raises UsageError with the file, what is wrong, and the likely fix."""
    text, data = _read(path)
    profile = Profile(path=path, **values_of(path, data))
    if "nodes" in data:
        from radps_dag.overlays import read_overlays  # here: most profiles have none

        profile = replace(profile, nodes=read_overlays(path, text, data["nodes"]))
    if profile.executor is not None:
        from radps_dag.executors.registry import known_executor  # here: most profiles name none

        known_executor(profile.executor, f"{path}: executor", profile.executors)
    return profile


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    import tomllib  # here: most runs have no profile

    try:
        content = content_of(path, _MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UsageError(f"{path}: the profile is larger than {_MOST_BYTES:,} bytes")
        text = content.decode("utf-8-sig")
        return text, tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the profile: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: the profile is not UTF-8; save it as UTF-8") from error
    except RecursionError as error:
        raise UsageError(f"{path}: not TOML: nested too deeply") from error
    except ValueError as error:  # tomllib's own, and Python's of a number with too many digits
        raise UsageError(f"{path}: not TOML: {str(error).partition(';')[0]}") from error
