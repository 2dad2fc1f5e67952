"""Addresses as they may be shown and recorded: all but the password."""

from __future__ import annotations

import re

__all__ = ["redacted"]

_AFTER_USER = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
_IN_QUERY = re.compile(r"([?&][^=&\s]*(?:password|secret|token|key)=)[^&\s]+", re.IGNORECASE)


def redacted(text: str) -> str:
    """The text, the passwords of the URLs in it replaced by stars.

    >>> redacted("--store postgresql://me:secret@host/radps?sslpassword=too")
    '--store postgresql://me:***@host/radps?sslpassword=***'
    """
    return _IN_QUERY.sub(r"\1***", _AFTER_USER.sub(r"\1:***@", text))
