"""Products on this machine to addresses of the local server, and back.

An address is signed with the server's secret: so the server needs no list of workspaces, and serves
nothing that no run of its user has named. What is signed is the folder of a run's products; what
follows is a path below it. An address holds as long as the server's password does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

__all__ = ["PRODUCTS_PATH", "Link", "Links", "address", "no_link", "secret_of", "signed_folder"]

PRODUCTS_PATH = "/radps/products/"
# The address that opens a product, by its URI; "" where there is none.
Link = Callable[[str], str]


def no_link(uri: str) -> str:
    """Where no server of ours serves products, their addresses stay what they are."""
    del uri
    return ""


def secret_of(auth_string: str, purpose: str) -> bytes:
    """A secret that only who has the server's password can know, another one for each purpose."""
    return hmac.new(auth_string.encode(), purpose.encode(), hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of products of the runs that lie below `runs`: each run has a folder there,
    and `inside` of that one are its products ("" if that is the folder itself)."""

    secret: bytes = field(repr=False)
    runs: Path
    inside: str = ""

    def of(self, uri: str) -> str:
        """The address that opens a product; "" if it is not of a run, or not on this machine.

        Without the host: the page may be seen through a forwarded port.
        """
        url = urlsplit(uri)
        if url.scheme not in ("", "file") or (url.scheme and url.netloc):
            return ""
        path = os.fsdecode(unquote_to_bytes(url.path)) if url.scheme else uri
        if not Path(path).is_relative_to(self.runs):
            return ""
        below = Path(path).relative_to(self.runs).parts
        # The folder of a run's products is named by its run, or by that and a name inside.
        depth = 2 if self.inside else 1
        if len(below) < depth or ".." in below or self.inside not in ("", *below[1:2]):
            return ""
        return address(self.secret, self.runs.joinpath(*below[:depth]), below[depth:])


def address(secret: bytes, folder: Path, names: Sequence[str]) -> str:
    """The address of what has these names below a folder of products."""
    named = urlsafe_b64encode(os.fsencode(folder)).decode().rstrip("=")
    below = "/".join(quote(os.fsencode(name), safe="") for name in names)
    return f"{PRODUCTS_PATH}{named}.{_signature(secret, named)}/{below}"


def signed_folder(secret: bytes, token: str) -> Path | None:
    """The folder that an address names, if we have signed it."""
    named, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(secret, named).encode()):
        return None
    return Path(os.fsdecode(urlsafe_b64decode(named + "=" * (-len(named) % 4))))


def _signature(secret: bytes, named: str) -> str:
    digest = hmac.new(secret, named.encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")
