"""Text to the words and signs of an expression, each with its offset."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["CLOSE", "MAX_LENGTH", "OPEN", "Token", "Unreadable", "tokens_of"]

MAX_LENGTH = 10_000
MAX_TOKENS = 1_000
MAX_NESTING = 40

OPEN, CLOSE = "${{", "}}"

# As in Jinja2, whose grammar this is.
_TOKEN = re.compile(
    r"""\s*(?:(?P<float>(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][-+]?(?:\d+_)*\d+|\.(?:\d+_)*\d+))"""
    r"""|(?P<integer>0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+"""
    r"""|[1-9](?:_?\d)*|0(?:_?0)*)"""
    r"""|(?P<name>\w+)"""
    r"""|(?P<string>'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*")"""
    r"""|(?P<sign>//|\*\*|==|!=|>=|<=|[-+/*%~\[\](){}<>=.:|,;]))""",
    re.DOTALL,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_BRACKETS = frozenset("()[]{}")
# What people write from other languages, and what it is here.
_ELSEWHERE = {
    "&": "unexpected '&'; write 'and'",
    "!": "unexpected '!'; write 'not'",
    "?": "unexpected '?'; write 'x if condition else y'",
    "'": "a quote ' that is not closed",
    '"': 'a quote " that is not closed',
}


class Unreadable(Exception):
    """The text is not an expression; what is wrong, and the offset where."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


class Token(NamedTuple):
    """A word or sign as it is written; `kind` is float, integer, name, string, sign or end."""

    offset: int
    kind: str
    text: str


def tokens_of(text: str, delimited: bool) -> list[Token]:
    """The tokens of an expression, with one for its end. A `delimited` text ends with the closing
    delimiter, if there is one. Raises Unreadable.
    """
    inner = text.removesuffix(CLOSE) if delimited else text
    if len(inner) > MAX_LENGTH:
        raise Unreadable(0, f"the expression is longer than {MAX_LENGTH} characters; split it")
    tokens: list[Token] = []
    unclosed: list[str] = []
    end = 0
    for match in _TOKEN.finditer(inner):
        kind = match.lastgroup or ""
        if match.start() != end:
            break
        token = Token(match.start(kind), kind, match[kind])
        end = match.end()
        if token.text in _BRACKETS:
            _nest(token, unclosed, inner)
        tokens.append(token)
    rest = inner[end:].lstrip()
    if rest:
        message = _ELSEWHERE.get(rest[0], f"unexpected character {rest[0]!r}")
        raise Unreadable(len(inner) - len(rest), message)
    if len(tokens) > MAX_TOKENS:
        message = f"the expression has more than {MAX_TOKENS} words and signs; split it"
        raise Unreadable(tokens[MAX_TOKENS].offset, message)
    if delimited:
        _refuse_end(text, inner, unclosed)
    tokens.append(Token(len(inner.rstrip()), "end", ""))
    return tokens


def _nest(token: Token, unclosed: list[str], inner: str) -> None:
    """Keep the brackets that are still open, by what closes them."""
    if token.text in _CLOSING:
        unclosed.append(_CLOSING[token.text])
        if len(unclosed) > MAX_NESTING:
            raise Unreadable(token.offset, f"parentheses are nested deeper than {MAX_NESTING}")
    elif not unclosed:
        closes = inner.startswith(CLOSE, token.offset)
        raise Unreadable(token.offset, f"unexpected '{CLOSE if closes else token.text}'")
    elif (expected := unclosed.pop()) != token.text:
        raise Unreadable(token.offset, f"unexpected '{token.text}', expected '{expected}'")


def _refuse_end(text: str, inner: str, unclosed: list[str]) -> None:
    if inner is text or not text.endswith(CLOSE):
        raise Unreadable(0, f"'{OPEN}' is not closed by '{CLOSE}'")
    if unclosed:
        raise Unreadable(len(inner), f"unexpected '}}', expected '{unclosed[-1]}'")
    if inner.endswith("-"):
        raise Unreadable(len(inner) - 1, f"unexpected '-' before '{CLOSE}'")
