"""A docstring's section of names is found in the text around it."""

from __future__ import annotations

from radps_dag.workloads.contract.docstring import parse_docstring


def test_section_in_the_middle() -> None:
    """What stands before and after the section stays; entries may go over lines."""
    text = """Do it.

    First.

    Args:
        ms: the data
            of one spw
        level (float): where
            note: this colon is text

    Last.
    """
    found = parse_docstring(text, "Args")
    assert found.summary == "Do it."
    assert found.description == "Do it.\n\nFirst.\n\nLast."
    assert found.entries == {
        "ms": "the data of one spw",
        "level": "where note: this colon is text",
    }


def test_nothing_to_find() -> None:
    """No docstring, and one without the section, have no entries."""
    assert parse_docstring(None, "Args").summary == ""
    assert parse_docstring("Do.\n\nReturns:\n    x: y", "Args").entries == {}
