"""Products on this machine to addresses of the local server, and back.

An address names the folder of a run's products by a token, and a path below it. The token is made
of the folder with the server's secret, so that nobody guesses one, and entered in a table in the
server's private directory: so the server serves nothing that no run of its user has named, and
addresses are short enough to be read. They hold as long as the server's password does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

__all__ = [
    "PRODUCTS_PATH",
    "REPORTS_PATH",
    "Link",
    "Links",
    "Table",
    "address",
    "no_link",
    "secret_of",
]

PRODUCTS_PATH = "/radps/products/"
REPORTS_PATH = "/radps/reports/"
KEPT = 60 * 86400.0  # seconds; twice as long as the page knows of a run
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16}")

# The address that opens a product, by its URI; "" where there is none.
Link = Callable[[str], str]


def no_link(uri: str) -> str:
    """Give no link: without a server of ours that serves products, addresses stay as they are."""
    del uri
    return ""


def secret_of(auth_string: str, purpose: str) -> bytes:
    """A secret that only who has the server's password can know, another one for each purpose."""
    return hmac.new(auth_string.encode(), purpose.encode(), hashlib.sha256).digest()


class Table:
    """The folders that have an address, of products or, with that `purpose`, of runs for their
    reports: a file for each, named by its token."""

    def __init__(self, directory: Path, auth_string: str, purpose: str = "products") -> None:
        self._directory = directory
        self._secret = secret_of(auth_string, purpose)

    def enter(self, folder: Path) -> str:
        """The token of a folder, which the server knows from now on. Raises OSError."""
        token = self._token(os.fsencode(folder))
        path = self._directory / token
        try:
            os.utime(path)  # still in use
        except FileNotFoundError:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            temporary = self._directory / f".{token}-{secrets.token_hex(4)}"
            # Nobody else's, as all of the server's home.
            temporary.touch(mode=0o600, exist_ok=False)
            temporary.write_bytes(os.fsencode(folder))
            temporary.replace(path)
        return token

    def folder(self, token: str) -> Path | None:
        """The folder that somebody has entered."""
        if not _TOKEN.fullmatch(token):
            return None
        try:
            named = (self._directory / token).read_bytes()
        except OSError:
            return None
        same = hmac.compare_digest(self._token(named), token)
        return Path(os.fsdecode(named)) if same else None

    def forget(self) -> None:
        """Take out what no page speaks of any more."""
        with suppress(OSError):
            for path in list(self._directory.iterdir()):
                if path.stat().st_mtime < time.time() - KEPT:
                    path.unlink()

    def _token(self, named: bytes) -> str:
        digest = hmac.new(self._secret, named, hashlib.sha256).digest()
        return urlsafe_b64encode(digest[:12]).decode()


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of products of the runs that lie below `runs`: each run has a folder there,
    and `inside` of that one are its products ("" if that is the folder itself)."""

    table: Table = field(repr=False)
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
        try:
            token = self.table.enter(self.runs.joinpath(*below[:depth]))
        except OSError:
            return ""  # a full disk, say: the product has its URI all the same
        return address(token, below[depth:])


def address(token: str, names: Sequence[str]) -> str:
    """The address of what has these names below a folder of products."""
    below = "/".join(quote(os.fsencode(name), safe="") for name in names)
    return f"{PRODUCTS_PATH}{token}/{below}"
