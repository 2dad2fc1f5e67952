"""Record of a call: its files, its additions to the context, and what its key was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Added", "Files", "Made"]

# By name in the call's directory: bytes in all, and a digest of the content.
Files = Mapping[str, tuple[int, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """One thing that a call gave to the context: a value under a key or, where `withdrawn` is a
    product's URI, the word that this product is not to be used any more, with the reason."""

    key: str = ""
    value: Any = None
    withdrawn: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The record of a call's results for those after it, in this run and in later ones.

    `key` is the digest of all that decides about the outputs. `workdir` is the URI of the
    directory that the call wrote, "" if none; `files` are what it holds, and `marks` what a place
    elsewhere says of them that changes with their content. `reads` are the digests of what it
    looked up in the context. `origin` is the run that computed it, "" for this one, now.

    Of a call that changes data in place, `revision` is the name of this one execution, and
    `changed` says by address how it left that data. `outside` are products in the result that no
    call of the workspace has made, by address with the digests of their content.
    """

    key: str
    workdir: str = ""
    files: Files = field(default_factory=dict)
    added: tuple[Added, ...] = ()
    reads: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)
    revision: str = ""
    changed: Files = field(default_factory=dict)
    outside: Mapping[str, str] = field(default_factory=dict)
