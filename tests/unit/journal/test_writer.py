"""The writer: nobody goes on before a fact is durable, and many facts share a transaction."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from radps_dag.facts import Fact, Noted
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Outdated, Store
from radps_dag.journal.workspace import Workspace
from radps_dag.journal.writer import Writer
from radps_dag.problem import RadpsDagError

RUN = "run"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(Workspace(tmp_path))
    store.create(RUN, "cube", 1.0)
    store.next_generation(RUN)
    yield store
    store.close()


@contextlib.contextmanager
def writing(store: Store, generation: int = 1) -> Iterator[Writer]:
    writer = Writer(store, RUN, generation, 0)
    try:
        yield writer
    finally:
        with contextlib.suppress(RadpsDagError):
            writer.close()


def fact(words: object) -> Fact:
    return Noted(time=1.0, place="", message=str(words))


def messages(store: Store) -> list[str]:
    return [fact.message for fact in store.facts(RUN)]


def test_durable_before_anybody_goes_on(store: Store) -> None:
    """When `settled` returns, another connection sees every fact that was handed over before."""
    reader = open_store(store.workspace, reading=True)

    async def one(writer: Writer, name: str) -> None:
        for number in range(20):
            writer.append(fact(f"{name} {number}"))
            await writer.settled()
            assert f"{name} {number}" in messages(reader)

    async def all_of_them(writer: Writer) -> None:
        await asyncio.gather(*(one(writer, name) for name in "abcd"))

    with writing(store) as writer:
        asyncio.run(all_of_them(writer))
    reader.close()
    assert len(messages(store)) == 80


def test_in_order(store: Store) -> None:
    """Facts are written in the order in which they were handed over, whoever waits."""
    with writing(store) as writer:

        async def work() -> None:
            for number in range(500):
                writer.append(fact(number))
                if number % 37 == 0:
                    await writer.settled()

        asyncio.run(work())
    assert messages(store) == [str(number) for number in range(500)]


def test_nothing_to_wait_for(store: Store) -> None:
    """Where everything is durable, `settled` returns at once, without a transaction."""
    with writing(store) as writer:

        async def work() -> None:
            await writer.settled()
            writer.append(fact(1))
            for _ in range(3):
                await writer.settled()

        asyncio.run(work())
    assert messages(store) == ["1"]


def test_many_share_a_transaction(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred that wait at once cost a few transactions, not a hundred."""
    sizes: list[int] = []
    append = Store.append

    def counted(self: Store, run: str, rows: list[object], generation: int) -> int:
        sizes.append(len(rows))
        return append(self, run, rows, generation)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "append", counted)
    with writing(store) as writer:

        async def one(number: int) -> None:
            writer.append(fact(number))
            await writer.settled()

        async def work() -> None:
            await asyncio.gather(*(one(number) for number in range(100)))

        asyncio.run(work())
    assert sum(sizes) == 100
    assert len(sizes) <= 5


def test_written_though_nobody_waits(store: Store) -> None:
    """A fact that nobody waits for is written soon all the same, and at the latest in the end."""
    with writing(store) as writer:
        writer.append(fact("soon"))
        there = threading.Event()
        for _ in range(1000):
            if messages(store):
                there.set()
                break
            threading.Event().wait(0.01)
        assert there.is_set()
        writer.append(fact("last"))
    assert messages(store) == ["soon", "last"]


Break = Callable[[], None]


@pytest.mark.parametrize(
    "error", [RadpsDagError("the disk is full"), ValueError("odd\nvery odd"), MemoryError()]
)
def test_what_cannot_be_written(
    error: Exception, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong, `broken` is called once; nobody who waits is told that it is durable;
    nothing is written any more, and closing raises one line."""

    def refuse(*_: object) -> int:
        raise error

    called: list[bool] = []

    async def work(writer: Writer) -> None:
        loop = asyncio.get_running_loop()
        broken = asyncio.Event()

        def tell() -> None:
            called.append(True)
            loop.call_soon_threadsafe(broken.set)

        writer.broken = tell
        writer.append(fact("first"))
        waiting = asyncio.ensure_future(writer.settled())
        await broken.wait()
        writer.append(fact("second"))
        late = asyncio.ensure_future(writer.settled())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        assert not late.done()
        waiting.cancel()
        late.cancel()

    monkeypatch.setattr(Store, "append", refuse)
    writer = Writer(store, RUN, 1, 0)
    asyncio.run(work(writer))
    monkeypatch.undo()
    with pytest.raises(RadpsDagError) as told:
        writer.close()
    assert len(str(told.value).splitlines()) == 1
    assert called == [True]
    assert messages(store) == []


def test_whose_turn_is_over(store: Store) -> None:
    """A writer whose run is driven by somebody else writes nothing, and says so."""
    writer = Writer(store, RUN, 1, 0)
    store.next_generation(RUN)
    writer.append(fact("late"))
    with pytest.raises(Outdated):
        writer.close()
    assert messages(store) == []


def test_rows_of_others(store: Store) -> None:
    """Rows that somebody else has appended in between are told by their numbers."""
    told: list[tuple[int, int]] = []
    with writing(store) as writer:
        writer.others = lambda first, last: told.append((first, last))

        async def work() -> None:
            writer.append(fact("mine"))
            await writer.settled()
            store.append(RUN, [to_row(RUN, fact(f"theirs {n}"), store.workspace) for n in (1, 2)])
            writer.append(fact("mine again"))
            await writer.settled()

        asyncio.run(work())
    assert told == [(2, 3)]
    assert messages(store) == ["mine", "theirs 1", "theirs 2", "mine again"]
