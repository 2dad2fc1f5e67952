"""A product to its content, wherever it lies."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from contextvars import ContextVar
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from radps_dag.storage.remote import fetch, is_local, listing, open_url, path_of
from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.meanwhile import Meanwhile

__all__ = ["caching_in", "local_path", "open_product"]

# Where copies of products go: the engine says so around each call, and a call outside of a run
# keeps them among the temporary files.
_CACHE: ContextVar[Path | None] = ContextVar("radps_dag_cache", default=None)


def caching_in(folder: Path | None) -> Meanwhile[Path | None]:
    """Keep copies of products from elsewhere in this folder; or, without, where they were."""
    return Meanwhile(_CACHE, folder or _CACHE.get())


def open_product(product: Product, mode: str = "rb", encoding: str | None = None) -> IO[Any]:
    """A product's file, to be read in a `with`; text is UTF-8 where nothing else is said.

    Raises FileNotFoundError where it is not there, ConnectionError where its place does not answer.
    """
    if mode not in ("r", "rb", "rt"):
        raise ValueError(
            f"a product is only read, never written again: {mode!r} is not 'rb' or 'r'"
        )
    if "b" not in mode:
        encoding = encoding or "utf-8"
    if is_local(product["uri"]):
        return path_of(product["uri"]).open(mode, encoding=encoding)
    file: IO[Any] = open_url(product["uri"], mode, encoding)
    return file


@cache
def _own_folder() -> Path:
    """Make a directory for a process that is not a run, removed when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="radps-dag-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def local_path(product: Product) -> Path:
    """A path of this machine at which the product can be read: the product itself, or a copy of
    it, which is not to be changed and is there as long as the run."""
    uri = product["uri"]
    if is_local(uri):
        return path_of(uri)
    folder = _CACHE.get() or _own_folder()
    state = product.get("version") or str(sorted(listing(uri).items(), key=lambda entry: entry[0]))
    key = sha256(f"{uri}\0{state}".encode()).hexdigest()[:32]
    target = folder / key / (uri.rstrip("/").rpartition("/")[2] or "product")
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder, prefix="partial-") as partial:
        fetch(uri, Path(partial, target.name))
        try:
            Path(partial).rename(folder / key)
        except OSError:
            if not target.exists():
                raise
        else:
            Path(partial).mkdir()  # for the end of the block, which removes it
    return target
