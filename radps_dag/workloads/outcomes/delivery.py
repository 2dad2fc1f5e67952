"""Outputs of workloads that deliver files, and of those that only play work."""

from __future__ import annotations

from typing import Any, TypedDict

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.units import Bytes, Fraction, Score

__all__ = [
    "Converging",
    "Drawn",
    "Exported",
    "Manifest",
    "Submitted",
    "Verified",
    "Worked",
]


class Exported(TypedDict):
    """A file for the archive.

    Attributes:
        file: the file
        checksum: its SHA-256
        size: its size
    """

    file: Product
    checksum: str
    size: Bytes


class Drawn(TypedDict):
    """A picture for people.

    Attributes:
        plot: the picture
    """

    plot: Product


class Manifest(TypedDict):
    """A list of files.

    Attributes:
        manifest: the list, with checksums
        files: how many there are
        size: size of all of them
    """

    manifest: Product
    files: int
    size: Bytes


class Submitted(TypedDict):
    """The archive's answer.

    Attributes:
        receipt: the archive's receipt
    """

    receipt: Product


class Verified(TypedDict):
    """Completeness of a delivery.

    Attributes:
        good: files present with the right checksum
        total: files of the manifest
        score: QA score: their share
    """

    good: int
    total: int
    score: Score


class Worked(TypedDict):
    """Result of simulated work.

    Attributes:
        value: the value handed through
        score: a number from 0 to 1, drawn at random
    """

    value: Any
    score: Fraction


class Converging(TypedDict):
    """Progress of a simulated solver.

    Attributes:
        residual: what is left after this iteration
    """

    residual: float
