"""Text to syntax trees, by Jinja2's grammar of expressions, with an offset at every node."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn, TypeVar

from radps_dag.language.expression import nodes
from radps_dag.language.expression.grammar import (
    MAX_DEPTH,
    ROOTS,
    TOOL_ROOTS,
    Finding,
    Read,
    examine,
    is_too_deep,
)
from radps_dag.language.expression.tokens import CLOSE, Token, Unreadable, tokens_of

__all__ = ["Parsed", "parse_text"]

T = TypeVar("T")


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


# Most expressions are a plain reference, for which the parser takes three times as long.
_PLAIN = re.compile(
    rf"(?P<path>(?:{'|'.join((*ROOTS, *TOOL_ROOTS))})"
    rf"(?:\.[A-Za-z_][A-Za-z0-9_]{{0,99}}){{1,20}})\s*(?P<close>}}}}|)"
)


def _plain(root: str, members: list[str]) -> nodes.Expr:
    """The tree of `steps.solve.snr`."""
    tree: nodes.Expr = nodes.Name(root, offset=0)
    offset = len(root)
    for member in members:
        tree = nodes.Getattr(tree, member, offset=offset)
        offset += len(member) + 1
    return tree


@lru_cache(maxsize=20_000)
def _parse_whole(text: str, delimited: bool) -> Parsed:
    if (match := _PLAIN.fullmatch(text)) and bool(match["close"]) is delimited:
        root, *members = match["path"].split(".")
        read = Read(root, tuple(members), 0, guarded=False, plain=True)
        return Parsed(match["path"], _plain(root, members), (read,), (), len(text))
    end = len(text) if delimited and text.endswith(CLOSE) else 0
    try:
        tokens = tokens_of(text, delimited)
        tree = _Parser(tokens).lone_expression()
        if len(tokens) > MAX_DEPTH and is_too_deep(tree):  # a level takes a token at least
            raise Unreadable(0, "the expression has too many operators in a row; split it")
        reads, findings = examine(tree)
    except Unreadable as error:
        return Parsed(text, None, findings=(Finding(error.offset, error.message),), end=end)
    except RecursionError:
        finding = Finding(0, "the expression is nested too deeply; split it")
        return Parsed(text, None, findings=(finding,), end=end)
    return Parsed(text[: tokens[-1].offset], tree, reads, findings, end)


_CHOICE, _NOT, _COMPARED, _JOINED = 1, 3, 4, 6
# How tightly operators bind, and what they make.
_OPERATORS: dict[str, tuple[int, type[nodes.BinExpr] | None]] = {
    "or": (_CHOICE, nodes.Or),
    "and": (2, nodes.And),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "not"), (_COMPARED, None)),
    "+": (5, nodes.Add),
    "-": (5, nodes.Sub),
    "~": (_JOINED, None),
    "*": (7, nodes.Mul),
    "/": (7, nodes.Div),
    "//": (7, nodes.FloorDiv),
    "%": (7, nodes.Mod),
    "**": (8, nodes.Pow),
}
_COMPARISONS = {
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "lteq",
    ">": "gt",
    ">=": "gteq",
    "in": "in",
    "not": "notin",
}
_CONSTANTS = {"true": True, "True": True, "false": False, "False": False, "none": None}
_CONSTANTS["None"] = None
_INSTEAD = {"=": "; to compare, write '=='", "|": "; for a choice, write 'or'"}


class _Parser:
    """One text; `_token` is the one that is looked at."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._token = tokens[0]

    def lone_expression(self) -> nodes.Expr:
        """The expression that all the tokens are."""
        if self._token.kind == "end":
            raise Unreadable(0, "the expression is empty")
        tree = self._expression()
        if self._token.kind != "end":
            self._refuse()
        return tree

    def _next(self) -> Token:
        """Go on; what was looked at is returned."""
        token = self._token
        self._index += 1
        self._token = self._tokens[self._index]
        return token

    def _took(self, text: str) -> bool:
        """Go past this text, if it is there."""
        there = self._token.text == text
        if there:
            self._next()
        return there

    def _expect(self, text: str) -> Token:
        if self._token.text != text:
            self._refuse(repr(text))
        return self._next()

    def _name(self) -> str:
        """A name that may have parts: `a.b`."""
        if self._token.kind != "name":
            self._refuse("'name'")
        name = self._next().text
        return f"{name}.{self._name()}" if self._took(".") else name

    def _refuse(self, expected: str = "") -> NoReturn:
        offset, kind, text = self._token
        if kind == "end":
            raise Unreadable(offset, "the expression ends too early")
        if expected and text not in _INSTEAD:
            raise Unreadable(offset, f"expected {expected}, found {text!r}")
        raise Unreadable(offset, f"unexpected {text!r}{_INSTEAD.get(text, '')}")

    def _expression(self) -> nodes.Expr:
        start = self._token.offset
        value = self._operation(_CHOICE)
        while self._took("if"):
            test = self._operation(_CHOICE)
            other = self._expression() if self._took("else") else None
            value = nodes.CondExpr(test, value, other, offset=start)
            start = self._token.offset
        return value

    def _operation(self, least: int) -> nodes.Expr:
        """Values and operators that bind at least so tightly."""
        start, before = self._token.offset, 0
        if least <= _NOT and self._took("not"):
            left: nodes.Expr = nodes.Not(self._operation(_NOT), offset=start)
        else:
            left = self._signed(filtered=True)
        while (operator := _OPERATORS.get(self._token.text)) and operator[0] >= least:
            level, kind = operator
            if level == _COMPARED:
                operands = list(self._operands())
                if not operands:  # `not` without `in`
                    break
                left = nodes.Compare(left, operands, offset=start)
            elif kind is None:
                parts = [left]
                while self._took("~"):
                    parts.append(self._operation(_JOINED + 1))
                left = nodes.Concat(parts, offset=start)
            else:
                at = self._next().offset
                right = self._operation(level + 1)
                left = kind(left, right, offset=at if level == before else start)
            before = level
        return left

    def _operands(self) -> Iterator[nodes.Operand]:
        """Yield the signs of a comparison, each with the value that follows."""
        while operator := _COMPARISONS.get(self._token.text):
            if operator == "notin":
                if self._tokens[self._index + 1].text != "in":
                    return
                self._next()
            self._next()
            yield nodes.Operand(operator, self._operation(_COMPARED + 1))

    def _signed(self, *, filtered: bool) -> nodes.Expr:
        start = self._token.offset
        value: nodes.Expr
        if self._took("-"):
            value = nodes.Neg(self._signed(filtered=False), offset=start)
        elif self._took("+"):
            value = nodes.Pos(self._signed(filtered=False), offset=start)
        else:
            value = self._primary()
        value = self._followed(value)
        while filtered:
            if self._took("|"):
                at = self._token.offset
                value = nodes.Filter(value, self._name(), *self._arguments(), offset=at)
            elif self._token.text == "is":
                value = self._test(value)
            elif self._token.text == "(":
                value = self._call(value)
            else:
                break
        return value

    def _followed(self, value: nodes.Expr) -> nodes.Expr:
        """A value with its members, subscripts and calls."""
        while True:
            match self._token.text:
                case ".":
                    at = self._next().offset
                    if self._token.kind == "integer":
                        value = nodes.Getitem(value, self._number(), offset=at)
                    elif self._token.kind == "name":
                        value = nodes.Getattr(value, self._next().text, offset=at)
                    else:
                        self._refuse("a name or a number")
                case "[":
                    at = self._next().offset
                    keys = self._listed("]", self._subscript)
                    only = keys[0] if len(keys) == 1 else nodes.Tuple(keys, offset=at)
                    value = nodes.Getitem(value, only, offset=at)
                case "(":
                    value = self._call(value)
                case _:
                    return value

    def _test(self, value: nodes.Expr) -> nodes.Expr:
        at = self._next().offset
        negated = self._took("not")
        name = self._name()
        arguments: tuple[list[nodes.Expr], list[nodes.Keyword]] = ([], [])
        token = self._token
        if token.text == "(":
            arguments = self._arguments()
        elif token.text == "is":
            raise Unreadable(token.offset, "tests cannot be chained with 'is'; write 'and'")
        elif token.text not in ("else", "or", "and") and (
            token.kind in ("name", "string", "integer", "float") or token.text in ("[", "{")
        ):
            arguments = [self._followed(self._primary())], []
        test = nodes.Test(value, name, *arguments, offset=at)
        return nodes.Not(test, offset=at) if negated else test

    def _call(self, function: nodes.Expr) -> nodes.Expr:
        at = self._token.offset
        args, kwargs = self._arguments()
        if function == _DEFAULT and len(args) > 1 and not kwargs:  # is `x | default(y)`
            return nodes.Filter(args[0], "default", args[1:], [], offset=at)
        return nodes.Call(function, args, kwargs, offset=at)

    def _arguments(self) -> tuple[list[nodes.Expr], list[nodes.Keyword]]:
        """The arguments in parentheses, if there are any."""
        args: list[nodes.Expr] = []
        kwargs: list[nodes.Keyword] = []
        if not self._took("("):
            return args, kwargs
        for argument in self._listed(")", self._argument):
            if isinstance(argument, nodes.Keyword):
                kwargs.append(argument)
            elif kwargs:
                raise Unreadable(argument.offset, "an argument without a name follows others")
            else:
                args.append(argument)
        return args, kwargs

    def _argument(self) -> nodes.Expr | nodes.Keyword:
        token = self._token
        if token.text in ("*", "**"):
            raise Unreadable(token.offset, "'*' and '**' are not allowed in a call")
        if token.kind == "name" and self._tokens[self._index + 1].text == "=":
            self._next()
            self._next()
            return nodes.Keyword(token.text, self._expression(), offset=token.offset)
        return self._expression()

    def _subscript(self) -> nodes.Expr:
        start = self._token.offset
        bounds: list[nodes.Expr | None] = [self._bound()]
        while len(bounds) < 3 and self._took(":"):
            bounds.append(self._bound())
        if len(bounds) == 1:
            return bounds[0] or self._expression()
        return nodes.Slice(*bounds, *[None] * (3 - len(bounds)), offset=start)

    def _bound(self) -> nodes.Expr | None:
        return None if self._token.text in (":", "]", ",") else self._expression()

    def _listed(self, closing: str, item: Callable[[], T]) -> list[T]:
        """Parse what stands between commas up to the closing bracket; a comma may be the last."""
        items: list[T] = []
        while self._token.text != closing:
            if items:
                self._expect(",")
                if self._token.text == closing:
                    break
            items.append(item())
        self._next()
        return items

    def _primary(self) -> nodes.Expr:
        token = self._token
        if token.kind in ("integer", "float"):
            return self._number()
        if token.kind == "string":
            parts = [self._text()]
            while self._token.kind == "string":
                parts.append(self._text())
            return nodes.Const("".join(parts), offset=token.offset)
        if token.kind == "name":
            word = self._next().text
            if word in _CONSTANTS:
                return nodes.Const(_CONSTANTS[word], offset=token.offset)
            if not word.isidentifier():
                raise Unreadable(token.offset, f"invalid character in the name {word!r}")
            return nodes.Name(word, offset=token.offset)
        if self._took("("):
            items = self._listed(")", self._expression)
            if len(items) == 1 and self._tokens[self._index - 2].text != ",":
                return items[0]
            return nodes.Tuple(items, offset=token.offset)
        if self._took("["):
            return nodes.List(self._listed("]", self._expression), offset=token.offset)
        if not self._took("{"):
            self._refuse()
        return nodes.Dict(self._listed("}", self._pair), offset=token.offset)

    def _pair(self) -> nodes.Pair:
        start = self._token.offset
        key = self._expression()
        self._expect(":")
        return nodes.Pair(key, self._expression(), offset=start)

    def _number(self) -> nodes.Const:
        offset, kind, text = self._next()
        digits = text.replace("_", "")
        try:
            value = float(digits) if kind == "float" else int(digits, 0)
        except ValueError:  # Python's own limit on the digits of an integer
            raise Unreadable(offset, "a number with too many digits") from None
        return nodes.Const(value, offset=offset)

    def _text(self) -> str:
        """The text of a string, its escapes as Python has them."""
        offset, _, quoted = self._next()
        if "\\" not in quoted:
            return quoted[1:-1]
        try:
            return quoted[1:-1].encode("ascii", "backslashreplace").decode("unicode-escape")
        except UnicodeDecodeError as error:
            raise Unreadable(offset, error.reason) from None


_DEFAULT = nodes.Name("default")
