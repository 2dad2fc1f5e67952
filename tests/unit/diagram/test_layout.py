"""The geometry of a picture: nothing overlaps, everything is inside what it belongs to."""

from __future__ import annotations

from itertools import combinations

import pytest
from diagram_pipelines import at_random, everything, pipeline, pipelines, task
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.builder import build
from radps_dag.diagram.labels import labels
from radps_dag.diagram.layered.geometry import samples
from radps_dag.diagram.layout import TAB, Box, boxes
from radps_dag.diagram.picture import Picture, picture
from radps_dag.language.model import Pipeline

Rectangle = tuple[float, float, float, float]
CLOSE = 0.01


def place(box: Box) -> Rectangle:
    return (box.x, box.y, box.x + box.width, box.y + box.height)


def apart(one: Rectangle, two: Rectangle, by: float = 0.0) -> bool:
    return (
        one[2] + by <= two[0] + CLOSE
        or two[2] + by <= one[0] + CLOSE
        or one[3] + by <= two[1] + CLOSE
        or two[3] + by <= one[1] + CLOSE
    )


def within(inner: Rectangle, outer: Rectangle) -> bool:
    return (
        outer[0] <= inner[0] + CLOSE
        and outer[1] <= inner[1] + CLOSE
        and inner[2] <= outer[2] + CLOSE
        and inner[3] <= outer[3] + CLOSE
    )


def check_boxes(drawn: Picture) -> None:
    for box in boxes(drawn.root):
        for inner in box.inside:
            assert within(place(inner), place(box)), inner.card.path
        for one, two in combinations(box.inside, 2):
            assert apart(place(one), place(two), by=8), (one.card.path, two.card.path)


def check_faces(drawn: Picture) -> None:
    for box in boxes(drawn.root):
        if not box.card.path:
            continue
        left, top, width, height = box.outline
        x, y = box.head
        written = [
            (x + t.x, y + t.y - t.size * 0.75, x + t.x + t.width, y + t.y + t.size * 0.2)
            for t in box.face.lines
        ]
        written += [(x + p.x, y + p.y, x + p.x + p.width, y + p.y + 18) for p in box.face.pills]
        for each in written:
            assert within(each, (left, top, left + width, top + height)), box.card.path
            assert all(apart(each, place(inner)) for inner in box.inside), box.card.path
        assert all(apart(one, two) for one, two in combinations(written, 2)), box.card.path


def check_curves(drawn: Picture) -> None:
    for box in boxes(drawn.root):
        by_id = {inner.card.id: inner for inner in box.inside}
        for curve in box.curves:
            ends = {curve.link.source, curve.link.target}
            points = list(samples(curve.spline, 3.0))
            x0, y0, x1, y1 = place(box)
            for x, y in points:
                assert x0 - CLOSE <= x <= x1 + CLOSE and y0 - CLOSE <= y <= y1 + CLOSE
            for id, inner in by_id.items():
                a, b, c, d = place(inner)
                if id in ends:
                    # An edge touches the boxes at its ends (and passes the tab of a used file).
                    a, b, c, d = (
                        a + 1,
                        b + 1 + (TAB if inner.card.kind.file else 0),
                        c - 1,
                        d - 1,
                    )
                assert not any(a < x < c and b < y < d for x, y in points), (curve.link, id)


def check_labels(drawn: Picture) -> None:
    spaces = [
        (label.x, label.y, label.x + label.width, label.y + label.height) for label in drawn.labels
    ]
    assert all(apart(one, two) for one, two in combinations(spaces, 2))
    leaves = [box for box in boxes(drawn.root) if not box.inside]
    for space in spaces:
        assert all(apart(space, place(leaf)) for leaf in leaves)


def check_forward(drawn: Picture, down: bool) -> None:
    # An edge between places that are less than half a point apart is a line, and no S.
    aside = 0.2
    for box in boxes(drawn.root):
        for curve in box.curves:
            start, first, *_, last, end = curve.spline
            first_step = (first[0] - start[0], first[1] - start[1])
            last_step = (end[0] - last[0], end[1] - last[1])
            assert max(first_step) > 0 and min(first_step) >= -aside, curve.link
            assert max(last_step) > 0 and min(last_step) >= -aside, curve.link
            if box.card.path == "":
                assert (first_step[1] > aside) == down, curve.link


def check(made: Pipeline, down: bool = True) -> None:
    drawn = picture(build(made), direction="down" if down else "right")
    check_boxes(drawn)
    check_faces(drawn)
    check_curves(drawn)
    check_labels(drawn)
    check_forward(drawn, down)


@examples(60)
@given(pipelines(), st.booleans())
def test_nothing_overlaps(made: Pipeline, down: bool) -> None:
    """Boxes, texts, badges, labels and edges keep apart, in any pipeline and both directions."""
    check(made, down)


@pytest.mark.parametrize("down", [True, False])
def test_every_feature_fits(down: bool) -> None:
    """A pipeline with every kind and feature keeps to the same rules."""
    check(everything(), down)


def test_a_line_that_is_almost_straight() -> None:
    """An edge whose ends are all but level is drawn as one line, which still goes forward."""
    check(at_random(668, 23, 0, 4.0), down=False)


@pytest.mark.parametrize("size", [100, 200])
def test_large_pipelines_keep_the_rules(size: int) -> None:
    """What holds for small pipelines holds for large ones."""
    check(at_random(1, size))


def test_long_chain_turns() -> None:
    """A chain of 60 tasks does not make a picture that is a line."""
    chain = [task(f"t{n}", [f"t{n - 1}"] if n else []) for n in range(60)]
    drawn = picture(build(pipeline(chain)))
    assert drawn.height < 4 * drawn.width
    check(pipeline(chain))


def test_many_independent_nodes_make_a_block() -> None:
    """A hundred tasks that wait for nothing are drawn in rows, not in one line."""
    drawn = picture(build(pipeline([task(f"task_{n}") for n in range(100)])))
    assert drawn.width < 3 * drawn.height
    check(pipeline([task(f"task_{n}") for n in range(100)]))


def test_wide_fan_makes_a_block() -> None:
    """Sixty tasks between one and another are drawn in rows, and their edges pass between them."""
    middle = [task(f"middle_{n}", ["start"]) for n in range(60)]
    made = pipeline([task("start"), *middle, task("end", [node.id for node in middle])])
    drawn = picture(build(made))
    assert drawn.width < 4 * drawn.height
    check(made)


def test_a_chain_is_straight() -> None:
    """The boxes of a chain stand exactly one below the other."""
    chain = [
        task(name, [before] if before else [])
        for before, name in [("", "a"), ("a", "much_longer_name"), ("much_longer_name", "c")]
    ]
    inside = picture(build(pipeline(chain))).root.inside
    assert len({round(box.x + box.width / 2, 3) for box in inside}) == 1


def test_same_pipeline_same_picture() -> None:
    """Two pictures of one pipeline are equal, so that a picture in a repository does not churn."""
    assert picture(build(at_random(7, 50))) == picture(build(at_random(7, 50)))


def test_labels_name_the_outputs_where_there_is_room() -> None:
    """`labels` gives none where no edge carries data."""
    assert labels(picture(build(at_random(3, 20))).root) == ()
