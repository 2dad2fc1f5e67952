"""Secret values: sealed where a run handles them, opened for the call that gets one, never shown.

A param that is marked `secret` has a `Sealed` value. To all who hand it on, compare, show or record
it, that is the text `***`; what it holds is taken out in one place, where the workload is called.
What comes back from there is searched for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, quote_plus

__all__ = [
    "NO_SECRETS",
    "SHORTEST",
    "STARS",
    "HidingStream",
    "Sealed",
    "Secrets",
    "salt_of",
    "variable",
]

STARS = "***"
# A shorter one is found in texts that have nothing to do with it.
SHORTEST = 8
VARIABLE = "RADPS_DAG_PARAM_"


class Sealed(str):
    """A secret value, which is `***` to everybody. `content` is what it holds; no copy, pickle or
    JSON of it has that."""

    __slots__ = ("content",)
    content: str

    def __new__(cls, content: str) -> Self:
        """Seal the content."""
        sealed = super().__new__(cls, STARS)
        sealed.content = content
        return sealed

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (STARS,)

    def __deepcopy__(self, memo: object) -> Sealed:
        return self


def variable(name: str) -> str:
    """The environment variable that gives a secret param.

    >>> variable("token")
    'RADPS_DAG_PARAM_TOKEN'
    """
    return VARIABLE + name.upper()


@dataclass(frozen=True)
class Secrets:
    """The values that a run must not show: the contents of its secret params, by name."""

    contents: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self.contents)})"

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Secrets:
        """The secrets among the values of params, or of inputs."""
        contents = {n: secret.content for n, secret in params.items() if isinstance(secret, Sealed)}
        return cls(contents) if contents else NO_SECRETS

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        # The longest first: one may be the beginning of another.
        forms = {form for content in self.contents.values() for form in _forms(content)}
        longest_first = sorted(forms, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def hide(self, text: str) -> str:
        """The text, each secret in it replaced by stars."""
        return text if self._pattern is None else self._pattern.sub(STARS, text)

    def hide_bytes(self, content: bytes) -> bytes:
        """The same of a text in UTF-8, or what is left of it."""
        text = content.decode("utf-8", "surrogateescape")
        return self.hide(text).encode("utf-8", "surrogateescape")

    def found_in(self, value: Any) -> str:
        """The name of a secret param that a JSON value holds, in a text or a key; "" for none."""
        if self._pattern is None:
            return ""
        for text in filter(self._pattern.search, _texts(value)):
            for name, content in self.contents.items():
                if any(form in text for form in _forms(content)):
                    return name
        return ""


NO_SECRETS = Secrets({})


class HidingStream:
    """Stands in for a stream of text: what is written is searched for secrets first."""

    def __init__(self, stream: Any, secrets: Secrets) -> None:
        self._stream = stream
        self._secrets = secrets

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write the text without the secrets in it."""
        self._stream.write(self._secrets.hide(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write the lines without the secrets in them."""
        for line in lines:
            self.write(line)


def salt_of(path: Path, *, remember: bool = True) -> bytes:
    """The random salt that a file keeps, for its owner alone; made, where there is none yet."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    salt = secrets.token_bytes(32)
    if remember:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".salt-")
        os.write(descriptor, salt)
        os.close(descriptor)
        # Of two processes that make one, the first has made it.
        with contextlib.suppress(FileExistsError):
            os.link(name, path)
        Path(name).unlink()
        return path.read_bytes()
    return salt


def _forms(content: str) -> Iterator[str]:
    """Yield the forms of a text in other texts: as it is, line by line, and quoted for an address,
    in Python or in JSON.
    """
    for part in (content, content.strip(), *content.splitlines()):
        if len(part) >= SHORTEST:
            yield part
            yield quote(part)
            yield quote(part, safe="")
            yield quote_plus(part)
            yield repr(part)[1:-1]
            yield json.dumps(part)[1:-1]
            yield json.dumps(part, ensure_ascii=False)[1:-1]


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str() | int() | float():
            yield str(value)
        case Mapping():
            for key, item in value.items():
                yield str(key)
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
