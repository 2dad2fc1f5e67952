"""Pictures as files: well-formed whatever the labels are."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from diagram_pipelines import (
    at_random,
    constant,
    everything,
    group,
    pause,
    pipeline,
    pipelines,
    task,
)
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.builder import build
from radps_dag.diagram import FORMATS, Format, draw
from radps_dag.diagram.cards import cards
from radps_dag.diagram.dot import quoted
from radps_dag.diagram.mermaid import mermaid
from radps_dag.diagram.picture import picture
from radps_dag.diagram.png import HIGHEST, MOST_PIXELS, SCALE, WIDEST, scale_of
from radps_dag.diagram.svg import svg
from radps_dag.language.model import Pipeline
from radps_dag.problem import UsageError

HOSTILE = [
    "<script>alert(1)</script>",
    'say "no" & \\n \\l "]; evil [',
    "end",
    "a\nb\r\nc\td",
    "\x00\x1b[31m\ud800",
    "👩‍🚀🔭 emoji",
    "עברית العربية \u202eevil",
    "]]></style><x>",
    "%%{init: {}}%% `*_~#;",
    "${{ params.x }} $(rm)",
    "x" * 10_000,
    "word " * 2_000,
]


def hostile(text: str) -> Pipeline:
    """The text everywhere an author can write one."""
    return pipeline(
        [
            group("one", [task("a", description=text, run=text)], description=text),
            task("two", ["one"], when=constant(text)),
            pause("three", text, ["two"]),
        ],
        name="hostile",
        description=text,
    )


def parsed(made: Pipeline) -> ElementTree.Element:
    return ElementTree.fromstring(draw(build(made), "svg"))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("form", FORMATS)
def test_hostile_labels(form: Format, text: str) -> None:
    """Whatever an author writes, the file is one of its format, and of a sensible size."""
    content = draw(build(hostile(text)), form)
    assert 0 < len(content) < 2_000_000
    if form == "svg":
        root = ElementTree.fromstring(content)
        assert not [each for each in root.iter() if each.tag.endswith("script")]
    if form == "mermaid":
        assert content.decode().count("\n  end\n") == 1
        assert "%%" not in content.decode() and "<script" not in content.decode()


@given(st.text(max_size=80))
@examples(60)
def test_any_text_makes_well_formed_svg(text: str) -> None:
    """XML is never broken by a text."""
    parsed(hostile(text))


@given(st.text(max_size=80))
def test_dot_strings_end_where_they_should(text: str) -> None:
    """Inside the quotes there is no bare quote, and the last character is not escaped away."""
    inner = quoted(text)[1:-1].replace("\\\\", "")
    assert '"' not in inner.replace('\\"', "")
    assert not inner.endswith("\\")


def test_svg_shows_each_node_and_edge_by_name() -> None:
    """Nodes are groups whose id is their path; tooltips say what is shortened."""
    root = parsed(everything())
    ids = {each.get("id") for each in root.iter() if each.get("id")}
    assert {"with_loop", "bundle", "bundle/a", "other/first", "ask"} <= ids
    titles = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}title")]
    assert any("3 retries" in title for title in titles)
    assert "bundle → other (needs)" in titles


def test_text_is_held_to_its_width() -> None:
    """Each text carries the width that it was given room for."""
    texts = list(parsed(everything()).iter("{http://www.w3.org/2000/svg}text"))
    assert texts and all(float(text.get("textLength", 0)) > 0 for text in texts)


def test_svg_needs_nothing_from_elsewhere() -> None:
    """The fonts are inside, and nothing is loaded."""
    content = draw(build(everything()), "svg").decode()
    assert "data:font/woff2" in content
    assert "http" not in content.replace("http://www.w3.org/2000/svg", "")


def test_legend_has_only_what_appears() -> None:
    """A plain chain needs one entry, everything needs them all."""
    chain = picture(build(pipeline([task("a"), task("b", ["a"])])))
    assert [entry.sign for entry in chain.legend] == ["needs_edge"]
    full = {entry.sign for entry in picture(build(everything())).legend}
    assert full == {
        *("needs_edge", "when", "for_each", "loop", "retries", "timeout", "tolerated", "qa"),
        *("pause", "use"),
    }
    assert "hidden" in {entry.sign for entry in picture(build(everything()), depth=1).legend}


def test_features_differ_without_colour() -> None:
    """With all colours taken away, no two badges look the same."""
    from radps_dag.diagram.icons import HAND, ICONS, LAYERS

    drawings = [*ICONS.values(), HAND, LAYERS]
    assert len(set(drawings)) == len(drawings)


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_png_is_twice_the_picture() -> None:
    """Small pictures are sharp."""
    graph = build(everything())
    made = picture(graph)
    width, height = size_of(draw(graph, "png"))
    assert (width, height) == pytest.approx((made.width * SCALE, made.height * SCALE), abs=2)


@pytest.mark.slow
@pytest.mark.parametrize("size", [3, 200, 1000])
def test_png_is_never_too_large(size: int) -> None:
    """The scale keeps width, height and area within bounds."""
    made = picture(build(at_random(2, size)))
    factor = scale_of(made.width, made.height)
    assert made.width * factor <= WIDEST + 1 and made.height * factor <= HIGHEST + 1
    assert made.width * made.height * factor**2 <= MOST_PIXELS * 1.01


@examples(25)
@given(pipelines(25))
def test_mermaid_declares_each_node_once(made: Pipeline) -> None:
    """Every node has one box or subgraph, every subgraph its end, every edge two known names."""
    lines = [line.strip() for line in draw(build(made), "mermaid").decode().splitlines()]
    opened = [line for line in lines if line.startswith("subgraph ")]
    assert lines.count("end") == len(opened)
    boxes = [line for line in lines if line[0] == "n" and '"' in line and "-->" not in line]
    assert len(boxes) + len(opened) == len(list(_walk(made)))


def _walk(made: Pipeline) -> list[str]:
    from radps_dag.language.model import walk

    return [path for path, _ in walk(made)]


def test_mermaid_never_uses_an_id_as_a_name() -> None:
    """A node called `end` or `graph` would end or start something in Mermaid."""
    text = mermaid(cards(build(pipeline([task("end"), task("graph", ["end"])]))))
    assert 'n1["end"]' in text and "n1 -.-> n2" in text


needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@needs_dot
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_graphviz_reads_our_dot(text: str) -> None:
    """Graphviz accepts the file, and warns of nothing."""
    source = draw(build(hostile(text)), "dot")
    done = subprocess.run(["dot", "-Tcanon"], input=source, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"syntax" not in done.stderr


@needs_dot
def test_graphviz_can_place_the_boxes() -> None:
    """`--layout dot` draws the same nodes."""
    content = draw(build(everything()), "svg", layout="dot")
    ids = {each.get("id") for each in ElementTree.fromstring(content).iter()}
    assert {"with_loop", "bundle/a", "other/first", "ask"} <= ids


def test_missing_graphviz_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `dot`, the message names the other way."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="--layout own"):
        draw(build(everything()), "svg", layout="dot")


@pytest.mark.parametrize(
    ("script", "said"), [("echo broken >&2; exit 3", "broken"), ("exec sleep 20", "more than")]
)
def test_broken_graphviz_is_said(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `dot` that fails or hangs ends in one line."""
    program = tmp_path / "dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("radps_dag.diagram.graphviz.SECONDS", 0.3)
    with pytest.raises(UsageError, match=said):
        draw(build(everything()), "svg", layout="dot")


def test_svg_grows_with_the_pipeline() -> None:
    """Edges that share their way are drawn once: no square growth in a dense pipeline."""
    sparse = len(svg(picture(build(at_random(3, 60, 0, 0.5))), embed_fonts=False))
    dense = len(svg(picture(build(at_random(3, 60, 0, 5.0))), embed_fonts=False))
    assert dense < 6 * sparse
