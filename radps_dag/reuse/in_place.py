"""Data that was changed in place since it was made: by this run's calls, or by another run.

What is to be changed is in the journal before it is. So what a call has made is used again only as
long as nobody else has changed it and, in a resumed run, if it is as the run's own calls left it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from radps_dag.facts import Ending, Fact, Files, Made, NodeFailed, NodeStarted, NodeSucceeded
from radps_dag.journal.rows import CHANGES
from radps_dag.journal.store import Damages, Store
from radps_dag.reuse.keys import address_in
from radps_dag.reuse.outside import text_of
from radps_dag.storage.remote import is_local, path_of
from radps_dag.workloads.contract.changing import address_of

__all__ = ["InPlace", "shown"]

MOST = 10**6  # rows of other runs


@dataclass(slots=True)
class _Data:
    """The changes that calls of this run made to the data at one address."""

    before: str = ""  # the content of data from outside, before the first of them
    written: tuple[int, str] | None = None  # by the last that ended well
    doubt: str = ""  # the last one was "interrupted", or "failed"
    by: dict[str, str] = field(default_factory=dict)  # who changed it: place -> revision
    again: str = ""  # the place of one of those that runs again, as a plan has shown


@dataclass(slots=True, eq=False)
class InPlace:
    """The changes made in place, as far as this run is concerned."""

    store: Store
    run: str
    damaged: Damages
    _own: dict[str, _Data] = field(default_factory=dict)
    _open: dict[str, tuple[str, ...]] = field(default_factory=dict)  # place -> what it changes
    _others: dict[str, str] | None = None

    def on_fact(self, facts: Iterable[Fact]) -> None:
        """Take in what the journal says of calls of this run that change data in place."""
        for fact in facts:
            match fact:
                case NodeStarted(changes=changes) if changes:
                    self.begin(fact.place, changes)
                case NodeSucceeded(made=Made() as made) | NodeFailed(made=Made() as made):
                    if made.revision and not made.origin:
                        self.done(fact.place, made)
                case NodeFailed():
                    self.failed(fact.place, fact.ending)

    def begin(self, place: str, changes: Mapping[str, str]) -> None:
        """A call is about to change data: address to content, "" where that is not known."""
        self._open[place] = tuple(changes)
        for address, content in changes.items():
            data = self._own.setdefault(address, _Data(content))
            data.doubt = "interrupted"

    def done(self, place: str, made: Made) -> None:
        """Note the data that a call of this run left changed."""
        self._open.pop(place, None)
        for address, state in made.changed.items():
            data = self._own.setdefault(address, _Data())
            data.written, data.doubt = state, ""
            data.by[place] = made.revision

    def failed(self, place: str, ending: Ending) -> None:
        """Note that a call failed while it changed data: they are in doubt."""
        if ending != "interrupted":
            for address in self._open.pop(place, ()):
                self._own[address].doubt = "failed"

    def outdated(self, valid: Collection[str]) -> bool:
        """Take note of data with changes that do not count any more: all but those of the `valid`
        revisions. Whether there are any that were not known."""
        stale = False
        for data in self._own.values():
            if not data.again:
                data.again = next(
                    (p for p, revision in data.by.items() if revision not in valid), ""
                )
                stale = stale or bool(data.again)
        return stale

    def altered(self, made: Made) -> str:
        """Say who has changed the result of a call so that it is of no use any more; "" if
        nobody.
        """
        if not made.files:
            return ""
        others = self._changed_by_others()
        for name in made.files if others or self._own else ():
            address = address_in(made.workdir, name)
            if address in others:
                return f"{shown(address)} was changed in place since, by {others[address]}"
            if address in self._own and (again := self._own[address].again):
                return f"{shown(address)} was changed in place by {again}, which runs again"
        return ""

    def is_others(self, address: str) -> bool:
        """Whether another run changed the data."""
        return address in self._changed_by_others()

    def before(self, uri: str, now: Callable[[str], str | None]) -> str:
        """The content of data from outside before this run changed them; "" if it did not, or if
        they are not as it left them."""
        data = self._own.get(address_of(uri)) if self._own else None
        if data is None or data.doubt or data.written is None:
            return "" if data is None else data.before
        return data.before if now(uri) == text_of(data.written) else ""

    def path_of_others(self, text: str) -> str:
        """The address that a text names, if another run has changed in place what lies there."""
        others = self._changed_by_others() if text.startswith(("/", "file:/")) else {}
        address = address_of(text) if others else ""
        return address if address in others else ""

    def _changed_by_others(self) -> Mapping[str, str]:
        if self._others is None:
            rows = self.store.with_key(CHANGES, MOST, self.damaged)
            facts = [(row, self.store.fact(row)) for row in rows if row.run != self.run]
            self._others = {
                address: f"{row.place} of run {row.run}"
                for row, fact in reversed(facts)
                if isinstance(fact, NodeStarted)
                for address in fact.changes
            }
        return self._others

    def expected(self, made: Made) -> tuple[Made, Files]:
        """Split a call's files: those that must be as it wrote them, and by address how this run
        left the rest. Nothing is expected of what is in doubt after an interrupt: a person was
        asked.
        """
        mine = {name: self._own.get(address_in(made.workdir, name)) for name in made.files}
        kept = {
            name: content
            for name, content in made.files.items()
            if (data := mine[name]) is None or (data.doubt == "failed" and data.written is None)
        }
        states = {
            address_in(made.workdir, name): data.written
            for name, data in mine.items()
            if data is not None and data.written is not None and data.doubt != "interrupted"
        }
        for address in made.changed:
            # Of data from outside nothing can be made again: what failed goes on with it as it is.
            data = self._own.get(address)
            if data is not None and data.written is not None and not data.doubt:
                states[address] = data.written
        return replace(made, files=kept), states


def shown(address: str) -> str:
    """An address as people write it."""
    return str(path_of(address)) if is_local(address) else address
