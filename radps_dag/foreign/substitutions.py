"""`{current.prefix}-image.fits` and `=GLOB(...)` to texts with our expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from radps_dag.foreign.cab_types import Unsayable
from radps_dag.foreign.drafts import identifier

__all__ = ["with_inputs"]

_BRACES = re.compile(r"\{(?P<path>[^{}]*)\}")
_GLOB = re.compile(r"=\s*GLOB\(\s*(?P<quote>['\"]?)(?P<text>.*?)(?P=quote)\s*\)")


def with_inputs(text: str, inputs: Mapping[str, Any]) -> str:
    """The text with an expression for each input in braces. Raises Unsayable.

    >>> with_inputs("{current.prefix}-image.fits", {"prefix": {}})
    '${{ inputs.prefix }}-image.fits'
    """
    match = _GLOB.fullmatch(text.strip())
    if match is not None:
        text = match["text"]
    elif text.startswith("="):
        raise Unsayable(f"the formula {text!r:.60} is not understood")

    def expression(match: re.Match[str]) -> str:
        path = match["path"].removeprefix("current.").removeprefix("inputs.")
        name = identifier(path)
        if name not in inputs:
            raise Unsayable(f"{match[0]!r:.60} names no input")
        return f"${{{{ inputs.{name} }}}}"

    return _BRACES.sub(expression, text)
