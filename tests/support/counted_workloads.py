"""Workloads that write down, outside of all that radps-dag knows, each time they are executed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any, TypedDict

from radps_dag.workloads import Product, Random, Workdir, workload


class Value(TypedDict):
    """A value.

    Attributes:
        value: the value
    """

    value: Any


class Written(TypedDict):
    """A product.

    Attributes:
        product: what was written
    """

    product: Product


def count(what: str) -> int:
    """Write down an execution; how many of the same there have been."""
    path = Path(os.environ["RADPS_TEST_COUNT"])
    with path.open("a") as file:
        file.write(f"{what}\n")
    return path.read_text().splitlines().count(what)


@workload
def give(value: Any, name: str = "give") -> Value:
    """Give the value back."""
    count(f"{name} {json.dumps(value)}")
    return {"value": value}


@workload
def draw(name: str = "draw", *, random: Random) -> Value:
    """Draw a number."""
    count(name)
    return {"value": random.random()}


@workload
def store(content: Any, name: str = "store", *, workdir: Workdir) -> Written:
    """Write the content to a product."""
    count(f"{name} {json.dumps(content)}")
    path = workdir / "product.json"
    path.write_text(json.dumps(content))
    return {"product": {"uri": path.resolve().as_uri(), "kind": "test"}}


@workload
def load(product: Product, name: str = "load") -> Value:
    """Read the content of a product."""
    content = json.loads(Path(product["uri"].removeprefix("file://")).read_text())
    count(f"{name} {json.dumps(content)}")
    return {"value": content}


@workload
def overlay(base: Product, content: Any, name: str = "overlay", *, workdir: Workdir) -> Written:
    """Write what is new to a product that cannot be read without the one that it is made of."""
    count(f"{name} {json.dumps(content)}")
    path = workdir / "overlay.json"
    path.write_text(json.dumps(content))
    uri = path.resolve().as_uri()
    return {"product": {"uri": uri, "kind": "test", "stands_on": [dict(base)]}}


@workload
def load_whole(product: Product, times: int = 1, name: str = "load_whole") -> Value:
    """Read an overlay, and what it stands on."""
    parts = [product, *product["stands_on"]]
    content = [json.loads(Path(one["uri"].removeprefix("file://")).read_text()) for one in parts]
    count(f"{name} {json.dumps(content)}")
    return {"value": content * times}


@workload
def fail_until(times: int, value: Any = None, name: str = "fail_until") -> Value:
    """Fail the first times, counted over everything."""
    if count(f"{name} {json.dumps(value)}") <= times:
        raise ConnectionError("not yet")
    return {"value": value}


@workload
def need(file: str, value: Any = None, name: str = "need") -> Value:
    """Fail unless a file is there."""
    count(f"{name} {json.dumps(value)}")
    if not Path(file).exists():
        raise FileNotFoundError(f"{file} is missing")
    return {"value": value}


@workload
def die_once(value: Any = None, name: str = "die") -> Value:
    """Kill the process, the first time."""
    if count(f"{name} {json.dumps(value)}") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"value": value}


@workload(mutates=True)
def die_in_place(name: str = "in place") -> Value:
    """Change something in place, and kill the process, the first time."""
    if count(name) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"value": name}


@workload
def store_path(content: Any, name: str = "store_path", *, workdir: Workdir) -> Value:
    """Write the content to a file, and give its path."""
    count(f"{name} {json.dumps(content)}")
    path = workdir / "data.json"
    path.write_text(json.dumps(content))
    return {"value": str(path)}


def _path(data: Any) -> Path:
    return Path((data["uri"] if isinstance(data, dict) else data).removeprefix("file://"))


@workload(mutates=True)
def flag_in_place(
    data: Any, level: Any, name: str = "flag", die: bool = False, need: str = ""
) -> Value:
    """Write a flag over the digits of the data, as long as it was, and give the data back."""
    times = count(f"{name} {json.dumps(level)}")
    path = _path(data)
    path.write_text(f"{level}{path.read_text()[len(str(level)) :]}")
    if die and times == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if need and not Path(need).exists():
        raise FileNotFoundError(f"{need} is missing")
    return {"value": data}


@workload
def measure(data: Any, name: str = "measure") -> Value:
    """Read what the data are now."""
    text = _path(data).read_text()
    count(f"{name} {text}")
    return {"value": text}
