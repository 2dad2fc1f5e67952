"""Arrays with names, dimensions and attributes to a zarr store, and back.

Every store says what it is, that it is simulated, and the version of its layout; its own version
is the digest of all that is in it. Zarr's format 2 is what xradio and astroviper read today.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.opening import local_path

if TYPE_CHECKING:  # what only lists workloads need not wait for zarr
    from zarr import Group
    from zarr.core.buffer import Buffer

__all__ = [
    "LAYOUT",
    "SIMULATED",
    "StoreUnusable",
    "Writing",
    "ZarrStore",
    "check",
    "open_store",
    "origin",
    "tuples",
]

SIMULATED = "simulated by radps-dag's sim library; not a measurement"
# The version of the layout of these stores: one that is newer is not read.
LAYOUT = 1
_ABOUT = "radps_dag"
_FORMAT: Literal[2] = 2
# Cubes are read some channels at a time.
_CHANNELS_PER_CHUNK = 16
# Calls read the coordinates of the same stores again and again, and zarr takes milliseconds.
_MOST_STORES = 64


class StoreUnusable(ValueError):
    """A store that is damaged, of another kind, or of a newer version."""


class Writing:
    """A store that is being written, in a directory that must not be there yet."""

    def __init__(self, path: Path, kind: str, about: Mapping[str, Any]) -> None:
        import zarr

        # Zarr makes it in memory, and each array is written whole: nobody reads it before it is
        # finished, and zarr's own store of files takes twice the processor's time (measured: 80 ms
        # for the 32 arrays of a measurement set, not 40; 160 by xarray).
        self._content: dict[str, Buffer] = {}
        self.path = path.resolve()
        self.path.mkdir(parents=True)
        self._kind = kind
        self._about = dict(about)
        self._root = zarr.open_group(
            zarr.storage.MemoryStore(self._content), mode="w-", zarr_format=_FORMAT
        )
        self._digest = sha256(json.dumps([kind, self._about], sort_keys=True).encode())

    def copy(self, store: ZarrStore, name: str) -> None:
        """Copy a group of another store, with all that is below."""
        shutil.copytree(store.path / name, self.path / name)
        self.group(name, store.attributes(name))
        self._digest.update(f"{name} {store.about['version']}".encode())

    def group(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Set attributes of a group, such as `target_spw0/antenna_xds`, or of all where it is "";
        one that is not there is made."""
        group = self._root.require_group(name) if name else self._root
        group.attrs.update(dict(attributes))

    def array(
        self,
        name: str,
        values: NDArray[Any],
        dimensions: Sequence[str],
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """Write an array; `name` may lead through groups."""
        values = np.ascontiguousarray(values)
        chunks = tuple(
            min(max(1, size), _CHANNELS_PER_CHUNK) if dimension == "frequency" else max(1, size)
            for size, dimension in zip(values.shape, dimensions, strict=True)
        )
        array = self._root.create_array(
            name,
            shape=values.shape,
            chunks=chunks or "auto",
            dtype=values.dtype,
            # Noise does not compress; flags and masks do, and are small anyway.
            compressors=None,
            # With a value for what is not there, xarray takes zeros for missing; and a chunk of
            # zeros that was not written could not be told from one that got lost.
            fill_value=None,
            config={"write_empty_chunks": True},
            attributes={"_ARRAY_DIMENSIONS": list(dimensions), **(attributes or {})},
        )
        array[...] = values
        self._write(f"{name}/")

    def _write(self, below: str = "") -> None:
        """Write what was made below a name: an array when it is complete, groups at the end."""
        for key in [key for key in self._content if key.startswith(below)]:
            path, content = self.path / key, self._content.pop(key).to_bytes()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            self._digest.update(f"{key} {len(content)} ".encode() + content)

    def product(self, group: str = "", selection: Mapping[str, Any] | None = None) -> Product:
        """Finish, and return the reference to it."""
        self._write()
        version = self._digest.hexdigest()[:12]
        noted: Any = {
            "kind": self._kind,
            "layout": LAYOUT,
            "version": version,
            **origin(self._about),
        }
        self._root.attrs[_ABOUT] = {**self._about, **noted}
        self._write()
        product: Product = {"uri": self.path.as_uri(), "kind": self._kind, "version": version}
        if group:
            product["group"] = group
        if selection:
            product["selection"] = dict(selection)
        return product


class ZarrStore:
    """A store that is there. What it holds does not change, so that small arrays are read once."""

    def __init__(self, path: Path, about: Mapping[str, Any], root: Group) -> None:
        self.path = path
        self.about = about
        self._nodes: dict[str, Any] = {"": root}

    def groups(self) -> list[str]:
        """The names of the groups at the top, in order."""
        with self._reading("what it holds"):
            return sorted(self._node("").group_keys())

    def arrays(self, group: str = "") -> list[str]:
        """The names of the arrays of a group, or at the top; none where there is no such group."""
        with self._reading(group):
            return sorted(self._node(group).array_keys()) if self.has(group) else []

    def has(self, name: str) -> bool:
        """Whether there is a group or an array of this name."""
        with self._reading(name):
            return name in self._nodes or name in self._node("")

    def attributes(self, name: str = "") -> dict[str, Any]:
        """The attributes of a group or array."""
        with self._reading(f"attributes of {name}"):
            return dict(self._node(name).attrs)

    def array(self, name: str, where: Sequence[slice] = ()) -> NDArray[Any]:
        """An array, or the part of it between the bounds of its first dimensions.

        Of chunks those alone are read that have something of the part. Raises StoreUnusable for
        what is damaged.
        """
        with self._reading(f"array {name}"):
            array = self._node(name)
            # Zarr takes a chunk that is not there for zeros; we write all of them.
            files = (self.path / name).iterdir()
            there = sum(not file.name.startswith(".") for file in files)
            if self.about["version"] and (lost := array.nchunks - there) > 0:
                raise StoreUnusable(self._text(f"is damaged: array {name} has lost {lost} chunks"))
            return np.asarray(array[tuple(where) or ...])

    def _node(self, name: str) -> Any:
        if name not in self._nodes:
            try:
                self._nodes[name] = self._nodes[""][name]
            except KeyError:
                raise StoreUnusable(self._text(f"has no {name}")) from None
        return self._nodes[name]

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except StoreUnusable:
            raise
        except Exception as error:  # whatever comes of what is damaged
            raise StoreUnusable(
                self._text(f"is damaged: {what} cannot be read ({type(error).__name__}: {error})")
            ) from error

    def _text(self, what: str) -> str:
        return f"{self.about.get('kind', 'store')} {self.path} {what}"


def open_store(product: Product, *kinds: str) -> ZarrStore:
    """The store of a product of one of these kinds.

    Raises StoreUnusable if it is of another kind, damaged or of a newer version, FileNotFoundError
    if it is not there.
    """
    path = local_path(product)
    if not path.exists():
        raise FileNotFoundError(f"{product['kind']} {product['uri']} is not there")
    check(product["kind"], 0, kinds, product["uri"])
    try:
        status = (path / ".zattrs").stat()
        store = _opened(path, status.st_ino, status.st_mtime_ns)
        about = store.about
        layout = int(about["layout"])
    except Exception as error:  # whatever comes of what is no store
        raise StoreUnusable(
            f"{product['kind']} {path} is not a store of the sim library"
            f" ({type(error).__name__}: {error}); was it made with another --library?"
        ) from error
    check(about["kind"], layout, kinds, str(path))
    return store


def check(kind: str, layout: int, kinds: Sequence[str], where: str) -> None:
    """Raise StoreUnusable for what is of none of these kinds, or of a newer layout."""
    if kinds and kind not in kinds:
        raise StoreUnusable(f"expected {' or '.join(kinds)}, found {kind}: {where}")
    if layout > LAYOUT:
        raise StoreUnusable(
            f"{kind} {where} has layout {layout}, newer than {LAYOUT}, which is the newest that "
            "this radps-dag reads; update radps-dag"
        )


@lru_cache(maxsize=_MOST_STORES)
def _opened(path: Path, inode: int, time: int) -> ZarrStore:
    """The store at a path, as it was written then."""
    import zarr

    root = zarr.open_group(path, mode="r", zarr_format=_FORMAT, use_consolidated=False)
    about: Any = root.attrs[_ABOUT]
    return ZarrStore(path, dict(about), root)


def origin(about: Mapping[str, Any]) -> dict[str, str]:
    """The mark of what is simulated; of what data were opened for, none."""
    of_data = (about.get("observation") or {}).get("data") is not None
    return {} if of_data else {"simulated": SIMULATED}


def tuples(document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Those of the members that are there, as they were before they were JSON: no lists."""
    values = {name: document[name] for name in names if name in document}
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
