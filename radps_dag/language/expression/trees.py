"""Text to syntax trees, by Jinja2's lexer and parser, with an offset at every node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from operator import is_not
from typing import Any, NamedTuple, NoReturn

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


class Parsed(NamedTuple):
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


_NAMES = {root: nodes.Name(root, "load", lineno=0) for root in (*ROOTS, *TOOL_ROOTS)}


def _plain(root: str, members: list[str]) -> nodes.Expr:
    """The tree that Jinja2 makes of `steps.solve.snr`."""
    tree: nodes.Expr = _NAMES[root]
    offset = len(root)
    for member in members:
        tree = nodes.Getattr(tree, member, "load", lineno=offset)
        offset += len(member) + 1
    return tree


# A number that Jinja2 reads as Python does, and that is sure to be small enough.
_NUMBER = re.compile(
    r"(?<![\w.])(?<![0-9][eE][-+])(?:[1-9][0-9]{0,14}|0)(?:\.[0-9]{1,15})?(?![\w.])"
)
_ONES = str.maketrans("0123456789", "1111111111")


@lru_cache(maxsize=20_000)
def _parse_whole(text: str, delimited: bool) -> Parsed:
    if (match := _PLAIN.fullmatch(text)) and bool(match["close"]) is delimited:
        root, *members = match["path"].split(".")
        read = Read(root, tuple(members), 0, guarded=False, plain=True)
        return Parsed(match["path"], _plain(root, members), (read,), (), len(text))
    # In the nodes that a program makes, texts differ in numbers alone: one of them is parsed.
    numbers: dict[int, str] = {}

    def as_ones(number: re.Match[str]) -> str:
        numbers[number.start()] = number[0]
        return number[0].translate(_ONES)

    sample = text if "'" in text or '"' in text else _NUMBER.sub(as_ones, text)
    if numbers:
        alike = _parse_alike(sample, delimited)
        if alike.tree is not None and not alike.findings:
            tree = _with_numbers(alike.tree, numbers)
            if not numbers:
                return Parsed(text[: len(alike.text)], tree, alike.reads, (), alike.end)
    return _parse_alone(text, delimited)


def _with_numbers(part: nodes.Node, numbers: dict[int, str]) -> Any:
    """A tree with these numbers, which are taken, at their offsets; the rest of it is shared."""
    others: dict[str, Any] = {}
    if type(part) is nodes.Const and (text := numbers.pop(part.lineno, "")):
        others["value"] = float(text) if "." in text else int(text)
    for name, member in vars(part).items():
        if isinstance(member, nodes.Node):
            if (other := _with_numbers(member, numbers)) is not member:
                others[name] = other
        elif isinstance(member, list) and member:
            items = [_with_numbers(item, numbers) for item in member]
            if any(map(is_not, items, member)):
                others[name] = items
    if not others:
        return part
    made = object.__new__(type(part))
    vars(made).update(vars(part), **others)
    return made


def _parse_alone(text: str, delimited: bool) -> Parsed:
    end = 0
    try:
        tokens, end = _tokens(text, delimited)
        inner = (text[: end - len(CLOSE)] if delimited else text).rstrip()
        tree = _tree(tokens, len(inner))
        if len(tokens) > MAX_DEPTH and is_too_deep(tree):  # a level takes a token at least
            raise _Unreadable(0, "the expression has too many operators in a row; split it")
        reads, findings = examine(tree)
    except _Unreadable as error:
        return Parsed(text, None, findings=(Finding(error.offset, error.message),), end=end)
    except RecursionError:
        finding = Finding(0, "the expression is nested too deeply; split it")
        return Parsed(text, None, findings=(finding,), end=end)
    return Parsed(inner, tree, reads, findings, end)


_parse_alike = lru_cache(maxsize=1_000)(_parse_alone)


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


def _tree(tokens: list[_Token], end: int) -> nodes.Expr:
    if not tokens:
        raise _Unreadable(0, "the expression is empty")
    try:
        stream = TokenStream(_ENVIRONMENT.lexer.wrap(tokens), None, None)
        tree = _Parser(stream).parse_expression()
    except TemplateSyntaxError as error:
        _reject(error.message or "", _where(error, end))
    except ValueError:  # Python's own limit on the digits of an integer
        raise _Unreadable(tokens[0][0], "a number with too many digits") from None
    if not stream.eos:
        _reject(f"unexpected {stream.current.value!r}", stream.current.lineno)
    if any(value == "default" for _, _, value in tokens):
        written: nodes.Expr = _AsFilter().visit(tree)
        return written
    return tree


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
