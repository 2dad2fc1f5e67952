"""Visitors who may see products and reports: by the password, or by the cookie of a page.

A browser sends the password along with what Prefect's page asks for, but not where it opens a link
or shows a picture. So the answer to a page that gave it brings a cookie. It is not the password, is
sent to these alone, and opens none of them without a signed address: cookies know no ports,
so that another server of this machine might see it.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterator, MutableMapping
from typing import Any

from radps_dag.prefect.server.links import PRODUCTS_PATH, REPORTS_PATH, secret_of

__all__ = ["Visitors"]

Scope = MutableMapping[str, Any]


class Visitors:
    """Knows the one password of the server."""

    def __init__(self, auth_string: str) -> None:
        self._basic = b"Basic " + b64encode(auth_string.encode())
        # Of its own name: two servers of one machine share what a browser keeps.
        name = secret_of(auth_string, "name of the cookie").hex()[:8]
        self._cookie = f"radps-dag-{name}={secret_of(auth_string, 'cookie').hex()}".encode()

    def knows(self, scope: Scope) -> bool:
        """Whether the request is of somebody who has logged in."""
        return self._gives_password(scope) or any(
            hmac.compare_digest(cookie.strip(), self._cookie)
            for cookies in _values(scope, b"cookie")
            for cookie in cookies.split(b";")
        )

    def cookie(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """The header that lets a browser in, if its page has given the password."""
        # Browsers alone say so; other programs give the password each time.
        by_page = b"same-origin" in _values(scope, b"sec-fetch-site")
        if not by_page or not self._gives_password(scope):
            return []
        return [
            (b"set-cookie", self._cookie + f"; Path={path}; HttpOnly; SameSite=Strict".encode())
            for path in (PRODUCTS_PATH, REPORTS_PATH)
        ]

    def _gives_password(self, scope: Scope) -> bool:
        given = _values(scope, b"authorization")
        return any(hmac.compare_digest(header, self._basic) for header in given)


def _values(scope: Scope, header: bytes) -> Iterator[bytes]:
    return (value for name, value in scope["headers"] if name == header)
