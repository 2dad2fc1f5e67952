"""The context as a workload or a notebook sees it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.workloads import Context, workload
from radps_dag.workloads.contract.knowledge import (
    Declared,
    Entry,
    Record,
    Snapshot,
    Wanted,
    answer,
    changed,
)


def entry(key: str, value: Any, version: int = 1) -> Entry:
    return Entry(key, value, version, "stage", "run", 1.0)


def record(uri: str, withdrawn: str | None = None, **members: Any) -> Record:
    return Record(
        {"uri": uri, "kind": "caltable", **members}, "stage", "run", 1.0, withdrawn=withdrawn
    )


SNAPSHOT = Snapshot(
    entries=(entry("flux", 1), entry("flux", {"J1924": 2.0}, 2), entry("tables", "a")),
    records=(
        record("file:///a", selection={"spw": 3, "field": "J1924"}),
        record("file:///b", selection={"spws": [1, 3]}, group="bandpass"),
        record("file:///c", withdrawn="it is bad", selection={"spw": 3}),
        record("file:///d", kind="image"),
    ),
    declared={
        "tables": Declared({"type": "array", "items": {"type": "string"}}, collection=True),
        "none_yet": Declared({"type": "array"}, collection=True),
        "rms": Declared({"type": "number", "minimum": 0}),
    },
)


def test_it_is_a_mapping() -> None:
    """The last value counts; a collection is a list; what is not there has a default."""
    context = Context(SNAPSHOT)
    assert context["flux"] == {"J1924": 2.0}
    assert context["tables"] == ["a"] and context["none_yet"] == []
    assert context.get("rms", 7) == 7
    assert "flux" in context and "rms" not in context
    assert list(context) == ["flux", "none_yet", "tables"] and len(context) == 3
    assert [one.value for one in context.versions("flux")] == [1, {"J1924": 2.0}]


def test_what_it_gives_is_the_callers_own() -> None:
    """To change a value that was read changes nothing else."""
    context = Context(SNAPSHOT)
    context["flux"]["J1924"] = 0
    context.products("image")[0]["kind"] = "spoilt"
    assert context["flux"] == {"J1924": 2.0}
    assert context.products("image")[0]["kind"] == "image"


@pytest.mark.parametrize("ask", [lambda c: c["flx"], lambda c: c.versions("flx")])
def test_an_unknown_key_has_a_hint(ask: Any) -> None:
    """A misspelt key is an error of one line that says what was meant."""
    with pytest.raises(UsageError) as error:
        ask(Context(SNAPSHOT))
    assert str(error.value) == "the context has no key 'flx'; did you mean 'flux'?"
    assert isinstance(error.value, KeyError)


def test_products_are_selected() -> None:
    """By kind, by group, by members of the selection; lists hold members too."""
    context = Context(SNAPSHOT)

    def uris(*kind: str, **selection: Any) -> str:
        return "".join(one["uri"][-1] for one in context.products(*kind, **selection))

    assert uris() == "abd"
    assert uris("caltable") == "ab"
    assert uris(spw=3) == "ab" and uris(spw=1) == "b" and uris(spw=2) == ""
    assert uris(spw=3, field="J1924") == "a"
    assert uris(group="bandpass") == "b"
    assert uris(spw=3, include_withdrawn=True) == "abc"
    assert context.latest("caltable")["uri"] == "file:///b"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("caltables", "the context has no product of kind 'caltables'; did you mean 'caltable'?"),
        ("caltable", "the context has no product of kind 'caltable' with spw=9"),
    ],
)
def test_no_latest_product(kind: str, message: str) -> None:
    """The error says what was looked for, and what was meant."""
    with pytest.raises(UsageError) as error:
        Context(SNAPSHOT).latest(kind, **({"spw": 9} if kind == "caltable" else {}))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("Flux", 1, "'Flux' is not a key of a context"),
        ("flux.", 1, "'flux.' is not a key of a context"),
        ("flux", {1, 2}, "context key 'flux': the value is not JSON"),
        ("flux", float("nan"), "context key 'flux': the value is not JSON"),
        ("rms", -1, "context key 'rms': the value is not as declared: -1 is less than"),
        ("tables", 1, "context key 'tables': an item of the collection is not as declared"),
    ],
)
def test_what_cannot_be_added(key: str, value: Any, message: str) -> None:
    """Names are sane, values are JSON and as declared."""
    with pytest.raises(UsageError, match=message):
        Context(SNAPSHOT).add(key, value)


def test_what_is_added_is_kept_as_it_was() -> None:
    """A list that is added and changed afterwards has been added as it was."""
    context = Context(SNAPSHOT)
    spws = [1, 2]
    context.add("alma.spws", spws)
    spws.append(3)
    assert [(one.key, one.value) for one in context.added] == [("alma.spws", [1, 2])]
    assert "alma.spws" not in context  # a snapshot


def test_withdrawing() -> None:
    """Of a known product, by itself or by its URI, with a reason."""
    context = Context(SNAPSHOT)
    context.withdraw(context.latest("image"), reason="a ghost")
    assert (context.added[0].withdrawn, context.added[0].reason) == ("file:///d", "a ghost")
    with pytest.raises(UsageError, match=r"no product 'file:///e' is known; did you mean"):
        context.withdraw("file:///e", reason="bad")
    with pytest.raises(UsageError, match="say why file:///d is withdrawn"):
        context.withdraw("file:///d", reason=" ")


def test_a_view_cannot_be_changed() -> None:
    """Who looks at a run is told how to add to it."""
    view = Context(SNAPSHOT, read_only=True)
    with pytest.raises(UsageError, match=r"call add_to_context\(...\)"):
        view.add("flux", 1)
    with pytest.raises(UsageError, match="call withdraw_from_context"):
        view.withdraw("file:///d", reason="bad")


def test_it_goes_through_json() -> None:
    """A worker process gets what a thread gets."""
    assert Snapshot.from_text(SNAPSHOT.text) == SNAPSHOT


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda c: c["flux"], "context key 'flux' changed"),
        (lambda c: "flux" in c, "context key 'flux' changed"),
        (list, "the keys of the context changed"),
        (
            lambda c: c.products("caltable", spw=3),
            "the context's products changed (caltable, spw=3)",
        ),
        (lambda c: c.versions("flux"), "context key 'flux' changed"),
        (lambda c: c.declares("flux"), "whether context key 'flux' is declared changed"),
    ],
)
def test_what_was_asked_can_be_asked_again(ask: Any, words: str) -> None:
    """Each question is recorded, has an answer in any snapshot, and other ones elsewhere."""
    context = Context(SNAPSHOT)
    ask(context)
    (query,) = context.asked
    assert changed(query) == words
    there = answer(SNAPSHOT, query)
    empty = answer(Snapshot(declared={"flux": Declared({})}), query)
    assert there != empty


def test_a_workload_is_a_plain_function() -> None:
    """Such a workload can be called in a notebook with a context of its own."""

    @workload
    def scale(factor: float, *, context: Context) -> dict[str, Any]:
        """Scale the flux."""
        context.add("flux", context.get("flux", 1) * factor)
        return {}

    assert [one.name for one in scale.workload.inputs] == ["factor"]  # type: ignore[attr-defined]
    context = Context()
    scale(2.0, context=context)
    assert context.added[0].value == 2.0


def test_errors_are_ours() -> None:
    """Selections that are no JSON are refused in a line."""
    with pytest.raises(RadpsDagError, match="products are selected by JSON values"):
        Context(SNAPSHOT).products(spw={1, 2})


MEMBERS = st.one_of(
    st.integers(0, 2),
    st.sampled_from(["0", "a"]),
    st.lists(st.integers(0, 2), max_size=2),
    st.none(),
)


@given(
    st.lists(st.dictionaries(st.sampled_from(["spw", "spws", "field"]), MEMBERS), max_size=6),
    st.dictionaries(st.sampled_from(["spw", "field"]), MEMBERS, max_size=2),
)
def test_selecting_by_the_index_is_looking_at_each(
    selections: list[dict[str, Any]], wanted: dict[str, Any]
) -> None:
    """The products that are found are all those that fit, in their order."""
    records = tuple(record(f"file:///{n}", selection=one) for n, one in enumerate(selections))
    query = Wanted(selection=wanted)
    found = Snapshot(records=records).select(query)
    assert found == tuple(one for one in records if query.fits(one))
