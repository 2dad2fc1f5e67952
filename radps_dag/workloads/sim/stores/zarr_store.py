"""Arrays with names, dimensions and attributes to a zarr store, and back.

Every store says what it is, that it is simulated, and the version of its layout; its own version
is the digest of all that is in it. Zarr's format 2 is what xradio and astroviper read today.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.reading import local_path

__all__ = ["LAYOUT", "SIMULATED", "StoreUnusable", "Writing", "ZarrStore", "open_store"]

SIMULATED = "simulated by radps-dag's sim library; not a measurement"
# The version of the layout of these stores: one that is newer is not read.
LAYOUT = 1
_ABOUT = "radps_dag"
_FORMAT: Literal[2] = 2
# Cubes are read some channels at a time.
_CHANNELS_PER_CHUNK = 16


class StoreUnusable(ValueError):
    """A store that is damaged, of another kind, or of a newer version."""


class Writing:
    """A store that is being written, in a directory that must not be there yet."""

    def __init__(self, path: Path, kind: str, about: Mapping[str, Any]) -> None:
        import zarr

        from radps_dag.workloads.sim.stores.plain_store import PlainStore

        self._path = path.resolve()
        self._kind = kind
        self._about = dict(about)
        self._root = zarr.open_group(PlainStore(self._path), mode="w-", zarr_format=_FORMAT)
        # Where a parent lies is no part of what is in here; which one it is, is.
        parent = (about.get("parent") or {}).get("version")
        self._digest = sha256(_stable({"kind": kind, **self._about, "parent": parent}))

    @property
    def path(self) -> Path:
        """The directory, for what is copied into it."""
        return self._path

    def group(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Make a group with these attributes, such as `target_spw0/antenna_xds`."""
        self._root.require_group(name).attrs.update(dict(attributes))
        self._digest.update(name.encode() + _stable(attributes))

    def attributes(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Set attributes of a group that is there, also of one copied in; of all where it is ""."""
        (self._root[name] if name else self._root).attrs.update(dict(attributes))
        self._digest.update(name.encode() + _stable(attributes))

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
            overwrite=True,
            # With a value for what is not there, xarray takes zeros for missing; and a chunk of
            # zeros that was not written could not be told from one that got lost.
            fill_value=None,
            config={"write_empty_chunks": True},
            attributes={"_ARRAY_DIMENSIONS": list(dimensions), **(attributes or {})},
        )
        array[...] = values
        self._digest.update(
            name.encode()
            + _stable([values.dtype.str, values.shape, [*dimensions], attributes or {}])
        )
        self._digest.update(values.tobytes())

    def includes(self, version: str) -> None:
        """Count what was copied in from a store of this version."""
        self._digest.update(version.encode())

    def product(self, group: str = "", selection: Mapping[str, Any] | None = None) -> Product:
        """Finish, and return the reference to it."""
        version = self._digest.hexdigest()[:12]
        self._root.attrs.update(
            {
                _ABOUT: {
                    **self._about,
                    "kind": self._kind,
                    "layout": LAYOUT,
                    "version": version,
                    "simulated": SIMULATED,
                }
            }
        )
        product: Product = {"uri": self._path.as_uri(), "kind": self._kind, "version": version}
        if group:
            product["group"] = group
        if selection:
            product["selection"] = dict(selection)
        return product


class ZarrStore:
    """A store that is there."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path = path
        self.about = about

    def groups(self) -> list[str]:
        """The names of the groups at the top, in order."""
        return _members(self.path, ".zgroup")

    def arrays(self, group: str = "") -> list[str]:
        """The names of the arrays of a group, or at the top; none where there is no such group."""
        return _members(self.path / group, ".zarray")

    def attributes(self, name: str = "") -> dict[str, Any]:
        """The attributes of a group or array.

        They are read without zarr, which takes a millisecond for a small file.
        """
        try:
            found: dict[str, Any] = json.loads((self.path / name / ".zattrs").read_bytes())
        except FileNotFoundError:
            raise self._unusable(f"has no {name}") from None
        except ValueError as error:
            raise self._unusable(
                f"is damaged: attributes of {name} cannot be read ({error})"
            ) from error
        return found

    def array(self, name: str, where: Sequence[slice] = ()) -> NDArray[Any]:
        """An array, or the part of it between the bounds of its first dimensions.

        Raises StoreUnusable for what is damaged. Of chunks those alone are read that have something
        of the part. They are not compressed, so they are read as they are: zarr takes a millisecond
        for each, and one that is not there for zeros.
        """
        try:
            about = json.loads((self.path / name / ".zarray").read_bytes())
            shape, chunks = tuple(about["shape"]), tuple(about["chunks"])
            dtype = np.dtype(about["dtype"])
            if about["compressor"] or about["filters"] or about["order"] != "C":
                raise ValueError("its chunks are not plain")
            if len(shape) != len(chunks) or not all(chunks):
                raise ValueError("its chunks are of another shape")
        except (FileNotFoundError, NotADirectoryError):
            raise self._unusable(f"has no array {name}") from None
        except Exception as error:  # whatever comes of damaged metadata
            raise self._unusable(
                f"is damaged: array {name} cannot be read ({type(error).__name__}: {error})"
            ) from error
        every = (*where, *[slice(None)] * (len(shape) - len(where)))
        along = [_along(*one) for one in zip(every, shape, chunks, strict=True)]
        numbers = [of_part for of_part, _ in along]
        first = [of_part.start for of_part in numbers]
        values = np.empty([len(n) * chunk for n, chunk in zip(numbers, chunks, strict=True)], dtype)
        for place in product(*numbers):
            there = tuple(
                slice((at - start) * chunk, (at - start + 1) * chunk)
                for at, start, chunk in zip(place, first, chunks, strict=True)
            )
            values[there] = self._chunk(name, place, dtype, chunks)
        return values[tuple(part for _, part in along)]

    def _chunk(
        self, name: str, place: Sequence[int], dtype: np.dtype[Any], shape: Sequence[int]
    ) -> NDArray[Any]:
        chunk = self.path / name / (".".join(map(str, place)) or "0")
        try:
            content = chunk.read_bytes()
        except FileNotFoundError:
            raise self._unusable(f"is damaged: array {name} has no chunk {chunk.name}") from None
        except OSError as error:
            raise self._unusable(
                f"is damaged: array {name} cannot be read ({type(error).__name__}: {error})"
            ) from error
        whole = prod(shape) * dtype.itemsize
        if len(content) != whole:
            raise self._unusable(
                f"is damaged: chunk {chunk.name} of array {name} has {len(content)} bytes, "
                f"not {whole}"
            )
        return np.frombuffer(content, dtype).reshape(shape)

    def _unusable(self, what: str) -> StoreUnusable:
        return StoreUnusable(f"{self.about.get('kind', 'store')} {self.path} {what}")


def _along(part: slice, size: int, chunk: int) -> tuple[range, slice]:
    """The chunks of a dimension that have something of a part of it, and where that is in them."""
    start, stop, step = part.indices(size)
    stop = max(start, stop)
    numbers = range(start // chunk, -(-stop // chunk))
    before = numbers.start * chunk
    return numbers, slice(start - before, stop - before, step)


def open_store(product: Product, *kinds: str) -> ZarrStore:
    """The store of a product of one of these kinds.

    Raises StoreUnusable if it is of another kind, damaged or of a newer version, FileNotFoundError
    if it is not there.
    """
    path = local_path(product)
    if not path.exists():
        raise FileNotFoundError(f"{product['kind']} {product['uri']} is not there")
    if kinds and product["kind"] not in kinds:
        raise StoreUnusable(
            f"expected {' or '.join(kinds)}, found {product['kind']}: {product['uri']}"
        )
    try:
        if json.loads((path / ".zgroup").read_bytes())["zarr_format"] != _FORMAT:
            raise ValueError("it is of another format of zarr")
        about: dict[str, Any] = dict(json.loads((path / ".zattrs").read_bytes())[_ABOUT])
        layout = int(about["layout"])
    except Exception as error:  # whatever comes of what is no store
        raise StoreUnusable(
            f"{product['kind']} {path} is no store of the sim library"
            f" ({type(error).__name__}: {error}); was it made with another --library?"
        ) from error
    if layout > LAYOUT:
        raise StoreUnusable(
            f"{product['kind']} {path} has layout {layout}, newer than {LAYOUT}, which is "
            "the newest that this radps-dag reads; update radps-dag"
        )
    if kinds and about["kind"] not in kinds:
        raise StoreUnusable(f"expected {' or '.join(kinds)}, found {about['kind']}: {path}")
    return ZarrStore(path, about)


def _members(path: Path, metadata: str) -> list[str]:
    """The names of what is directly below a group and has metadata of this name.

    Zarr takes milliseconds for what is a look into a directory.
    """
    return sorted(one.parent.name for one in path.glob(f"*/{metadata}"))


def _stable(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()
