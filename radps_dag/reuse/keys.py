"""A call to its key: the digest of all that decides about what it makes.

A product that was made here counts by its content, not by its address: a node that makes the same
again, in another run or attempt, changes nothing for those after it.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from radps_dag.facts import Made
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError
from radps_dag.reuse.outside import Outside
from radps_dag.sealed import Sealed, salt_of
from radps_dag.storage.remote import is_local, path_of
from radps_dag.workloads.contract.description import Workload
from radps_dag.workloads.contract.fingerprint import fingerprint
from radps_dag.workloads.contract.products import uris_in
from radps_dag.workloads.contract.registry import Library

__all__ = ["Keys", "address_in"]


_ENCODER = json.JSONEncoder(sort_keys=True, default=str, check_circular=False)


class Keys:
    """Makes keys; knows the content of every directory that calls of this workspace have written.

    `look_up` is asked for the contents of the run, not known yet, to which a URI belongs, `altered`
    whether another run has changed in place what lies at an address, `changed` for the address of
    such data that a text names, and `before` how data from outside were before this run did so.
    `paths` are the texts that are known to be paths of data, from params.
    """

    def __init__(self, library: Library, workspace: Workspace, *, remember: bool = True) -> None:
        self._library = library
        self._workspace = workspace
        self._written: dict[str, Made] = {}
        self._sources: dict[str, str] = {}
        self.look_up: Callable[[str], None] = _nothing
        self.altered: Callable[[str], bool] = _never
        self.changed: Callable[[str], str] = _unchanged
        self.before: Callable[[str], str] = _unchanged
        self.paths: set[str] = set()
        self._remember = remember
        self._salt: bytes | None = None
        self._outside = Outside(workspace.root / "contents.jsonl", remember=remember)

    def source(self, workload: Workload) -> str:
        """The digest of a workload's code."""
        if workload.name not in self._sources:
            self._sources[workload.name] = fingerprint(workload)
        return self._sources[workload.name]

    def learn(self, made: Made) -> None:
        """Take note of what a call has written."""
        if made.workdir:
            self._written[made.workdir] = made

    def key(
        self,
        workload: Workload,
        arguments: Mapping[str, Any],
        seed: str,
        revisions: Iterable[str] = (),
    ) -> str:
        """The key of a call. `seed` counts where the workload draws random numbers; `revisions` are
        those of the calls it waits for that change data in place."""
        what = {
            "library": self._library.name,
            "workload": workload.name,
            "source": self.source(workload),
            "inputs": {name: self.identity(value) for name, value in arguments.items()},
            "seed": seed if "random" in workload.given.values() else "",
        }
        if ordered := sorted(revisions):
            what["revisions"] = ordered
        text = self._text(what)
        return sha256(text.encode()).hexdigest()[:32]

    def digest(self, value: Any) -> str:
        """The digest of a JSON value, its products by what they are."""
        text = self._text(self.identity(value))
        return sha256(text.encode()).hexdigest()[:16]

    def _text(self, value: Any) -> str:
        # Not strict JSON, in which what is not a number is the same as nothing.
        return self._workspace.relative(_ENCODER.encode(value))

    def identity(self, value: Any) -> Any:
        """The value, its products replaced by what they are, wherever they lie."""
        if isinstance(value, dict):
            if isinstance(value.get("uri"), str) and "kind" in value:
                content = self.content(value["uri"])
                if content is not None:
                    return {**self._members(value), "uri": "", "content": content}
                if (content := self.outside(value["uri"])) is not None:
                    return {**self._members(value), "outside": content}
            return self._members(value)
        if isinstance(value, list):
            return [self.identity(item) for item in value]
        if isinstance(value, Sealed):
            return {"secret": self._salted(value.content)}
        if isinstance(value, str) and (address := self.changed(value)):
            # A text counts as what it is; but this one is known to name data, which changed.
            return {"path": value, "outside": self.outside(address)}
        if isinstance(value, str) and value in self.paths:
            return {"path": value, "outside": self.outside(value)}
        return value

    def _salted(self, secret: str) -> str:
        """Digest of a secret, salted: without the workspace's salt it tells nothing."""
        if self._salt is None:
            self._salt = salt_of(self._workspace.root / "salt", remember=self._remember)
        return hmac.new(self._salt, secret.encode("utf-8", "surrogatepass"), sha256).hexdigest()

    def _members(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.identity(value[name]) for name in sorted(value)}

    def content(self, uri: str) -> str | None:
        """The digest of what lies there, if a call of this workspace has made it."""
        digest = self._found(uri)
        if digest is None:
            self.look_up(uri)
            digest = self._found(uri)
        return digest

    def outside(self, uri: str) -> str | None:
        """Digest of data that no call of this workspace has made, as it was before calls of this
        run changed it in place. Raises Unreachable.
        """
        return self.before(uri) or self._outside.content(uri)

    def now_outside(self, uri: str) -> str | None:
        """The same as it is now."""
        return self._outside.content(uri)

    def knows_all(self, value: Any) -> bool:
        """Whether calls of this workspace have made all products in a value."""
        uris = self._uris(value)
        return not uris or all(self.content(uri) is not None for uri in uris)

    def from_outside(self, value: Any) -> dict[str, str]:
        """The contents of the products in a value that no call of this workspace has made."""
        digests = {uri: self.outside(uri) for uri in self._uris(value) if self.content(uri) is None}
        return {uri: content for uri, content in digests.items() if content is not None}

    def noted(self, value: Any) -> dict[str, str]:
        """The same, "" for what cannot be looked at: it is never found to be as it was."""
        digests: dict[str, str] = {}
        for uri in self._uris(value):
            try:
                digests |= self.from_outside({"uri": uri, "kind": ""})
            except RadpsDagError:
                digests[uri] = ""
        return digests

    def _uris(self, value: Any) -> list[str]:
        """The addresses of the data in a value: of its products, and of texts that are paths."""
        uris = uris_in(value)
        if self.paths:
            uris += [text for text in _texts(value) if text in self.paths]
        return uris

    def maker(self, uri: str) -> Made | None:
        """Find the result of the call of this workspace that made the data at an address."""
        self.content(uri)
        folder = uri
        while folder := folder.rpartition("/")[0]:
            if folder in self._written:
                return self._written[folder]
        return None

    def contents(self, addresses: Iterable[str]) -> dict[str, str]:
        """The content of data from outside at these addresses; of the workspace's own ""."""
        digests = dict.fromkeys(addresses, "")
        for address in digests:
            with suppress(RadpsDagError):  # who cannot be asked what it was tells nothing later
                digests[address] = "" if self.maker(address) else self.outside(address) or ""
        return digests

    def entries(self, address: str) -> Iterator[str]:
        """List the addresses behind an address that calls of this workspace have written: the
        product that it is or is in, or all that is below it; the address itself if there is none.
        """
        made = self.maker(address)
        if made is not None:
            below = address[len(made.workdir) + 1 :].partition("/")[0]
            yield f"{made.workdir}/{below}"
            return
        inside = [made for folder, made in self._written.items() if _is_in(folder, address)]
        yield from (address_in(made.workdir, name) for made in inside for name in made.files)
        if not inside:
            yield address

    def _found(self, uri: str) -> str | None:
        uri = uri.rstrip("/")
        if (written := self._written.get(uri)) is not None:  # all that a call has written
            if any(self.altered(address_in(uri, name)) for name in written.files):
                return None
            text = json.dumps({name: digest for name, (_, digest) in written.files.items()})
            return sha256(text.encode()).hexdigest()[:32]
        folder, _, rest = uri.rpartition("/")
        below = rest
        while folder:
            made = self._written.get(folder)
            if made is not None:
                if is_local(uri):
                    below = unquote(below)
                name, _, inside = below.partition("/")
                if name not in made.files:
                    return None
                if self.altered(address_in(folder, name)):
                    return None  # it is not what the call has made any more
                _, digest = made.files[name]
                return f"{digest}/{inside}" if inside else digest
            folder, _, rest = folder.rpartition("/")
            below = f"{rest}/{below}"
        return None


def address_in(workdir: str, name: str) -> str:
    """The address of an entry of a call's directory."""
    return (path_of(workdir) / name).as_uri() if is_local(workdir) else f"{workdir}/{name}"


def _is_in(folder: str, address: str) -> bool:
    return folder == address or folder.startswith(f"{address}/")


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value, but for those in products."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping) and not ("uri" in value and "kind" in value):
        yield from (text for item in value.values() for text in _texts(item))
    elif isinstance(value, list | tuple):
        yield from (text for item in value for text in _texts(item))


def _nothing(uri: str) -> None:
    del uri


def _unchanged(uri: str) -> str:
    del uri
    return ""


def _never(address: str) -> bool:
    del address
    return False
