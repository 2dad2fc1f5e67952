"""Workloads that are given a secret: they use it, tell it in many ways, or fail with it."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

from radps_dag.workloads import Context, Workdir, workload

_kept: list[str] = []


class Digest(TypedDict):
    """What is left of a secret.

    Attributes:
        digest: what tells that it was the right one
    """

    digest: str


class Url(TypedDict):
    """An address.

    Attributes:
        url: the address
    """

    url: str


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


@workload
def use_token(token: str, *, workdir: Workdir) -> Digest:
    """Take a secret, and note that it was called."""
    workdir.joinpath("used").write_text("")
    command = Path("/proc/self/cmdline")
    around = [*os.environ.values(), command.read_text() if command.exists() else ""]
    if any(token in text for text in around):
        raise RuntimeError("it is in the environment, or on the command line")
    _kept.append(token)
    return {"digest": digest_of(token)}


@workload
def print_token(token: str) -> Digest:
    """Print it, log it, warn of it."""
    print(f"print {token}")
    print("standard error", token, file=sys.stderr)
    logging.getLogger("archive").warning("login with %s", token)
    warnings.warn(f"quoted {quote(token, safe='')}", stacklevel=1)
    return {"digest": digest_of(token)}


@workload
def program_token(token: str) -> Digest:
    """Write it past Python, as programs do."""
    os.write(1, f"descriptor {token}\n".encode())
    return {"digest": digest_of(token)}


@workload
def fail_with_token(token: str, length: int = 0) -> Digest:
    """Fail with an error that repeats it."""
    try:
        {}[token]
    except KeyError as error:
        raise ConnectionError(f"{'x' * length}401 for https://a.org/?t={quote(token)}") from error
    return {"digest": ""}


@workload
def fail_once(token: str, file: str) -> Digest:
    """Fail with it the first time."""
    if not Path(file).exists():
        Path(file).write_text("")
        raise ConnectionError(f"not now, {token!r}")
    return {"digest": digest_of(token)}


@workload
def fail_later(digest: str, length: int = 0) -> Digest:
    """Fail with a secret that an earlier call was given."""
    raise ConnectionError(f"{'x' * length} {_kept[-1]} of {digest} is over")


@workload
def return_token(token: str) -> Url:
    """Return it in a text."""
    return {"url": f"https://user:{token}@archive.org/"}


@workload
def write_token(token: str, *, workdir: Workdir) -> Digest:
    """Make a file that is named after it."""
    workdir.joinpath(f"{token}.txt").write_text("")
    return {"digest": digest_of(token)}


@workload
def note_token(token: str, *, context: Context) -> Digest:
    """Tell the context."""
    context.add("login", {"with": [token]})
    return {"digest": digest_of(token)}
