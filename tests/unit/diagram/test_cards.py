"""What a picture says about each node."""

from __future__ import annotations

from typing import Any

import pytest
from diagram_pipelines import HERE, constant, everything, feature, group, pipeline, task

from radps_dag.builder import build
from radps_dag.diagram.cards import Card, cards, walk_cards
from radps_dag.diagram.words import Badge, badges, duration
from radps_dag.language.expression import Expression, Reference
from radps_dag.language.model import ForEach, Loop, Named, Node, Param, Pipeline, Retries
from radps_dag.language.shape import of_value


def card_of(node: Node, **more: Any) -> Card:
    return cards(build(pipeline([node], **more))).inside[0]


def expression(text: str, *path: str) -> Expression:
    import jinja2

    tree: Any = jinja2.Environment().compile_expression("1")
    return Expression(text, tree, (Reference(path[0], path[1:], HERE),) if path else (), HERE)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("when", "if imaging == 'cube'"),
        ("for_each", "for each spw \u00d73"),
        ("loop", "≤ 5 · keep best · until a.rms < 1"),
        ("retries", "3"),
        ("timeout", "30 min"),
        ("on_error", "may fail"),
        ("qa", "QA warn < 0.9, alert < 0.67 → pause"),
    ],
)
def test_each_feature_has_its_badge(name: str, text: str) -> None:
    """A feature is said in few words."""
    assert [badge.text for badge in card_of(task("a", **feature(name))).badges] == [text]


def test_a_plain_node_has_no_badge() -> None:
    """Nothing is said about what is not there; zero retries are none."""
    assert card_of(task("a", retries=Retries(0))).badges == ()


def test_fan_out_counts_the_items_of_a_parameter() -> None:
    """`${{ params.spws }}` has as many items as the parameter's default."""
    items = expression("params.spws", "params", "spws")
    node = task("a", for_each=ForEach((Named("spw", items, HERE),), HERE, min_success=75.0))
    spws = Param("spws", {}, of_value([1]), HERE, constant([17, 19, 21, 23]))
    assert card_of(node, params=(spws,)).badges[0].text == "for each spw \u00d74, at least 75%"


def test_fan_out_without_a_known_count_says_none() -> None:
    """What only the run knows is not guessed."""
    items = expression("stages.a.fields", "stages", "a", "fields")
    node = task("a", for_each=ForEach((Named("field", items, HERE),), HERE))
    assert card_of(node).badges[0].text == "for each field"


def test_roots_of_names_are_left_out_but_not_in_strings() -> None:
    """`params.` tells a reader nothing; a string is what it is."""
    made = badges(task("a", when=constant("params.mode == 'params.x'")), None)
    assert made[0].text == "if mode == 'params.x'"


def test_long_conditions_are_shortened_and_kept_whole_in_the_tooltip() -> None:
    """The badge is short, `full` is not."""
    text = "params.x == " + " + ".join(map(str, range(100)))
    (badge,) = badges(task("a", when=constant(text)), None)
    assert len(badge.text) < 80 and badge.full == f"if {text}"


def test_qa_without_thresholds_names_its_metrics() -> None:
    """A gate is always visible."""
    from radps_dag.language.model import Metric, Qa

    node = task("a", qa=Qa((Metric("snr", constant(1), HERE),), HERE))
    assert badges(node, None) == (Badge("qa", "QA snr", "QA snr"),)


def test_loop_cap_may_be_an_expression() -> None:
    """The cap is shown as written."""
    node = task("a", loop=Loop(expression("params.cycles", "params", "cycles"), HERE))
    assert badges(node, None)[0].text == "≤ cycles"


@pytest.mark.parametrize(
    ("depth", "paths", "hidden"),
    [
        (1, {"outer", "last"}, 3),
        (2, {"outer", "last", "outer/inner", "outer/b"}, 1),
        (None, {"outer", "last", "outer/inner", "outer/b", "outer/inner/a"}, 0),
    ],
)
def test_depth(depth: int | None, paths: set[str], hidden: int) -> None:
    """`depth` levels are shown; what is not is counted."""
    inner = group("inner", [task("a")])
    made: Pipeline = pipeline([group("outer", [inner, task("b")]), task("last", ["outer"])])
    shown = [card for card in walk_cards(cards(build(made), depth)) if card.path]
    assert {card.path for card in shown} == paths
    assert max(card.hidden for card in shown) == hidden


def test_used_file_is_a_group_of_its_stages() -> None:
    """The stages of another file stand inside, and its name is on the tab."""
    (used,) = [card for card in walk_cards(cards(build(everything()))) if card.kind.file]
    assert [inner.id for inner in used.inside] == ["first", "second"]
    assert used.line == "shared.yaml"


@pytest.mark.parametrize(
    ("seconds", "text"), [(60, "1 min"), (5400, "90 min"), (7200, "2 h"), (45, "45 s")]
)
def test_duration(seconds: float, text: str) -> None:
    """Time spans as people write them."""
    assert duration(seconds) == text
