"""Trouble inside the writes of the journal and of products: an end that says so, and then resume.

A small library that is loaded before the C library lets the n-th call that changes a file fail,
write only a part, or end the process.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_pipelines import SHORT
from crash_support import Ended, Parent, Site, fault_library

NOTHING = ("ended before it began", "no run is there", "there is no journal")
# How many of the points are tried with each kind of trouble; all, where it is to be thorough.
THOROUGH = int(os.environ.get("RADPS_DAG_CRASHES", "100")) > 100


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    """A parent whose children's calls can be made to fail."""
    folder = tmp_path_factory.mktemp("faults")
    parent = Parent(folder, fault_library(folder))
    yield parent
    parent.close()


class Faulty:
    """A short pipeline whose writes to the journal, or of products, go wrong."""

    def __init__(self, parent: Parent, folder: Path, name: str) -> None:
        self._parent = parent
        self._folder = folder
        self._name = name
        self._number = 0
        site = self.site()
        ended = site.run(**self.fault(site, 0, ""), FAULT_LOG=str(folder / "log"))
        assert ended.code == 0, ended
        # A letter for each call.
        self.calls = (folder / "log").read_text()
        self.outputs = site.outputs()

    def site(self) -> Site:
        self._number += 1
        return Site.make(self._parent, self._folder / f"site-{self._number}", SHORT)

    def fault(self, site: Site, at: int, what: str) -> dict[str, str]:
        below = {"FAULT_BELOW": str(site.workspace.resolve()), "FAULT_NAME": self._name}
        return {**below, "FAULT_AT": str(at), "FAULT_WHAT": what}

    def recover(self, site: Site) -> None:
        """Resume, or run anew what had not begun; all is as it would have been."""
        ended = site.resume()
        if ended.code and any(words in ended.line for words in NOTHING):
            ended = site.run()
        assert ended.code == 0, ended
        assert site.outputs() == self.outputs


def points(calls: str, most: int, seed: int) -> list[int]:
    """Numbers of calls, from 1 on: all of them or, so that it takes not too long, a sample in which
    each kind of call is as often as among all, and at least once."""
    every = range(1, len(calls) + 1)
    if THOROUGH or len(calls) <= most:
        return list(every)
    chance = random.Random(seed)
    found: set[int] = set()
    for kind in dict.fromkeys(calls):
        alike = [number for number in every if calls[number - 1] == kind]
        share = max(1, round(most * len(alike) / len(calls)))
        found.update(chance.sample(alike, min(share, len(alike))))
    return sorted(found)


def refused(ended: Ended) -> None:
    """The run ended with a failure that is named in one line, and said nothing else."""
    assert ended.code == 1, ended
    assert "Traceback" not in ended.err, ended.err
    assert "succeeded" not in ended.err, ended.err


@pytest.fixture
def journal(parent: Parent, tmp_path: Path) -> Faulty:
    return Faulty(parent, tmp_path, "/journal.db")


@pytest.fixture
def products(parent: Parent, tmp_path: Path) -> Faulty:
    return Faulty(parent, tmp_path, "/products")


def test_killed_inside_the_journal(journal: Faulty) -> None:
    """Killed before, in the middle of or after each call that changes the journal: resumed, the
    run ends as if nothing had been."""
    killed = tried = 0
    for position, number in enumerate(points(journal.calls, 45, seed=2)):
        moments = ("before", "middle", "after")
        for moment in moments if THOROUGH else (moments[position % 3],):
            tried += 1
            site = journal.site()
            ended = site.run(**journal.fault(site, number, moment))
            # One call fewer may do: how facts share a commit is never quite the same.
            assert ended.killed or ended.code == 0, ended
            killed += ended.killed
            journal.recover(site)
    assert killed > tried // 2


def test_killed_inside_a_resume(journal: Faulty) -> None:
    """The same, while a run that had been killed is resumed: recovery can be interrupted too."""
    for number in points(journal.calls, 10, seed=1):
        site = journal.site()
        site.run(**journal.fault(site, len(journal.calls) // 2, "middle"))
        site.resume(**journal.fault(site, number, "middle"))
        journal.recover(site)


@pytest.mark.parametrize("what", [errno.EIO, errno.ENOSPC])
def test_the_journal_cannot_be_written(what: int, journal: Faulty) -> None:
    """Each call that changes the journal fails once, or from then on: the run fails with one line
    that names the journal, and never says that it succeeded; or SQLite itself has coped."""
    for number in points(journal.calls, 15, seed=what):
        for stays in ({}, {"FAULT_STAYS": "yes"}) if THOROUGH or number % 2 else ({},):
            site = journal.site()
            ended = site.run(**journal.fault(site, number, str(what)), **stays)
            if ended.code:
                refused(ended)
                assert "journal.db" in ended.line, ended
            else:
                assert site.outputs() == journal.outputs
            journal.recover(site)


@pytest.mark.parametrize("what", [errno.EIO, errno.ENOSPC])
def test_products_cannot_be_written(what: int, products: Faulty) -> None:
    """Each call that writes a product fails: so does the node, by name, and the run with it."""
    for number in points(products.calls, 12, seed=what):
        site = products.site()
        ended = site.run(**products.fault(site, number, str(what)))
        refused(ended)
        assert os.strerror(what) in ended.err, ended
        products.recover(site)


def test_killed_inside_a_product(products: Faulty) -> None:
    """Killed in each call that writes products: half of a file is never taken for the whole."""
    for number in points(products.calls, 12, seed=3):
        site = products.site()
        ended = site.run(**products.fault(site, number, "middle"))
        assert ended.killed
        products.recover(site)


def test_half_a_write_is_gone_on_with(journal: Faulty) -> None:
    """A write that does only a part, as the system may, changes nothing."""
    for number in points(journal.calls, 10, seed=4):
        site = journal.site()
        ended = site.run(**journal.fault(site, number, "half"))
        assert ended.code == 0, ended
        assert site.outputs() == journal.outputs
