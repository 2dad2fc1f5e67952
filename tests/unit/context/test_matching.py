"""Spectral windows and fields of several datasets in one numbering."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.context import Matches, match_fields, match_spws
from radps_dag.problem import UsageError
from radps_dag.workloads import Context


def spw(id: int, low: float, high: float, name: str = "", data_type: str = "raw") -> dict[str, Any]:
    return {"id": id, "name": name, "low_ghz": low, "high_ghz": high, "data_type": data_type}


DAY1 = {"name": "day1", "spws": [spw(17, 97.5, 99.5, "BB_1"), spw(19, 101.0, 103.0)]}
DAY2 = {
    "name": "day2",
    "spws": [
        spw(25, 101.0, 103.0000005),
        spw(27, 97.6, 99.6, "BB_1", "calibrated"),
        spw(29, 110.0, 112.0),
    ],
}


def table(matches: Matches) -> list[dict[str, Any]]:
    return [matches.ids(match.number) for match in matches.matches]


def test_exact_is_the_same_name_or_the_same_edges() -> None:
    """What is alone has a number of its own, and each match says why."""
    matches = match_spws([DAY1, DAY2])
    assert table(matches) == [{"day1": 17, "day2": 27}, {"day1": 19, "day2": 25}, {"day2": 29}]
    assert [[one.why for one in match.members] for match in matches.matches] == [
        ["first of its kind", "same name"],
        ["first of its kind", "edges within 1e-06 GHz"],
        ["first of its kind"],
    ]
    assert matches.number("day2", 25) == 1
    assert matches.ids(0, data_type="calibrated") == {"day2": 27}


def test_centre_and_width_say_the_same_as_edges() -> None:
    """A window may be described either way."""
    other = {"name": "day3", "spws": [{"id": 1, "centre_ghz": 102.0, "width_ghz": -2.0}]}
    assert match_spws([DAY1, other]).number("day3", 1) == 1


def test_overlap_takes_the_best_one() -> None:
    """A share of the wider window must be common, and the greatest share wins."""
    one = {"name": "a", "spws": [spw(0, 0.0, 10.0), spw(1, 5.0, 15.0)]}
    other = {"name": "b", "spws": [spw(0, 4.0, 14.0), spw(1, 9.0, 19.0), spw(2, 0.0, 2.0)]}
    matches = match_spws([one, other], "overlap", overlap=0.55)
    assert table(matches) == [{"a": 0}, {"a": 1, "b": 0}, {"b": 1}, {"b": 2}]
    assert matches.matches[1].members[1].why == "90% of the range is common"
    assert table(match_spws([one, other], "overlap", overlap=0.1))[0] == {"a": 0, "b": 2}


def test_a_rule_has_a_reason() -> None:
    """What belongs together is said, with why; the rest stays alone."""
    rule = [{"day1": 19, "day2": 29}]
    matches = match_spws([DAY1, DAY2], "rule", rule=rule, reason="retuned for the second day")
    assert table(matches) == [{"day1": 19, "day2": 29}, {"day1": 17}, {"day2": 25}, {"day2": 27}]
    assert matches.reason == "retuned for the second day"
    with pytest.raises(UsageError, match="a match by rule needs a reason"):
        match_spws([DAY1, DAY2], "rule", rule=rule)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ([{"day1": 17, "day3": 1}], "the rule names dataset 'day3', which is not there; did you"),
        ([{"day1": 18}], "dataset 'day1' has no spw 18; there are 17, 19"),
        ([{"day1": 17}, {"day1": 17}], "the rule names spw 17 of dataset 'day1' twice"),
    ],
)
def test_a_rule_names_what_is_there(rule: list[dict[str, int]], message: str) -> None:
    """Unknown names and ids are refused."""
    with pytest.raises(UsageError, match=message):
        match_spws([DAY1, DAY2], "rule", rule=rule, reason="because")


@pytest.mark.parametrize(
    ("datasets", "options", "message"),
    [
        ([{"spws": []}], {}, "each dataset must have a name"),
        ([DAY1, DAY1], {}, "two datasets are called 'day1'"),
        ([{"name": "a", "spws": [{}]}], {}, "dataset 'a': each spw must have an id"),
        ([{"name": "a", "spws": [{"id": 1}, {"id": 1}]}], {}, "two spws have the id 1"),
        ([DAY1], {"how": "overlap", "overlap": 0}, "an overlap is a share above 0"),
        ([DAY1], {"how": "nearly"}, "spws cannot be matched by 'nearly'; allowed: exact"),
        ([DAY1], {"rule": [{"day1": 17}]}, "a rule goes with how='rule'"),
    ],
)
def test_descriptions_that_do_not_say_enough(
    datasets: Any, options: dict[str, Any], message: str
) -> None:
    """Each mistake is one line."""
    with pytest.raises(UsageError, match=message):
        match_spws(datasets, **options)


def test_fields_match_by_name_or_place() -> None:
    """Around 0 h too, and where cosines of the declination matter."""
    one = {
        "name": "a",
        "fields": [
            {"id": 0, "name": "J1924-2914", "ra": 291.21, "dec": -29.24},
            {"id": 1, "name": "pole", "ra": 359.9999, "dec": 60.0},
        ],
    }
    other = {
        "name": "b",
        "fields": [
            {"id": 5, "name": "target", "ra": 0.0001, "dec": 60.0},
            {"id": 6, "name": "J1924-2914"},
        ],
    }
    matches = match_fields([one, other], tolerance_arcsec=0.5)
    assert table(matches) == [{"a": 0, "b": 6}, {"a": 1, "b": 5}]
    assert matches.matches[1].members[1].why == "0.360 arcsec apart"
    assert len(match_fields([one, other], tolerance_arcsec=0.3).matches) == 3


def test_the_table_can_be_recorded() -> None:
    """It is JSON, and comes back the same from a context."""
    matches = match_spws([DAY1, DAY2])
    context = Context()
    context.add("spw_numbers", matches.as_json())
    assert Matches.from_json(json.loads(json.dumps(context.added[0].value))) == matches


def test_a_context_matches_what_it_holds() -> None:
    """Datasets described under a key are matched by the key's name."""
    from radps_dag.workloads.contract.knowledge import Entry, Snapshot

    entries = tuple(Entry("datasets", [DAY1, DAY2], 1, "gather", "run", 0.0) for _ in range(1))
    context = Context(Snapshot(entries))
    assert context.match_spws("datasets") == match_spws([DAY1, DAY2])
    assert context.match_fields("datasets").matches == ()


WINDOWS = st.lists(
    st.tuples(st.floats(1, 900), st.floats(0.001, 8)).map(lambda w: (w[0], w[0] + w[1])), max_size=5
)


@given(st.lists(WINDOWS, max_size=4), st.floats(0.01, 1), st.sampled_from(["exact", "overlap"]))
def test_every_window_has_one_number(
    datasets: list[list[tuple[float, float]]], overlap: float, how: Any
) -> None:
    """Each window of each dataset is in exactly one match, and no match has two of a dataset."""
    described = [
        {"name": f"d{n}", "spws": [spw(id, *window) for id, window in enumerate(windows)]}
        for n, windows in enumerate(datasets)
    ]
    matches = match_spws(described, how, overlap=overlap)
    members = [(one.dataset, one.id) for match in matches.matches for one in match.members]
    assert sorted(members) == sorted(
        (one["name"], window["id"]) for one in described for window in one["spws"]
    )
    for match in matches.matches:
        names = [one.dataset for one in match.members]
        assert len(names) == len(set(names))
        assert all(matches.number(one.dataset, one.id) == match.number for one in match.members)
