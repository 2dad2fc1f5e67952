"""A coroutine run in a thread of its own, while the main thread minds the signals.

Prefect installs a handler for SIGTERM in the main thread that raises wherever the program is. In
another thread it does not; so the engine's loop has one, and the end of a run stays in order.
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

__all__ = ["PATIENCE", "run_minding_signals"]

T = TypeVar("T")

# Seconds from the signal to the end of the program, whatever does not want to end.
PATIENCE = 9.0


def run_minding_signals(
    main: Callable[[], Coroutine[Any, Any, T]],
    leaving: Callable[[], None] = lambda: None,
    told: Callable[[], None] = lambda: None,
) -> T:
    """Run the coroutine; SIGINT, SIGTERM and SIGHUP cancel it. Raises Interrupted when one did.

    `told` is called just before. A second signal, or one that finds no end within `PATIENCE`
    seconds, ends the program at once, after `leaving`, which leaves the terminal as it was.
    """
    return _Minded(main, leaving, told).run()


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
    ) -> None:
        self._main = main
        self._leaving = leaving
        self._told = told
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._signal = 0
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None

    def run(self) -> T:
        thread = threading.Thread(target=self._work, name="radps-dag engine")
        before = {number: signal.signal(number, self._caught) for number in _minded()}
        try:
            thread.start()
            # A wait with a limit: without one, some systems deliver no signal to a waiting thread.
            while thread.is_alive():
                thread.join(0.5)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._signal:
            raise Interrupted(self._signal)
        if self._error is not None:
            raise self._error
        return self._result[0]

    def _work(self) -> None:
        try:
            self._result.append(asyncio.run(self._watched()))
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            self._error = error

    async def _watched(self) -> T:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._main())
        self._ready.set()
        if self._signal:
            self._task.cancel()
        return await self._task

    def _caught(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._signal:
            self._leave(number)
        self._signal = number
        self._told()
        reaper = threading.Timer(PATIENCE, self._leave, (number,))
        reaper.daemon = True
        reaper.start()
        if self._ready.is_set() and self._loop is not None and self._task is not None:
            # The loop may have ended in this moment.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._task.cancel)

    def _leave(self, number: int) -> None:
        """End the program here. The workers find their driver gone, and go too."""
        try:
            self._leaving()
        finally:
            os._exit(128 + number)
