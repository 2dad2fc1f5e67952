"""Text is measured as it is drawn, and shortened to what fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.fonts.text import clean, shorten, text_width, wrap


def test_width_is_the_fonts() -> None:
    """Known advance widths of Inter: a 'm' is wider than an 'i', a sum is the sum of its parts."""
    assert text_width("m", 10) > 2 * text_width("i", 10)
    assert text_width("mi", 10) == pytest.approx(text_width("m", 10) + text_width("i", 10))
    assert text_width("H", 2048) == pytest.approx(1524, abs=2)
    assert text_width("a", 10, "SemiBold") > text_width("a", 10)


@pytest.mark.parametrize("text", ["≤ ≥ \u00d7 → … ↻ ↺ · β Å é", "abcXYZ0189_"])
def test_the_font_has_what_badges_write(text: str) -> None:
    """No letter of ours falls back to another font, whose width nobody knows."""
    from radps_dag.fonts.text import _widths

    assert all(
        ord(char) in _widths("Regular") and ord(char) in _widths("SemiBold") for char in text
    )


@given(st.text(max_size=60), st.floats(20, 300))
def test_shortened_text_fits(text: str, width: float) -> None:
    """What `shorten` gives is never wider than asked for."""
    assert text_width(shorten(text, width, 10), 10) <= width + 0.001


@given(st.text(max_size=200), st.floats(40, 300), st.integers(1, 3))
def test_wrapped_text_fits(text: str, width: float, lines: int) -> None:
    """Every line fits, and there are no more than asked for."""
    made = wrap(text, width, 10, lines)
    assert len(made) <= lines
    assert all(text_width(line, 10) <= width + 0.001 for line in made)


def test_short_text_stays() -> None:
    """What fits is not touched."""
    assert shorten("clean", 100, 10) == "clean"
    assert wrap("two words", 100, 10, 2) == ("two words",)


@given(st.text())
def test_clean_text_can_stand_in_xml(text: str) -> None:
    """No control character, surrogate or direction mark is left, and one line remains."""
    import unicodedata

    assert all(unicodedata.category(char)[0] != "C" for char in clean(text))
    assert "\n" not in clean(text)
