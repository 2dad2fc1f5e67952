"""Data of a profile to its values, key by key; each refuses what does not fit, in a line."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from radps_dag.language.quantities import octets_in
from radps_dag.problem import UsageError, allowed, did_you_mean
from radps_dag.profile.model import Events, PrefectPage

if TYPE_CHECKING:
    from radps_dag.executors.registry import ExecutorChoice
    from radps_dag.workloads.tools.tool import Containers

__all__ = ["values_of"]

# The value of a key, from the profile's path, the key and what stands there.
_Reader = Callable[[Path, str, Any], Any]


def values_of(path: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a profile by key. Raises UsageError with the file, the key and the fix."""
    return _values(path, data, _READERS)


def _values(
    path: Path, data: Mapping[str, Any], readers: Mapping[str, _Reader], inside: str = ""
) -> dict[str, Any]:
    for key in data:
        if key not in readers:
            hint = did_you_mean(key, readers) or f"; allowed: {allowed(readers)}"
            raise UsageError(f"{path}: unknown key {inside + key!r}{hint}")
    return {key: readers[key](path, inside + key, value) for key, value in data.items()}


def _text(path: Path, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{path}: {key} must be a text, not {value!r:.60}")
    return value


def _url(path: Path, key: str, value: Any) -> str:
    url = _text(path, key, value)
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{path}: {key} must start with http:// or https://, not {url!r:.60}")
    try:
        host = urlsplit(url).hostname
    except ValueError as error:
        raise UsageError(f"{path}: {key}: {url!r:.60} is not a URL: {error}") from error
    if not host:
        raise UsageError(f"{path}: {key}: {url!r:.60} names no host")
    return url


def _any_url(path: Path, key: str, value: Any) -> str:
    url = _text(path, key, value)
    if "://" not in url:
        raise UsageError(f"{path}: {key} must be a URL, such as {_EXAMPLES[key]}, not {url!r:.60}")
    return url


_EXAMPLES = {"store": "postgresql://host/database", "products": "s3://bucket/folder"}


def _count(path: Path, key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{path}: {key} must be a whole number of at least 1, not {value!r:.60}")
    return value


def _number(path: Path, key: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(f"{path}: {key} must be a whole number, not {value!r:.60}")
    return value


def _memory(path: Path, key: str, value: Any) -> int:
    octets = octets_in(value) if isinstance(value, str) else None
    if not octets:
        raise UsageError(f'{path}: {key} must be an amount such as "64GB", not {value!r:.60}')
    return octets


def _as_it_is(_path: Path, _key: str, value: Any) -> Any:
    return value


def _executors(path: Path, key: str, value: Any) -> Mapping[str, ExecutorChoice]:
    from radps_dag.executors.registry import read_choices
    from radps_dag.executors.tables import At

    return read_choices(At(path, key), value)


def _modules(path: Path, key: str, value: Any) -> tuple[Path, ...]:
    if not isinstance(value, list):
        raise UsageError(f'{path}: {key} must be a list of files, such as ["my_workloads.py"]')
    return tuple(_module(path, key, _text(path, f"an entry of {key}", item)) for item in value)


def _module(path: Path, key: str, name: str) -> Path:
    # Resolved first, so that neither `..` nor a symlink leads to code from elsewhere.
    folder = path.resolve().parent
    try:
        file = (folder / name).resolve()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {key}: {name!r:.60} is not a file name: {error}") from error
    if not file.is_relative_to(folder):
        raise UsageError(f"{path}: {key}: {name!r} is outside of {folder}; keep it in there")
    if file.suffix != ".py":
        raise UsageError(f"{path}: {key}: {name!r} is not a Python file; its name must end in .py")
    if not file.is_file():
        beside = [str(other.relative_to(folder)) for other in sorted(file.parent.glob("*.py"))]
        raise UsageError(f"{path}: {key}: {name!r} does not exist{did_you_mean(name, beside)}")
    return file


def _variable(path: Path, key: str, value: Any) -> str:
    name = _text(path, key, value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        # Perhaps the secret itself, which must not be repeated.
        raise UsageError(f"{path}: {key} must be the name of an environment variable")
    return name


def _file(path: Path, key: str, value: Any) -> Path:
    try:
        return path.resolve().parent / Path(_text(path, key, value)).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{path}: {key}: {value!r:.60}: there is no such user") from error


def _events(path: Path, key: str, value: Any) -> Events:
    if not isinstance(value, Mapping):
        raise UsageError(f"{path}: {key} must be a table: [{key}], with {allowed(_EVENTS)}")
    events = Events(**_values(path, value, _EVENTS, f"{key}."))
    if events.secret_env is not None and events.webhook is None:
        raise UsageError(f"{path}: {key}.secret_env signs a webhook; give {key}.webhook as well")
    return events


_EVENTS: Mapping[str, _Reader] = {"webhook": _url, "secret_env": _variable, "file": _file}


def _prefect(path: Path, key: str, value: Any) -> PrefectPage:
    table = _table(path, key, value, "subflow_depth = 2")
    return PrefectPage(**_values(path, table, _PREFECT, f"{key}."))


_PREFECT: Mapping[str, _Reader] = {"subflow_depth": _count}


def _containers(path: Path, key: str, value: Any) -> Containers:
    from radps_dag.workloads.tools.tool import ENGINES, Containers  # here: most profiles have none

    table = _table(path, key, value, 'engine = "podman"')
    values = _values(path, table, {"engine": _text, "fallback": _as_it_is}, f"{key}.")
    engine, fallback = values.get("engine"), values.get("fallback", False)
    if engine not in ENGINES:
        what = "is missing" if engine is None else f"must be one of them, not {engine!r:.60}"
        raise UsageError(f"{path}: {key}.engine {what}: {allowed(ENGINES)}")
    if not isinstance(fallback, bool):
        raise UsageError(f"{path}: {key}.fallback must be true or false, not {fallback!r:.60}")
    return Containers(engine, fallback)


def _params(path: Path, key: str, value: Any) -> Mapping[str, Any]:
    return _table(path, key, value, "niter = 200")


def _thresholds(path: Path, key: str, value: Any) -> Mapping[str, Any]:
    example = '"**/clean" = {alert_below = 0.5}'
    limits = _table(path, key, value, example)
    return {pattern: _limits(path, key, pattern, given) for pattern, given in limits.items()}


def _limits(path: Path, key: str, pattern: str, given: Any) -> Mapping[str, Any]:
    """Read the limits by metric; those for any metric are under ""."""
    where = f"{key}.{pattern!r}"
    limits: dict[str, dict[str, float]] = {}
    for name, value in _table(path, where, given, "alert_below = 0.5").items():
        if isinstance(value, dict):
            limits[name] = {
                limit: _score(path, f"{where}.{name}", limit, number)
                for limit, number in value.items()
            }
        else:
            limits.setdefault("", {})[name] = _score(path, where, name, value)
    for metric, limit in limits.items():
        if limit.get("warn_below", 1.0) < limit.get("alert_below", 0.0):
            of = f" of {metric}" if metric else ""
            raise UsageError(f"{path}: {where}: alert_below{of} is above warn_below; swap them")
    return limits


def _score(path: Path, where: str, name: str, value: Any) -> float:
    if name not in _LIMITS:
        hint = did_you_mean(name, _LIMITS) or f"; allowed: {allowed(_LIMITS)}, or a metric's table"
        raise UsageError(f"{path}: {where}: unknown key {name!r}{hint}")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 <= value <= 1:
        raise UsageError(f"{path}: {where}: {name} must be a number from 0 to 1, not {value!r:.60}")
    return float(value)


def _table(path: Path, key: str, value: Any, example: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {key} must be a table, with lines such as {example}")
    return value


_LIMITS = ("warn_below", "alert_below")

_READERS: Mapping[str, _Reader] = {
    "library": _text,
    "workloads": _modules,
    "executor": _as_it_is,  # when the executors of the profile are known
    "executors": _executors,
    "max_parallel": _count,
    "memory": _memory,
    "gpus": _number,
    "prefect_api_url": _url,
    "store": _any_url,
    "products": _any_url,
    "containers": _containers,
    "events": _events,
    "prefect": _prefect,
    "nodes": _as_it_is,  # when the text is known, for its lines
    "params": _params,
    "thresholds": _thresholds,
}
