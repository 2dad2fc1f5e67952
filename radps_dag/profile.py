"""`radps-dag.toml` to what belongs to a site or a project, and not to the science.

library = "placeholder"
workloads = ["my_workloads.py"]     # beside this file or below it
executor = "cluster"                # as `radps-dag executors` lists them
max_parallel = 8
memory = "64GB"                     # that calls may ask for, all together
gpus = 2
prefect_api_url = "http://127.0.0.1:4200/api"
store = "postgresql://host/radps"    # of the journal
products = "s3://bucket/radps"       # root of what workloads make

[executors.cluster]                  # an executor of this site, by the name that runs give
kind = "dask"
scheduler = "tcp://127.0.0.1:8786"

[containers]                         # for tools that have an image
engine = "podman"                    # or docker, apptainer
fallback = true                      # the program of the machine, where engine or image are missing

[events]                             # what runs announce
webhook = "https://site.example/radps"
secret_env = "RADPS_SECRET"          # the variable with what the webhook is signed with
file = "events.jsonl"                # beside this file

[prefect]                            # how its page shows a run
subflow_depth = 1                    # groups down to this depth are subflows: 1 is stages

[nodes."**/clean"]                   # of a site, over what the pipeline says, by place
timeout = "6h"
resources = {cpus = 8, memory = "64GB", walltime = "5h"}

[params]                             # where a pipeline has params of these names
niter = 200

[thresholds]                         # of QA, by place, for all metrics there or for one
"**/clean" = {warn_below = 0.8, alert_below = 0.5}
"import_*/**" = {flagged = {alert_below = 0.4}}
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from radps_dag.language.quantities import octets_in
from radps_dag.problem import UsageError, allowed, did_you_mean
from radps_dag.storage.files import content_of

if TYPE_CHECKING:
    from radps_dag.executors.registry import ExecutorChoice
    from radps_dag.overlays import Overlay
    from radps_dag.workloads.tools.tool import Containers

__all__ = [
    "FILE_NAME",
    "Events",
    "PrefectPage",
    "Profile",
    "find_profile",
    "load_profile",
]

FILE_NAME = "radps-dag.toml"
_MOST_BYTES = 1_000_000

# The value of a key, from the profile's path, the key and what stands there.
_Reader = Callable[[Path, str, Any], Any]


@dataclass(frozen=True, slots=True)
class Events:
    """The targets of a run's events: a URL, a file, or both. `secret_env` names the environment
    variable that holds the key of the webhook's signature.
    """

    webhook: str | None = None
    secret_env: str | None = None
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class PrefectPage:
    """Settings of a run's display on Prefect's page: groups down to `subflow_depth` are subflows, 1
    is stages. Deeper ones are tasks.
    """

    subflow_depth: int = 1


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings of a profile; None or empty if it does not set them.

    `workloads` are the project's own workload files, resolved. `params` are for pipelines that have
    such; `nodes` are time-outs, retries and resources of calls, by pattern of places;
    `thresholds` are those of QA, by pattern of places, then by metric ("" is any).
    """

    path: Path | None = None
    library: str | None = None
    workloads: tuple[Path, ...] = ()
    executor: str | None = None
    executors: Mapping[str, ExecutorChoice] = field(default_factory=dict, hash=False)
    max_parallel: int | None = None
    memory: int | None = None  # in bytes
    gpus: int | None = None
    prefect_api_url: str | None = None
    store: str | None = None
    products: str | None = None
    containers: Containers | None = None
    events: Events | None = None
    prefect: PrefectPage = PrefectPage()
    nodes: tuple[Overlay, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)
    thresholds: Mapping[str, Any] = field(default_factory=dict, hash=False)


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
    profile = Profile(path=path, **_values(path, data, _READERS))
    if "nodes" in data:
        from radps_dag.overlays import read_overlays  # here: most profiles have none

        profile = replace(profile, nodes=read_overlays(path, text, data["nodes"]))
    if profile.executor is not None:
        from radps_dag.executors.registry import known_executor  # here: most profiles name none

        known_executor(profile.executor, f"{path}: executor", profile.executors)
    return profile


def _values(
    path: Path, data: Mapping[str, Any], readers: Mapping[str, _Reader], inside: str = ""
) -> dict[str, Any]:
    for key in data:
        if key not in readers:
            hint = did_you_mean(key, readers) or f"; allowed: {allowed(readers)}"
            raise UsageError(f"{path}: unknown key {inside + key!r}{hint}")
    return {key: readers[key](path, inside + key, value) for key, value in data.items()}


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
