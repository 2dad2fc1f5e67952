"""Text to syntax trees, by Jinja2's lexer and parser, with an offset at every node."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NoReturn

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import TokenStream
from jinja2.parser import Parser
from jinja2.visitor import NodeTransformer

from radps_dag.language.expression.grammar import (
    MAX_DEPTH,
    ROOTS,
    TOOL_ROOTS,
    Finding,
    Read,
    examine,
    is_too_deep,
)

__all__ = ["CLOSE", "MAX_LENGTH", "OPEN", "Parsed", "parse_text"]

MAX_LENGTH = 10_000
MAX_TOKENS = 1_000
MAX_NESTING = 40

OPEN, CLOSE = "${{", "}}"
# Block and comment delimiters are characters that no YAML file can hold.
_ENVIRONMENT = Environment(  # noqa: S701 - nothing is rendered, only parsed
    variable_start_string=OPEN,
    variable_end_string=CLOSE,
    block_start_string="\x00%",
    block_end_string="%\x00",
    comment_start_string="\x00#",
    comment_end_string="#\x00",
    keep_trailing_newline=True,
)

_Token = tuple[int, str, str]


class _Unreadable(Exception):
    """The text is not an expression; what is wrong, and the offset where."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed text, wherever it stands. `tree` is None where there are findings."""

    text: str
    tree: nodes.Expr | None
    reads: tuple[Read, ...] = ()
    findings: tuple[Finding, ...] = ()
    end: int = 0  # offset after the closing delimiter


def parse_text(text: str, delimited: bool) -> Parsed:
    """Parse `text`, which begins with no space, up to the closing delimiter if `delimited`."""
    if not delimited:
        return _parse_whole(text, False)
    # Texts are shared by what stands between the delimiters, not with all that follows.
    return _parse_whole(text[: _end(text)], True)


_QUOTED_OR_BRACE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[{}]""", re.DOTALL)
_WITHOUT_EITHER = re.compile(r"""[^'"{}]*}}""")


def _end(text: str) -> int:
    """The offset after the closing delimiter: the first that is in no string and no mapping."""
    if match := _WITHOUT_EITHER.match(text):
        return match.end()  # as most are
    depth = 0
    for match in _QUOTED_OR_BRACE.finditer(text):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            if not depth and text.startswith(CLOSE, match.start()):
                return match.start() + len(CLOSE)
            depth -= 1
    return len(text)


# Most expressions are a plain reference, for which Jinja2's parser takes ten times as long.
_PLAIN = re.compile(
    rf"(?P<path>(?:{'|'.join((*ROOTS, *TOOL_ROOTS))})"
    rf"(?:\.[A-Za-z_][A-Za-z0-9_]{{0,99}}){{1,20}})\s*(?P<close>}}}}|)"
)


def _plain(root: str, members: list[str]) -> nodes.Expr:
    """The tree that Jinja2 makes of `steps.solve.snr`."""
    tree: nodes.Expr = nodes.Name(root, "load", lineno=0)
    offset = len(root)
    for member in members:
        tree = nodes.Getattr(tree, member, "load", lineno=offset)
        offset += len(member) + 1
    return tree


@lru_cache(maxsize=20_000)
def _parse_whole(text: str, delimited: bool) -> Parsed:
    end = 0
    if (match := _PLAIN.fullmatch(text)) and bool(match["close"]) is delimited:
        root, *members = match["path"].split(".")
        read = Read(root, tuple(members), 0, guarded=False, plain=True)
        return Parsed(match["path"], _plain(root, members), (read,), (), len(text))
    try:
        tokens, end = _tokens(text, delimited)
        inner = (text[: end - len(CLOSE)] if delimited else text).rstrip()
        tree, reads, findings = _examined(tokens, len(inner))
    except _Unreadable as error:
        return Parsed(text, None, findings=(Finding(error.offset, error.message),), end=end)
    except RecursionError:
        finding = Finding(0, "the expression is nested too deeply; split it")
        return Parsed(text, None, findings=(finding,), end=end)
    return Parsed(inner, tree, reads, findings, end)


# Jinja2's own tokens, where nothing about them is doubtful: its lexer takes five times as long.
_SIMPLE = re.compile(
    r"""(?P<whitespace>[ ]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""|(?P<float>(?<!\.)[0-9]+\.[0-9]+(?![\w.]))|(?P<integer>(?:[1-9][0-9]*|0)(?![\w.]))"""
    r"""|(?P<string>'[^'\\\n\r]*'|"[^"\\\n\r]*")"""
    r"""|(?P<operator>//|\*\*|==|!=|>=|<=|[-+/*%~\[\]()<>=.:|,])"""
)
_OPENING = {")": "(", "]": "["}


def _simple_tokens(text: str) -> list[_Token] | None:
    """The tokens of a text without delimiters; None where Jinja2 has to look."""
    if len(text) > MAX_TOKENS or text.endswith("-"):
        return None
    tokens: list[_Token] = []
    unclosed: list[str] = []
    end = 0
    for match in _SIMPLE.finditer(text):
        kind, value = match.lastgroup, match[0]
        if match.start() != end or kind is None:
            return None
        end = match.end()
        if kind == "operator" and value in "([":
            unclosed.append(value)
        elif value in _OPENING and (not unclosed or unclosed.pop() != _OPENING[value]):
            return None
        if kind != "whitespace":
            tokens.append((match.start(), kind, value))
    return (
        None
        if end < len(text) or unclosed or text.count("(") + text.count("[") > MAX_NESTING
        else tokens
    )


def _tokens(text: str, delimited: bool) -> tuple[list[_Token], int]:
    """Jinja2's raw tokens, with offsets in place of line numbers, and the end."""
    inner = text.removesuffix(CLOSE) if delimited else text
    if inner is not text or not delimited:
        simple = _simple_tokens(inner)
        if simple is not None:
            return simple, len(text) if delimited else 0
    return _any_tokens(text, delimited)


def _any_tokens(text: str, delimited: bool) -> tuple[list[_Token], int]:
    """The same of every text."""
    if "\x00" in text:
        raise _Unreadable(text.index("\x00"), "a NUL character in the expression")
    tokens: list[_Token] = []
    nesting = 0
    for offset, kind, value in _raw_tokens(text):
        if kind == "variable_end":
            if not delimited:
                raise _Unreadable(offset, f"unexpected '{CLOSE}'")
            if value != CLOSE:
                raise _Unreadable(offset, f"unexpected '-' before '{CLOSE}'")
            return tokens, offset + len(value)
        if offset + len(value) > MAX_LENGTH:
            message = f"the expression is longer than {MAX_LENGTH} characters; split it"
            raise _Unreadable(0, message)
        if kind != "whitespace":
            tokens.append((offset, kind, value))
            if len(tokens) > MAX_TOKENS:
                message = f"the expression has more than {MAX_TOKENS} words and signs; split it"
                raise _Unreadable(offset, message)
        nesting += (value in "([{") - (value in ")]}") if kind == "operator" else 0
        if nesting > MAX_NESTING:
            raise _Unreadable(offset, f"parentheses are nested deeper than {MAX_NESTING}")
    if delimited:
        raise _Unreadable(0, f"'{OPEN}' is not closed by '{CLOSE}'")
    return tokens, 0


def _raw_tokens(text: str) -> Iterator[_Token]:
    """Every token with its offset, white space included."""
    stream = _ENVIRONMENT.lexer.tokeniter(text, None, None, "variable")
    offset = 0
    while True:
        try:
            _, kind, value = next(stream)
        except StopIteration:
            return
        except TemplateSyntaxError as error:
            _reject(error.message or "", offset)
        yield offset, kind, value
        offset += len(value)


class _Parser(Parser):
    """Jinja2's parser for tokens that are there already."""

    def __init__(self, stream: TokenStream) -> None:
        vars(self).update(_empty_parser(), stream=stream)


@cache
def _empty_parser() -> dict[str, Any]:
    # Made once: it begins with a search of a text for tokens.
    return vars(Parser(_ENVIRONMENT, ""))


_Examined = tuple[nodes.Expr, tuple[Read, ...], tuple[Finding, ...]]
_SAMPLES = {"integer": "1", "float": "1.5"}


def _examined(tokens: list[_Token], end: int) -> _Examined:
    """The tree of tokens, what it reads, and what is not allowed in it.

    Of texts that differ in numbers alone, as those of nodes made by a program do, one is parsed.
    """
    if not tokens:
        raise _Unreadable(0, "the expression is empty")
    try:
        try:
            tree, reads, findings = _sample(tuple(_alike(tokens)))
        except TemplateSyntaxError:
            _parsed(tokens)  # for its offsets, and the numbers in its words
            raise
        tree = _moulded(tree, tokens)
    except TemplateSyntaxError as error:
        _reject(error.message or "", _where(error, end))
    except ValueError:  # Python's own limit on the digits of an integer
        raise _Unreadable(tokens[0][0], "a number with too many digits") from None
    if findings:
        return tree, *examine(tree)
    return tree, tuple(read._replace(offset=tokens[read.offset][0]) for read in reads), ()


def _alike(tokens: list[_Token]) -> Iterator[_Token]:
    """Tokens with their count for an offset, and a sample in place of each harmless number."""
    for count, (_, kind, value) in enumerate(tokens):
        if kind in _SAMPLES and len(value) < 16 and "e" not in value.lower():
            yield count, kind, _SAMPLES[kind]
        else:
            yield count, kind, value


@lru_cache(maxsize=1_000)
def _sample(tokens: tuple[_Token, ...]) -> _Examined:
    tree = _parsed(tokens)
    if len(tokens) > MAX_DEPTH and is_too_deep(tree):  # a level takes a token at least
        raise _Unreadable(0, "the expression has too many operators in a row; split it")
    tree = _AsFilter().visit(tree)
    return tree, *examine(tree)


def _parsed(tokens: Iterable[_Token]) -> nodes.Expr:
    stream = TokenStream(_ENVIRONMENT.lexer.wrap(tokens), None, None)
    tree = _Parser(stream).parse_expression()
    if not stream.eos:
        raise TemplateSyntaxError(f"unexpected {stream.current.value!r}", stream.current.lineno)
    return tree


def _moulded(part: nodes.Node, tokens: list[_Token]) -> Any:
    """A part of a sample's tree, with the offsets and the numbers of these tokens."""
    made = object.__new__(type(part))
    members = vars(made)
    members.update(vars(part))
    for name in part.fields:
        value = members[name]
        if isinstance(value, nodes.Node):
            members[name] = _moulded(value, tokens)
        elif isinstance(value, list):
            members[name] = [_moulded(item, tokens) for item in value]
    if part.lineno is not None:
        members["lineno"], kind, text = tokens[part.lineno]
        if kind in _SAMPLES and type(part) is nodes.Const:
            members["value"] = int(text.replace("_", ""), 0) if kind == "integer" else float(text)
    return made


class _AsFilter(NodeTransformer):
    """`default(x, y)` is `x | default(y)`."""

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - Jinja2's name for it
        self.generic_visit(node)
        if not isinstance(node.node, nodes.Name) or node.node.name != "default":
            return node
        if len(node.args) < 2 or node.kwargs or node.dyn_args or node.dyn_kwargs:
            return node
        first, *others = node.args
        return nodes.Filter(first, "default", others, [], None, None, lineno=node.lineno)


def _where(error: TemplateSyntaxError, end: int) -> int:
    return end if "end of template" in (error.message or "") else error.lineno


# What people write from other languages, and what it is here.
_HINTS = (
    (re.compile(r"unexpected char '&'"), "unexpected '&'; write 'and'"),
    (re.compile(r"unexpected char '!'"), "unexpected '!'; write 'not'"),
    (re.compile(r"unexpected char '\?'"), "unexpected '?'; write 'x if condition else y'"),
    (re.compile(r"unexpected '='"), "unexpected '='; to compare, write '=='"),
    (re.compile(r"got '\|'|unexpected '\|'"), "unexpected '|'; for a choice, write 'or'"),
    (re.compile(r"end of template"), "the expression ends too early"),
    (re.compile(r"unexpected char ['\"](['\"])['\"] at"), r"a quote \1 that is not closed"),
)


def _reject(message: str, offset: int) -> NoReturn:
    """Jinja2's words in ours."""
    for pattern, words in _HINTS:
        if match := pattern.search(message):
            raise _Unreadable(offset, match.expand(words))
    message = re.sub(r" at \d+$", "", message)
    message = re.sub(r"^expected token ('.*'), got ('.*')$", r"expected \1, found \2", message)
    message = re.sub(r"'end of print statement'", "the end", message)
    raise _Unreadable(offset, message[:1].lower() + message[1:])
