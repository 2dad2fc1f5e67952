"""Pictures made by calls to pictures that a report can carry."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from radps_dag.report.nodes import Picture, Score
from radps_dag.report.values import Shown
from radps_dag.storage.remote import is_local, path_of
from radps_dag.views.calls import NodeView
from radps_dag.workloads.contract.products import products_in

__all__ = ["LARGEST", "content_of", "pictures_of"]

LARGEST = 20_000_000  # bytes of one picture
_MEDIA = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
}
_BEGINNINGS = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_SVG = re.compile(
    rb"\s*(<\?xml[^>]*>)?\s*(<!--.*?-->\s*)*(<!DOCTYPE[^>]*>)?\s*<svg[\s>]", re.DOTALL
)
_UNFIT = re.compile(r"[^A-Za-z0-9._=+-]+")


def pictures_of(
    view: NodeView, score: Score | None, shown: Shown, seen: set[str]
) -> Iterator[Picture]:
    """The pictures that a call left, but for those that were seen before: several nodes may hand
    one on."""
    for uri, about in _addresses(view).items():
        media = _MEDIA.get(Path(unquote(uri)).suffix.lower())
        if media is None or uri in seen:
            continue
        seen.add(uri)
        file = unquote(uri.rstrip("/").rpartition("/")[2])
        path, size, missing = _looked_at(uri, media)
        name = f"{len(seen):04}-{_UNFIT.sub('-', file)[-60:]}"
        yield Picture(
            view.place, file, shown.text(uri), name, about, path, size, media, score, missing
        )


def content_of(picture: Picture) -> bytes:
    """The content, if it is still that of a picture; else nothing."""
    try:
        data = b"" if picture.path is None else picture.path.read_bytes()
    except OSError:
        return b""
    return data if _is_one(data[:4000], picture.media) else b""


def _addresses(view: NodeView) -> dict[str, str]:
    """Addresses with what they show, as far as it is said."""
    captions: dict[str, str] = {}
    products: list[Any] = [view.outputs]
    if view.made is not None:
        products += [addition.value for addition in view.made.added]
        for name in view.made.files:
            captions[f"{view.made.workdir}/{quote(name)}"] = ""
    for product in products_in(products):
        captions[str(product["uri"])] = _words(product)
    return captions


def _words(product: Mapping[str, Any]) -> str:
    """The caption of a product: its kind, its description, what it is of."""
    selection = product.get("selection")
    of = ""
    if isinstance(selection, Mapping):
        of = ", ".join(f"{name} {_listed(value)}" for name, value in sorted(selection.items()))
    parts = (product.get("description"), product.get("kind"), product.get("group"), of)
    return ", ".join(str(part) for part in parts if part)


def _listed(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _looked_at(uri: str, media: str) -> tuple[Path | None, int, str]:
    """The path of a picture and its bytes, or why there is none."""
    if not is_local(uri):
        return None, 0, "not on this machine"
    try:
        path = path_of(uri)
        size = path.stat().st_size
        if not path.is_file():
            return None, 0, "not a file"
        if size > LARGEST:
            return None, size, f"larger than {LARGEST // 1_000_000} MB"
        with path.open("rb") as file:
            beginning = file.read(4000)
    except (OSError, ValueError):
        return None, 0, "not here"
    return (path, size, "") if _is_one(beginning, media) else (None, 0, "not a picture")


def _is_one(beginning: bytes, media: str) -> bool:
    if media == "image/svg+xml":
        return _SVG.match(beginning.removeprefix(b"\xef\xbb\xbf")) is not None
    return beginning.startswith(_BEGINNINGS[media])
