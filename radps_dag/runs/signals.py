"""A coroutine run in a thread of its own, whatever the caller's thread does: mind signals, or wait.

Prefect installs a handler for SIGTERM in the main thread that raises wherever the program is. In
another thread it does not; so the engine's loop has one, and the end of a run stays in order. It
also runs where the caller's thread has an event loop already, as in a notebook.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Generic, TypeVar

from radps_dag.problem import Interrupted

__all__ = ["PATIENCE", "run_apart", "run_minding_signals"]

T = TypeVar("T")

# Seconds from the signal to the end of the program, whatever does not want to end.
PATIENCE = 9.0


def run_minding_signals(
    main: Callable[[], Coroutine[Any, Any, T]],
    leaving: Callable[[], None] = lambda: None,
    told: Callable[[], None] = lambda: None,
    *,
    once: bool = False,
) -> T:
    """Run the coroutine; SIGINT, SIGTERM and SIGHUP cancel it. Raises Interrupted when one did.

    `told` is called just before. A second signal, or one that finds no end within `PATIENCE`
    seconds, ends the program at once, after `leaving`, which leaves the terminal as it was. `once`:
    a second one changes nothing, as where a program and not a person sends it.
    """
    return _Minded(main, leaving, told, once).run()


def run_apart(
    main: Callable[[], Coroutine[Any, Any, T]],
    leaving: Callable[[], None] = lambda: None,
    told: Callable[[], None] = lambda: None,
) -> T:
    """Run the coroutine from any thread; signals are left to the program.

    A KeyboardInterrupt that it raises here cancels the coroutine, after `told`, and goes on when
    that has ended in order; `leaving` ends what a second one does not want to wait for.
    """
    apart = _Apart(main)
    try:
        apart.thread.start()
        apart.join()
    except KeyboardInterrupt:
        told()
        apart.cancel()
        try:
            apart.join()
        except KeyboardInterrupt:
            leaving()
            apart.join()
        raise
    return apart.result()


class _Apart(Generic[T]):
    """The thread of a coroutine."""

    def __init__(self, main: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._main = main
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._cancelled = False
        self._ready = threading.Event()
        self._done = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None
        self.thread = threading.Thread(target=self._work, name="radps-dag engine")

    def join(self) -> None:
        # A wait with a limit: without one, some systems deliver no signal to a waiting thread. Not
        # for the thread: one whose join was interrupted is taken for ended, and goes on.
        while self.thread.ident is not None and not self._done.wait(0.5):
            pass

    def cancel(self) -> None:
        self._cancelled = True
        if self._ready.is_set() and self._loop is not None and self._task is not None:
            # The loop may have ended in this moment.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._task.cancel)

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _work(self) -> None:
        try:
            self._result.append(asyncio.run(self._watched()))
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            self._error = error
        finally:
            self._done.set()

    async def _watched(self) -> T:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._main())
        self._ready.set()
        if self._cancelled:
            self._task.cancel()
        return await self._task


def _minded() -> list[signal.Signals]:
    """The signals that end a run. `nohup` has SIGHUP ignored, and means it."""
    kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if kept else [signal.SIGHUP])]


class _Minded(Generic[T]):
    def __init__(
        self,
        main: Callable[[], Coroutine[Any, Any, T]],
        leaving: Callable[[], None],
        told: Callable[[], None],
        once: bool,
    ) -> None:
        self._once = once
        self._apart = _Apart(main)
        self._leaving = leaving
        self._told = told
        self._signal = 0

    def run(self) -> T:
        before = {number: signal.signal(number, self._caught) for number in _minded()}
        try:
            self._apart.thread.start()
            self._apart.join()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._signal:
            raise Interrupted(self._signal)
        return self._apart.result()

    def _caught(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._signal and self._once:
            return
        if self._signal:
            self._leave(number)
        self._signal = number
        self._told()
        reaper = threading.Timer(PATIENCE, self._leave, (number,))
        reaper.daemon = True
        reaper.start()
        self._apart.cancel()

    def _leave(self, number: int) -> None:
        """End the program here. The workers find their driver gone, and go too."""
        try:
            self._leaving()
        finally:
            os._exit(128 + number)
