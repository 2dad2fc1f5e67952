"""Spectral windows and fields of several datasets, matched to one numbering for all of them.

A dataset is described in plain JSON:

    {"name": "day1",
     "spws": [{"id": 17, "name": "BB_1", "low_ghz": 97.5, "high_ghz": 99.5, "data_type": "raw"}],
     "fields": [{"id": 0, "name": "J1924-2914", "ra": 291.21, "dec": -29.24}]}

A window may also say `centre_ghz` and `width_ghz`; right ascension and declination are in degrees.
How each match was made, and why, is part of the result, which is JSON and can be recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from radps_dag.problem import UsageError, allowed, did_you_mean, there_are

__all__ = ["Match", "Matches", "Member", "match_fields", "match_spws"]

How = Literal["exact", "overlap", "rule"]
Description = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Member:
    """A window or a field of one dataset. `why` says why it is where it is."""

    dataset: str
    id: int | str
    name: str = ""
    data_type: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A match: at most one member of each dataset, under one number for all."""

    number: int
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """The table of one numbering across datasets, with how it was made and, of a rule, why."""

    what: Literal["spw", "field"]
    how: How
    reason: str
    matches: tuple[Match, ...]

    def number(self, dataset: str, id: int | str) -> int:
        """The number that a window or field of a dataset has among all. Raises UsageError."""
        for match in self.matches:
            for member in match.members:
                if (member.dataset, member.id) == (dataset, id):
                    return match.number
        raise UsageError(f"no {self.what} {id!r} of dataset {dataset!r} has been matched")

    def ids(self, number: int, data_type: str | None = None) -> dict[str, int | str]:
        """The id behind the number in each dataset, or in those of one type of data."""
        for match in self.matches:
            if match.number == number:
                return {
                    member.dataset: member.id
                    for member in match.members
                    if data_type in (None, member.data_type)
                }
        raise UsageError(f"no {self.what} has the number {number}; they go to {len(self.matches)}")

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, to be added to a context."""
        table = asdict(self)
        table["matches"] = [
            {**match, "members": list(match["members"])} for match in table["matches"]
        ]
        return table

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> Matches:
        """The table of what `as_json` gave."""
        matches = tuple(
            Match(match["number"], tuple(Member(**member) for member in match["members"]))
            for match in table["matches"]
        )
        return cls(table["what"], table["how"], table["reason"], matches)


def match_spws(
    datasets: Sequence[Description],
    how: How = "exact",
    *,
    overlap: float = 0.5,
    tolerance_ghz: float = 1e-6,
    rule: Sequence[Mapping[str, Any]] = (),
    reason: str = "",
) -> Matches:
    """One numbering of the spectral windows of several datasets.

    `exact`: the same name, or the same edges within `tolerance_ghz`. `overlap`: at least this share
    of the wider window's range is common; each takes the one that it shares most with. `rule`: what
    the list says, such as `[{"day1": 17, "day2": 25}]`, with a `reason`. What matches nothing has
    a number of its own. A window is compared with the first of those already together.
    """
    compare: Callable[[Description, Description], tuple[float, str]]
    if how == "overlap":
        if not 0 < overlap <= 1:
            raise UsageError(f"an overlap is a share above 0 and up to 1, not {overlap:g}")

        def compare(window: Description, other: Description) -> tuple[float, str]:
            share = _shared(_edges(window), _edges(other))
            return (share, f"{share:.0%} of the range is common") if share >= overlap else _NO
    else:

        def compare(window: Description, other: Description) -> tuple[float, str]:
            return _same_window(window, other, tolerance_ghz)

    return _matched("spw", datasets, how, compare, rule, reason)


def match_fields(
    datasets: Sequence[Description],
    how: Literal["exact", "rule"] = "exact",
    *,
    tolerance_arcsec: float = 1.0,
    rule: Sequence[Mapping[str, Any]] = (),
    reason: str = "",
) -> Matches:
    """One numbering of the fields of several datasets.

    `exact`: the same name, or the same place on the sky within `tolerance_arcsec`. `rule`: what
    the list says, with a `reason`.
    """

    def compare(field: Description, other: Description) -> tuple[float, str]:
        if field.get("name") and field.get("name") == other.get("name"):
            return 2.0, "same name"
        apart = _apart(field, other)
        if apart is not None and apart <= tolerance_arcsec:
            return 1.0, f"{apart:.3f} arcsec apart"
        return _NO

    return _matched("field", datasets, how, compare, rule, reason)


_NO = (0.0, "")


def _matched(
    what: Literal["spw", "field"],
    datasets: Sequence[Description],
    how: How,
    compare: Callable[[Description, Description], tuple[float, str]],
    rule: Sequence[Mapping[str, Any]],
    reason: str,
) -> Matches:
    described = _known(what, datasets)
    if how == "rule":
        groups = _by_rule(what, described, rule, reason)
    elif how in (("exact", "overlap") if what == "spw" else ("exact",)):
        if rule:
            raise UsageError(f"a rule goes with how='rule', not with how={how!r}")
        groups = _by_comparison(described, compare)
    else:
        ways = allowed(["exact", "overlap", "rule"] if what == "spw" else ["exact", "rule"])
        raise UsageError(f"{what}s cannot be matched by {how!r}; allowed: {ways}")
    matches = tuple(Match(number, tuple(members)) for number, members in enumerate(groups))
    return Matches(what, how, reason, matches)


Known = Mapping[str, Mapping[int | str, Description]]


def _known(what: str, datasets: Sequence[Description]) -> Known:
    """Windows or fields by dataset and id."""
    members: dict[str, dict[int | str, Description]] = {}
    for dataset in datasets:
        name = dataset.get("name") if isinstance(dataset, Mapping) else None
        if not isinstance(name, str) or not name:
            raise UsageError("each dataset must have a name: {'name': 'day1', 'spws': [...]}")
        if name in members:
            raise UsageError(f"two datasets are called {name!r}")
        members[name] = {}
        for item in dataset.get(f"{what}s", ()):
            if not isinstance(item, Mapping) or "id" not in item:
                raise UsageError(f"dataset {name!r}: each {what} must have an id")
            if item["id"] in members[name]:
                raise UsageError(f"dataset {name!r}: two {what}s have the id {item['id']!r}")
            members[name][item["id"]] = item
    return members


def _by_comparison(
    described: Known, compare: Callable[[Description, Description], tuple[float, str]]
) -> list[list[Member]]:
    groups: list[list[Member]] = []
    firsts: list[Description] = []
    for dataset, members in described.items():
        # The best pairs first, so that the order in the file decides about ties alone.
        pairs = sorted(
            (
                (-score, id_number, number, why)
                for id_number, member in enumerate(members.values())
                for number, first in enumerate(firsts)
                for score, why in [compare(first, member)]
                if score > 0
            ),
        )
        taken: dict[int, tuple[int, str]] = {}
        used: set[int] = set()
        for _, id_number, number, why in pairs:
            if id_number not in taken and number not in used:
                taken[id_number] = (number, why)
                used.add(number)
        for id_number, member in enumerate(members.values()):
            if id_number in taken:
                number, why = taken[id_number]
                groups[number].append(_member(dataset, member, why))
            else:
                groups.append([_member(dataset, member, "first of its kind")])
                firsts.append(member)
    return groups


def _by_rule(
    what: str, described: Known, rule: Sequence[Mapping[str, Any]], reason: str
) -> list[list[Member]]:
    if not reason.strip():
        raise UsageError("a match by rule needs a reason: reason='spw 25 was retuned to ...'")
    groups, seen = [], set()
    for line in rule:
        members = []
        for dataset, id in line.items():
            if dataset not in described:
                hint = did_you_mean(dataset, described) or f"; {there_are(described)}"
                raise UsageError(f"the rule names dataset {dataset!r}, which is not there{hint}")
            if id not in described[dataset]:
                ids = (
                    there_are(map(str, described[dataset]))
                    if described[dataset]
                    else "there is none"
                )
                raise UsageError(f"dataset {dataset!r} has no {what} {id!r}; {ids}")
            if (dataset, id) in seen:
                raise UsageError(f"the rule names {what} {id!r} of dataset {dataset!r} twice")
            seen.add((dataset, id))
            members.append(_member(dataset, described[dataset][id], reason))
        groups.append(members)
    groups += [
        [_member(dataset, item, "not in the rule")]
        for dataset, members_ in described.items()
        for id, item in members_.items()
        if (dataset, id) not in seen
    ]
    return groups


def _member(dataset: str, item: Description, why: str) -> Member:
    name, data_type = str(item.get("name", "")), str(item.get("data_type", ""))
    return Member(dataset, item["id"], name, data_type, why)


def _same_window(window: Description, other: Description, tolerance: float) -> tuple[float, str]:
    if window.get("name") and window.get("name") == other.get("name"):
        return 2.0, "same name"
    edges, others = _edges(window), _edges(other)
    if edges is None or others is None:
        return _NO
    apart = max(abs(edge - there) for edge, there in zip(edges, others, strict=True))
    return (1.0, f"edges within {tolerance:g} GHz") if apart <= tolerance else _NO


def _edges(window: Description) -> tuple[float, float] | None:
    """Lowest and highest frequency in GHz, None where the description does not say."""
    if "low_ghz" in window and "high_ghz" in window:
        low, high = window["low_ghz"], window["high_ghz"]
    elif "centre_ghz" in window and "width_ghz" in window:
        half = abs(window["width_ghz"]) / 2
        low, high = window["centre_ghz"] - half, window["centre_ghz"] + half
    else:
        return None
    return min(low, high), max(low, high)


def _shared(edges: tuple[float, float] | None, others: tuple[float, float] | None) -> float:
    """The common part of two ranges, as a share of the wider one."""
    if edges is None or others is None:
        return 0.0
    common = min(edges[1], others[1]) - max(edges[0], others[0])
    wider = max(edges[1] - edges[0], others[1] - others[0])
    return max(0.0, common / wider) if wider > 0 else float(edges == others)


def _apart(field: Description, other: Description) -> float | None:
    """Arcseconds between two places on the sky, None where one is not known."""
    places = list(_radians(field)), list(_radians(other))
    if not all(len(place) == 2 for place in places):
        return None
    (ra, dec), (ra_other, dec_other) = places
    # The haversine, which keeps its digits for small angles.
    half = (
        math.sin((dec - dec_other) / 2) ** 2
        + math.cos(dec) * math.cos(dec_other) * math.sin((ra - ra_other) / 2) ** 2
    )
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(half)))) * 3600


def _radians(field: Description) -> Iterator[float]:
    for name in ("ra", "dec"):
        if isinstance(field.get(name), int | float):
            yield math.radians(field[name])
