"""Expressions: what is understood, what is refused and where, and that nothing gets out of hand."""

from __future__ import annotations

import doctest
import inspect
from typing import Any

import pytest
from examples import examples
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from repository import ROOT

from radps_dag.language.expression import (
    Expression,
    ExpressionError,
    Listing,
    Literal,
    Object,
    Template,
    evaluate,
    infer,
    member_of,
    parse_expression,
    parse_value,
    references,
    trees,
)
from radps_dag.language.expression.bounds import Budget
from radps_dag.language.expression.comparing import may_hold
from radps_dag.language.expression.tables import FILTERS, FUNCTIONS, TESTS
from radps_dag.language.shape import ANY, NULL, STRING, Shape, list_of, mismatch, of_value, union
from radps_dag.language.source import Table, parse
from radps_dag.problem import Location, Problem, Source

PARAMS: dict[str, Any] = {
    "n": 3,
    "x": 2.5,
    "s": "abc",
    "yes": True,
    "nothing": None,
    "xs": [1, 2, 3],
    "words": ["b", "a"],
    "m": {"a": 1, "b": [1, 2]},
    "rows": [{"name": "one", "snr": 7.0}, {"name": "two", "snr": 3.0}],
}
NAMES = {"params": PARAMS, "steps": {"solve": {"snr": 9.5, "ms": {"uri": "u"}}}, "stages": {}}


def read(text: str) -> tuple[Any, list[Problem]]:
    problems: list[Problem] = []
    at = Location(Source("p.yaml", text), 1, 1)
    return parse_value(text, at, lambda container, key: at, problems.append), problems


def value_of(expression: str, names: dict[str, Any] | None = None) -> Any:
    value, problems = read("${{ " + expression + " }}")
    assert not problems
    return evaluate(value, NAMES if names is None else names)


def refusal(expression: str) -> str:
    """Why an expression is refused, before the run or in it."""
    value, problems = read("${{ " + expression + " }}")
    if problems:
        return " ".join(problem.message for problem in problems)
    with pytest.raises(ExpressionError) as caught:
        evaluate(value, NAMES)
    return caught.value.message


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("params.n + 1", 4),
        ("params['n'] * 2 - 1", 5),
        ("7 // 2 + 7 % 2 + 2 ** 3", 12),
        ("1 / 4", 0.25),
        ("-params.n", -3),
        ("params.n > 2 and not params.yes is string", True),
        ("1 < params.n <= 3 != 4", True),
        ("'b' in params.words and 'ab' in params.s and 'a' in params.m", True),
        ("5 not in params.xs", True),
        ("params.s ~ params.n ~ params.yes ~ params.nothing", "abc3truenull"),
        ("'a' + 'b'", "ab"),
        ("[1] + [2, (3, 4)]", [1, 2, [3, 4]]),
        ("{'a': params.n, 'b': {}}", {"a": 3, "b": {}}),
        ("'yes' if params.n == 3 else 'no'", "yes"),
        ("params.xs[0] + params.xs[-1]", 4),
        ("params.xs[1:]", [2, 3]),
        ("params.s[:2]", "ab"),
        ("params.nothing or 4", 4),
        ("0x10 + 1_000", 1016),
        ("params.rows | map(attribute='snr') | max", 7.0),
        ("params.rows | selectattr('snr', 'gt', 5) | map(attribute='name') | join(', ')", "one"),
        ("params.xs | map('string') | join('-')", "1-2-3"),
        ("zip(params.xs, range(3)) | first", [1, 0]),
        ("at({'keys': ['a', 'b'], 'x': [1, 2], 'failed': ['c'], 'n': 3}, 'b')", {"x": 2}),
        ("at({'keys': [1, 1.5, true], 'x': [1, 2, 3]}, 1.5).x", 2),
        ("at({'keys': []}, 0) is defined", False),
        (
            "align(a={'keys': ['p', 'q'], 'x': [1, 2]}, b={'keys': ['q', 'p', 'r']})",
            [{"key": "p", "a": {"x": 1}, "b": {}}, {"key": "q", "a": {"x": 2}, "b": {}}],
        ),
        ("params.m | items", [["a", 1], ["b", [1, 2]]]),
        ("[[1], [2, 3]] | flatten | sum", 6),
        ("[3, 1, 3, true] | unique", [3, 1, True]),
        ("[0.2, 1.7] | map('clip', 0, 1) | mean", 0.6),
        ("erf(0) + sqrt(4) + log10(100) + exp(0)", 5.0),
        ("2.345 | round(2)", round(2.345, 2)),
        ("2.1 | round(method='ceil') | int", 3),
    ],
)
def test_expressions_compute(expression: str, value: Any) -> None:
    """An expression gives the value that Jinja2's grammar and the tables say."""
    assert value_of(expression) == value


def test_a_lone_expression_keeps_its_type_and_text_around_it_makes_a_string() -> None:
    """`${{ 3 }}` is a number, `spw${{ 3 }}` a string."""
    assert evaluate(read("${{ params.n }}")[0], NAMES) == 3
    assert evaluate(read("  ${{ params.n }} ")[0], NAMES) == 3
    assert evaluate(read("spw${{ params.n }}")[0], NAMES) == "spw3"
    assert evaluate(read("${{ params.n }}${{ params.m }}")[0], NAMES) == '3{"a": 1, "b": [1, 2]}'


def test_braces_and_quotes_do_not_end_an_expression_early() -> None:
    """The closing delimiter inside a string or a mapping belongs to the expression."""
    assert value_of("'}}' ~ {'a': {'b': 1}}['a']['b']") == "}}1"
    assert value_of("'${{'") == "${{"


def test_constants_and_containers() -> None:
    """Data without expressions is one constant; with them, only what must be computed is."""
    at = Location(Source("p", ""), 1, 1)
    problems: list[Problem] = []
    whole = parse_value({"a": [1, "x"]}, at, lambda container, key: at, problems.append)
    mixed = parse_value({"a": ["${{ params.n }}"]}, at, lambda c, k: at, problems.append)
    assert whole == Literal({"a": [1, "x"]}, at)
    assert isinstance(mixed, Object)
    assert isinstance(mixed.entries[0][1], Listing)
    assert evaluate(mixed, NAMES) == {"a": [3]}
    assert [str(one) for one in references(mixed)] == ["params.n"]
    assert not problems


def test_conditions_take_their_delimiters_or_not() -> None:
    """`when: x > 1` and `when: ${{ x > 1 }}` are the same, and nothing may follow."""
    problems: list[Problem] = []
    for text in ("params.n > 1", "${{ params.n > 1 }}", "  ${{params.n > 1}} "):
        at = Location(Source("p", text), 1, 1)
        expression = parse_expression(text, at, problems.append)
        assert expression is not None
        assert expression.text == "params.n > 1"
        assert evaluate(expression, NAMES) is True
    assert not problems
    at = Location(Source("p", ""), 1, 1)
    assert parse_expression("${{ params.n }} > 1", at, problems.append) is None
    assert "text after the expression" in problems[0].message


def test_references_say_what_is_read_and_where() -> None:
    """Every name with its constant path, its place, and whether its absence is provided for."""
    text = "${{ steps.a.x[0].y + (steps['b'].z | default(params.n)) }}"
    value, _ = read(text)
    found = [(str(one), one.at.column, one.guarded) for one in references(value)]
    assert found == [
        ("steps.a.x", 5, False),
        ("steps.b.z", 23, True),
        ("params.n", 46, False),
    ]


@pytest.mark.parametrize(
    ("expression", "guarded"),
    [
        ("steps.a.x if steps.a.x is defined else 1", [True, True]),
        ("1 if steps.a.x is undefined else steps.a.x", [True, True]),
        ("steps.a.x is defined and steps.a.x.y > 3", [True, True]),
        ("steps.a is defined and steps.a.x > 3 and steps.b.x", [True, True, False]),
        ("steps.a.x if steps.b.x is defined else 1", [False, True]),
        ("(steps.a.xs | max) | default(0)", [True]),
        ("steps.a.x | default(steps.b.x)", [True, False]),
        ("steps.a.x | default(steps.b.x, steps.c.x)", [True, True, False]),
        ("default(steps.a.x, steps.b.x, steps.c.x)", [True, True, False]),
        ("default(steps.a.x, steps.b.x) | default(steps.c.x)", [True, True, False]),
    ],
)
def test_guards(expression: str, guarded: list[bool]) -> None:
    """`default(...)` and `is defined` provide for what they ask about, and nothing else."""
    value, _ = read("${{ " + expression + " }}")
    assert [one.guarded for one in references(value)] == guarded


def test_default_is_for_absence_alone() -> None:
    """A value that is none, false or empty is a value; what was skipped has none."""
    assert value_of("params.nothing | default(4)") is None
    assert value_of("steps.skipped.x | default(4)") == 4
    assert value_of("steps.skipped.x + 1 | default(4)", {"steps": {"skipped": {"x": 1}}}) == 2
    assert value_of("[] | max | default(0)") == 0
    assert value_of("steps.skipped.x | default(steps.gone.x, 5, 6)") == 5
    assert value_of("default(steps.skipped.x, steps.gone.x, 7)") == 7
    assert "'steps.gone' has no value" in refusal("default(steps.skipped.x, steps.gone.x)")
    assert value_of("steps.skipped.x is defined") is False
    assert value_of("steps.solve.ms.uri is defined") is True


def test_absence_says_who_was_skipped() -> None:
    """What has no value is named, with the likely reason."""
    assert "'steps.gone' has no value: 'gone' was skipped or has failed" in refusal("steps.gone.x")
    assert "did you mean 'snr'?" in refusal("steps.solve.snrr")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("params.n + 's'", "'~' joins anything as text"),
        ("params.yes + 1", "'+' takes a number, found true"),
        ("params.s * 3", "'*' takes a number"),
        ("params.s < 3", "have no order"),
        ("1 / 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("(-8) ** 0.5", "not a real number"),
        ("1e308 * 10", "no number that JSON has"),
        ("9223372036854775807 + 1", "more than 64 bits"),
        ("params.xs[7]", "has 3 items, and no [7]"),
        ("params.n.real", "is 3, and has no member 'real'"),
        ("params.s.upper", "is a string, and has no member 'upper'"),
        ("params.xs | first | upper", "'upper' takes a string"),
        ("[1, 'a'] | sort", "numbers only or strings only"),
        ("'12a' | int", "'12a' is not an integer"),
        ("'nan' | float", "no number that JSON has"),
        ("sqrt(-1)", "has no value"),
        ("zip([1], [1, 2])", "lists of one length"),
        ("at(params.xs, 0)", "takes a node with for_each"),
        ("at({'keys': [0]}, [0])", "takes a key, which is a text or a number"),
        ("at({'keys': [0, '0']}, 0)", "takes keys that differ"),
        ("at({'keys': [0], 'x': []}, 0)", "1 keys, and 0 items of 'x'"),
        ("at({'keys': [0], 'failed': [1]}, 1)", "no instance has the key '1': it has failed"),
        ("align(a={'keys': []}, b={'x': []})", "takes a node with for_each"),
        ("params.xs | map('pad')", "applies no filter 'pad'"),
        ("params.xs | select('beyond', 1)", "applies no test 'beyond'"),
        ("5 is divisibleby 0", "division by zero"),
    ],
)
def test_wrong_values_are_refused_in_words(expression: str, words: str) -> None:
    """A value that does not do is an error with its cause, never a Python exception."""
    assert words in refusal(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "range(10**9)",
        "range(-9000000000000000000, 9000000000000000000)",
        "'a' * 10**9",
        "[0] * 10**9",
        "2 ** 10**8",
        "10.0 ** 1000000",
        "2 ** 62 * 2 ** 62",
        "'%1000000000d' % 1",
        "'{:>1000000000}'.format(1)",
        "range(100000) | join(range(100000) | join)",
        "range(100000) | map('join', range(100000) | join)",
        "range(100000) | map('string') | map('replace', '', range(100000) | join) | join",
        "range(100000) | select('in', range(100000))",
        "align("
        + ", ".join(f"{name}={{'keys': range(100000), 'x': range(100000)}}" for name in "abcdefgh")
        + ")",
        "range(100000) | map('string') | join('a' | replace('', range(90000) | join))",
        "zip(" + ", ".join(["range(100000)"] * 20) + ")",
        "[" + ", ".join(["range(100000)"] * 20) + "] | string",
        "[" + ", ".join(["range(100000)"] * 20) + "] | flatten",
        "1" + " + 1" * 5000,
        "(" * 5000 + "1" + ")" * 5000,
        "[" * 5000 + "]" * 5000,
        "not " * 5000 + "true",
        "-" * 5000 + "1",
        "1 if true else " * 1000 + "1",
        "params" + ".a" * 4000,
        "'" + "a" * 20_000 + "'",
        "9" * 6000,
        "1e" + "9" * 6000,
    ],
)
def test_hostile_expressions_are_refused(expression: str) -> None:
    """What would fill the memory, the stack or the day is refused before it does."""
    assert refusal(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__",
        "params.__class__",
        "params['__class__']['__mro__']",
        "(params.xs).append",
        "params.m.items",
        "params.xs | first | attr('real')",
        "params.clear()",
        "''.join(params.words)",
        "self",
        "cycler",
        "lipsum()",
        "namespace(a=1)",
        "dict(a=1)",
        "range.__globals__",
        "params | map('attr', '__class__')",
        "caller()",
        "super()",
        "[x for x in params.xs]",
        "lambda: 1",
        "__import__('os')",
        "params.rows | map(attribute='__class__')",
        "params.s is callable",
        "params.s | safe",
        "range(*params.xs)",
        "range(**params.m)",
    ],
)
def test_nothing_of_python_is_in_reach(expression: str) -> None:
    """Members are those of JSON objects, and only what the tables list can be called."""
    assert refusal(expression)


def test_results_are_bounded_even_if_they_grow_over_iterations() -> None:
    """A state that doubles itself is refused at a million values, not at the end of memory."""
    value, _ = read("${{ [state.x, state.x] }}")
    state: Any = 1
    with pytest.raises(ExpressionError, match=r"larger than 1,000,000|deeper than 100"):
        for _ in range(200):
            state = evaluate(value, {"state": {"x": state}})
    value, _ = read("${{ [state.x] }}")
    state = 1
    with pytest.raises(ExpressionError, match="nested deeper than 100"):
        for _ in range(200):
            state = evaluate(value, {"state": {"x": state}})


def test_errors_in_the_run_have_their_column() -> None:
    """An error points into the expression, not at its beginning."""
    text = "${{ params.n + params.s | length / 0 }}"
    value, _ = read(text)
    with pytest.raises(ExpressionError) as caught:
        evaluate(value, NAMES)
    assert caught.value.at.column == text.index("params.s") + 1


@pytest.mark.parametrize(
    "yaml",
    [
        "v: ${{ parms.n }}",
        "v: text ${{ params.n }} and ${{ parms.n }}",
        'v: "text \\" ${{ parms.n }}"',
        "v: 'it''s ${{ parms.n }}'",
        "v: >-\n  some text\n  folded ${{ params.n }}\n\n  and ${{ parms.n }}",
        "v: |\n    some text\n      ${{ params.n }}\n    and ${{ parms.n }}\n",
        "v: plain\n  and folded\n  ${{ parms.n }}",
        "v: >\n  ${{ params.n\n  +\n  parms.n }}",
    ],
)
def test_places_through_every_way_to_write_a_text(yaml: str) -> None:
    """Line and column are those of the wrong word in the file, however the text is written."""
    problems: list[Problem] = []
    document = parse(Source("p.yaml", yaml), problems.append)
    assert document is not None
    table: Table = document.data
    parse_value(table["v"], table.value_at("v"), lambda c, k: c.value_at(k), problems.append)
    assert len(problems) == 1
    assert problems[0].at.text[problems[0].at.column - 1 :].startswith("parms.n")


def test_every_mistake_of_an_expression_is_told_at_once() -> None:
    """Unknown names, filters and tests are found together."""
    _, problems = read("${{ (parms.n | lenght) is intger }} ${{ nobody }}")
    assert [problem.at.column for problem in problems] == [6, 16, 24, 41]


def test_a_wrong_expression_leaves_no_trace_for_other_rules() -> None:
    """What cannot be read stands for a value of which nothing is known."""
    value, problems = read("${{ parms.n }}")
    assert problems
    assert not list(references(value))
    assert infer(value, lambda path: ANY) == ANY


def test_arguments_can_be_named_as_the_tables_name_them() -> None:
    """What the check of a call lets through is what the function takes."""
    for table in (FILTERS, FUNCTIONS, TESTS):
        for operation in table.values():
            taken = inspect.signature(operation.call).parameters
            names = {name.lstrip("_") for name, of in taken.items() if of.kind != of.VAR_POSITIONAL}
            assert set(operation.parameters) - {"*", "**"} <= names, operation.name
            open_ended = any(of.kind == of.VAR_POSITIONAL for of in taken.values())
            assert open_ended == ("*" in operation.parameters), operation.name
    assert value_of("range(start=1, stop=3)") == [1, 2]
    assert value_of("steps.no.x | default(otherwise=3)") == 3


def test_the_tables_are_documented() -> None:
    """Every entry has a usage that parses and a summary, and they say their own name."""
    for table in (FILTERS, FUNCTIONS, TESTS):
        for name, operation in table.items():
            assert name == operation.name
            assert name in operation.usage
            assert operation.summary


# --- with any text

WORDS = [
    *("params", "params.n", "params.s", "params.xs", "params.m", "steps.solve.snr", "steps.no.x"),
    *("1", "0", "2.5", "'a'", "'%s'", "true", "none", "[", "]", "(", ")", "{", "}", ",", ":", "|"),
    *(".", "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "and", "or", "not"),
    *("in", "is", "if", "else", "defined", "default(1)", "range(3)", "zip", "max", "sort", "join"),
    *(
        "map('string')",
        "select('gt', 1)",
        "length",
        "}}",
        "${{",
        "'",
        '"',
        "\\",
        "10**9",
        "__class__",
        "range(start=3)",
        "sort(reverse=true)",
        "round(method='ceil')",
    ),
]


def known(path: tuple[str, ...]) -> Any:
    shape = of_value(NAMES)
    for name in path:
        shape = member_of(shape, name)
    return shape


@examples(400)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=40))
@example("'\\ud800'")
@example("params.s[9:0:-1]")
@example("[1][true]")
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    """No text raises anything but the known errors, and no result is out of bounds."""
    for whole in ("${{ " + text + " }}", text, "a ${{" + text + "}} b"):
        value, problems = read(whole)
        infer(value, known, lambda problem: None)
        if not problems:
            try:
                Budget().weigh(evaluate(value, NAMES))
            except ExpressionError as error:
                assert error.message
    parse_expression(text, Location(Source("p", text), 1, 1), lambda problem: None)


def _join(parts: list[str]) -> str:
    return f"({' '.join(parts)})"


SIGNS = st.sampled_from(["+", "-", "*", "/", "//", "%"])
COMPARISONS = st.sampled_from(["<", "<=", "==", "!=", ">"])
NUMBERS = st.recursive(
    st.sampled_from(["params.n", "params.x", "3", "0", "7", "1.5", "steps.solve.snr"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner)
        .map(list)
        .map(_join),
        inner.map(lambda one: f"(-{one})"),
        inner.map(lambda one: f"({one} | abs)"),
        st.lists(inner, min_size=1, max_size=3).map(lambda many: f"([{', '.join(many)}] | max)"),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda many: f"([{', '.join(many)}] | sort)[0]"
        ),
        st.lists(inner, max_size=3).map(lambda many: f"([{', '.join(many)}] | sum)"),
        st.lists(inner, max_size=3).map(lambda many: f"([{', '.join(many)}] | length)"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} > 1 else {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} and {t[1]})"),
        inner.map(lambda one: f"({one} | int)"),
        inner.map(lambda one: f"({one} | float)"),
    ),
    max_leaves=8,
)
TEXTS = st.recursive(
    st.sampled_from(["params.s", "'xyz'", "''", "params.words[0]"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda t: f"({t[0]} + {t[1]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} ~ {t[1]})"),
        inner.map(lambda one: f"({one} | upper)"),
        inner.map(lambda one: f"({one} | replace('a', 'bb'))"),
        st.lists(inner, max_size=3).map(lambda many: f"([{', '.join(many)}] | join('-'))"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} in {t[2]} else 'no')"),
        inner.map(lambda one: f"{one}[1:]"),
    ),
    max_leaves=6,
)
TRUTHS = st.one_of(
    st.tuples(NUMBERS, COMPARISONS, NUMBERS).map(list).map(_join),
    st.tuples(TEXTS, st.sampled_from(["<", "==", "in", "not in"]), TEXTS).map(list).map(_join),
    st.tuples(NUMBERS, st.sampled_from(["is number", "is string", "is not none"]))
    .map(list)
    .map(_join),
)
SUBSET = st.one_of(NUMBERS, TEXTS, TRUTHS, TRUTHS.map(lambda one: f"not {one}"))
JINJA = ImmutableSandboxedEnvironment()


@examples(300)
@given(SUBSET)
def test_values_agree_with_jinja(expression: str) -> None:
    """Where both give a value, it is the one that Jinja2's own sandbox computes."""
    try:
        ours = value_of(expression)
    except ExpressionError:
        return
    try:
        theirs = JINJA.compile_expression(expression, undefined_to_none=False)(**NAMES)
    except TemplateError as error:  # pragma: no cover - would be a difference
        raise AssertionError(f"{expression}: Jinja2 refuses it") from error
    assert ours == theirs
    assert isinstance(ours, bool) == isinstance(theirs, bool)


@examples(300)
@given(SUBSET)
def test_inference_is_never_narrower_than_the_value(expression: str) -> None:
    """The inferred shape admits the value, and no operation that works is complained about."""
    value, _ = read("${{ " + expression + " }}")
    complaints: list[Problem] = []
    shape = infer(value, known, complaints.append)
    try:
        found = evaluate(value, NAMES)
    except ExpressionError:
        return
    assert not mismatch(shape, found)
    assert not complaints


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "a", "b"])
SIGNS_OF_TREES = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
}


def shapes_of(value: Any) -> st.SearchStrategy[Shape]:
    """Shapes that admit the value: of its kind alone, among choices, between bounds."""
    plain = of_value(value)
    shapes = [plain, union(plain, NULL), union(plain, STRING), ANY]
    shapes += [
        plain._replace(choices=(value,)),
        union(plain, STRING)._replace(choices=(value, "c")),
    ]
    if isinstance(value, int | float) and not isinstance(value, bool):
        shapes += [plain._replace(minimum=value), plain._replace(minimum=-9, maximum=value)]
    return st.sampled_from(shapes)


@examples(400)
@given(
    SCALARS,
    st.lists(SCALARS, max_size=2),
    SCALARS,
    st.sampled_from(sorted(SIGNS_OF_TREES)),
    st.data(),
)
def test_what_holds_of_some_values_may_hold(
    left: Any, items: list[Any], right: Any, sign: str, data: st.DataObject
) -> None:
    """No comparison that holds of two values is said never to hold of shapes that admit them."""
    if sign == "in":
        right = [right, *items]
    try:
        text = f"params.x {SIGNS_OF_TREES[sign]} params.y"
        holds = value_of(text, {"params": {"x": left, "y": right}})
    except ExpressionError:
        return
    one = data.draw(shapes_of(left))
    other = list_of(union(*map(of_value, right))) if sign == "in" else data.draw(shapes_of(right))
    if holds:
        assert sign == "ne" or may_hold(sign, one, other)
    elif sign == "ne":  # they are equal
        assert may_hold("eq", one, other)


@given(
    st.from_regex(
        r"(params|steps|true|none|nobody|loop)(\.[A-Za-z_][A-Za-z0-9_]{0,3}){1,3}", fullmatch=True
    )
)
@example("params.not")
@example("steps.is.if")
def test_plain_references_have_the_tree_that_jinja_makes(path: str) -> None:
    """The short way for plain references and the parser agree."""
    at = Location(Source("p", path), 1, 1)
    problems: list[Problem] = []
    short = parse_expression(path, at, problems.append)
    # Parentheses keep the short way out, and leave no trace in the tree.
    long = parse_expression(f"({path})", at, problems.append)
    if short is None or long is None:
        assert short is long
        assert len({problem.message for problem in problems}) == 1
        return
    assert short.tree == long.tree
    assert [str(one) for one in short.references] == [str(one) for one in long.references]


def test_texts_share_their_trees() -> None:
    """The same text is parsed once, wherever it stands."""
    one, two = read("${{ params.n + 1 }}")[0], read("x ${{ params.n + 1 }}")[0]
    assert isinstance(one, Expression)
    assert isinstance(two, Template)
    other = two.parts[1]
    assert isinstance(other, Expression)
    assert one.tree is other.tree
    assert one.at != other.at


DOCS = ROOT / "docs" / "expressions.md"


def test_the_examples_of_the_documentation_hold() -> None:
    """Every example on the page gives what the page says."""
    failed, tried = doctest.testfile(str(DOCS), module_relative=False, verbose=False)
    assert tried > 70
    assert not failed


def test_the_documentation_lists_what_there_is() -> None:
    """The tables of the page are those of the code."""
    page = DOCS.read_text(encoding="utf-8")
    for table in (FILTERS, FUNCTIONS, TESTS):
        for operation in table.values():
            usage = operation.usage.replace("|", "\\|")
            assert f"| `{usage}` | {operation.summary} |" in page


WORDS = [
    *("x", "params.n", "1", "0", "07", "1.5", "1e5", "1.", ".5", "1_0", "0x1f", "12a", "a1", "é"),
    *("'x'", '"a b"', "'a\\'b'", "'", '"', "'a\nb'", "{", "}", "{'a': 1}", "}}", "-}}"),
    *("(", ")", "[", "]", "[0]", "+", "-", "*", "**", "/", "//", "%", "~", "=", "==", "!=", "!"),
    *("<", "<=", ">", ">=", "|", ":", ",", ".", ";", "&", "?", " ", "  ", "\t", "\n", "and", "not"),
]


@given(st.lists(st.sampled_from(WORDS), max_size=8).map("".join), st.booleans())
def test_simple_texts_have_the_tokens_of_jinja(text: str, delimited: bool) -> None:
    """What is taken apart without Jinja2's lexer has the same tokens, at the same places."""
    whole = f"{text}}}}}" if delimited else text
    simple = trees._simple_tokens(text)
    if simple is not None:
        assert (simple, len(whole) if delimited else 0) == trees._any_tokens(whole, delimited)


ALIKE = (
    "[outputs.snr / {}, {}] | min",
    "params.x[{}].{} > {} and params.n is divisibleby({})",
    "default(params.x, {}) ~ params.a ~ -{} ** {}",
    "'a {}' ~ {}",
    "[{}, none] if {} in params.x[{}:{}] else round(params.n, {}) + nobody",
    "params.x | round({}) | map({}) ++ {}",
    "params.x1 > {} and true or params.x.{} - {}{}",
    "range({}, {}) {}",
)
NUMBERS = (
    "0",
    "1",
    "22",
    "1.5",
    "100.25",
    "1_0",
    "1e5",
    "1e-3",
    "2.5E+22",
    "1e400",
    "0x1f",
    "07",
    "9" * 20,
)


@given(st.sampled_from(ALIKE), st.lists(st.sampled_from(NUMBERS), min_size=5, max_size=5))
def test_texts_alike_are_what_each_is_alone(text: str, numbers: list[str]) -> None:
    """Texts that differ in numbers have the trees, reads and findings of each parsed alone."""
    text = text.format(*numbers)
    parsed, alone = trees.parse_text(text, False), trees._parse_alone(text, False)
    assert parsed._replace(tree=None) == alone._replace(tree=None)
    assert parsed.tree == alone.tree
    if parsed.tree is not None and alone.tree is not None:
        assert _offsets(parsed.tree) == _offsets(alone.tree)


def _offsets(tree: nodes.Node) -> list[tuple[str, Any]]:
    inside = [(type(node).__name__, node.lineno) for node in tree.find_all(nodes.Node)]
    return [(type(tree).__name__, tree.lineno), *inside]
