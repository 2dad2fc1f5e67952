"""A run's way to the local server: use the one that runs, or start it and wait."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radps_dag.prefect.server.address import ServerAddress, answers
from radps_dag.prefect.server.ending import end
from radps_dag.prefect.server.files import ServerFiles
from radps_dag.prefect.server.settings import DEFAULT_IDLE_TIMEOUT, fingerprint
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.storage import locks
from radps_dag.storage.locks import ALREADY_SERVED, Lock, birth_of

__all__ = ["Starting", "begin", "ensure_server", "idle_seconds"]

Notify = Callable[[str], None]
State = dict[str, Any]  # what a server says about itself

FROZEN = 20.0  # seconds in which a server that was ready must answer: it is on this machine
# Seconds without any processor time after which one that starts is frozen, and not just slow.
STUCK = 120.0
_NEWS_EVERY = 5.0  # seconds between two messages about the same phase


def ensure_server(
    home: Path | None = None,
    notify: Notify = lambda message: None,
    idle_timeout: float | None = None,
) -> ServerAddress:
    """The server of the home, started if there is none."""
    return begin(home, idle_timeout).wait(notify)


def begin(home: Path | None = None, idle_timeout: float | None = None) -> Starting:
    """Start the server unless it runs, and return at once; `wait` on the result for its address.

    `idle_timeout` in seconds; a server that runs with another one is replaced if nobody uses it.
    """
    place = ServerFiles.of(home)
    place.make()
    if idle_timeout is None and (asked := os.environ.get("RADPS_DAG_IDLE_TIMEOUT")):
        idle_timeout = idle_seconds(asked, "RADPS_DAG_IDLE_TIMEOUT")
    starting = Starting(place, idle_timeout)
    if not locks.is_held(place.lock):
        starting.launch()
    return starting


def idle_seconds(duration: str, name: str = "--idle-timeout") -> float:
    """A duration in seconds, from what a person wrote.

    >>> idle_seconds("30m"), idle_seconds("90")
    (1800.0, 90.0)
    """
    from radps_dag.language.assembly import seconds

    try:
        idle = seconds(duration.strip() + ("s" if duration.strip()[-1:].isdigit() else ""))
    except (ValueError, KeyError):
        idle = 0.0
    if not 1.0 <= idle <= 1e7:
        raise UsageError(f"{name}: {duration!r} is not a duration of a second or more, such as 30m")
    return idle


class Starting:
    """A server that may still be on its way."""

    def __init__(self, place: ServerFiles, idle_timeout: float | None) -> None:
        self._place = place
        self._idle_timeout = idle_timeout
        self._launcher: subprocess.Popen[bytes] | None = None
        self._launched = False  # a server of ours got hold of the place
        self._attempts = 0
        self._lock: Lock | None = None  # the right to use the server
        self._promised: ServerAddress | None = None

    def launch(self) -> None:
        """Start a server process in a session of its own, out of reach of the terminal's Ctrl-C."""
        self._attempts += 1
        idle = DEFAULT_IDLE_TIMEOUT if self._idle_timeout is None else self._idle_timeout
        # -P: a file of the user's directory must not be imported for a library.
        program = [sys.executable, "-P", "-m", "radps_dag.prefect.server.main"]
        try:
            self._launcher = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
                [*program, str(self._place.directory), "--idle-timeout", str(idle)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise RadpsDagError(
                f"cannot start the local Prefect server: {error}; set PREFECT_API_URL to use "
                "a server that runs already"
            ) from error

    def soon(self, notify: Notify = lambda message: None) -> ServerAddress:
        """The address as soon as it is known; the server may not answer there before `wait`.

        Long before it answers: time to set the environment and to import Prefect.
        """
        self._promised = self._address_when(_is_known, _News(notify))
        return self._promised

    def wait(self, notify: Notify = lambda message: None) -> ServerAddress:
        """The address, as soon as the server answers. As patient as the server is alive."""
        address = self._address_when(answers, _News(notify))
        if self._promised is not None and self._promised.api_url != address.api_url:
            raise RadpsDagError(
                "the local Prefect server ended while it started, and began again at another "
                "address; run the command once more"
            )
        return address

    def _address_when(self, far_enough: Callable[[State], bool], news: _News) -> ServerAddress:
        lease = self._lock = self._lock or self._lease(news)
        pause = 0.02
        answered = time.monotonic()
        progress = _Progress()
        while True:
            held = locks.is_held(self._place.lock)
            state = self._place.read_state()
            if not held or state.get("status") != "ready":
                answered = time.monotonic()
                if progress.stuck(self._starter(held, state)):
                    self._end_stuck(held, news)
                    continue
            elif time.monotonic() - answered > FROZEN:
                news.tell("ending the local Prefect server, which does not answer")
                end(self._place, patience=1.0)
                continue
            if held and far_enough(state):
                if self._fits(state):
                    return self._address(state, lease)
                lease = self._lock = self._replaced(state, lease, news)
                continue
            if not held:
                self._relaunch()
            news.tell(state.get("phase") or "launching the local Prefect server")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    def _starter(self, held: bool, state: State) -> int:
        """The process that we wait for; 0 where it cannot be told."""
        if held:
            pid: int = state.get("pid", 0)
            return pid if birth_of(pid) == state.get("birth") else 0
        return 0 if self._launcher is None else self._launcher.pid

    def _end_stuck(self, held: bool, news: _News) -> None:
        """End what starts and does nothing. Raises RadpsDagError where that is our own launcher."""
        if held:
            news.tell("ending the local Prefect server, which is frozen while it starts")
            end(self._place, patience=1.0)
        elif self._launcher is not None:
            self._launcher.kill()
            raise RadpsDagError(
                f"the local Prefect server does not start: its process did nothing for {STUCK:.0f} "
                "s; run the command once more, or set PREFECT_API_URL to use a server that runs"
            )

    def _lease(self, news: _News) -> Lock:
        """The right to use the server; waits where a server that leaves holds it."""
        while True:
            lease = locks.take(self._place.clients, shared=True, patience=1.0)
            if lease is not None:
                return lease
            news.tell("waiting for the previous local Prefect server to end")

    def _relaunch(self) -> None:
        """Nobody holds the place: see what became of our launcher, and start another if needed."""
        if self._launcher is not None:
            code = self._launcher.poll()
            if code is None:
                return
            _, message = self._launcher.communicate()
            self._launcher = None
            if code == 0:
                self._launched = True
            elif code != ALREADY_SERVED:
                raise RadpsDagError(_died(self._place, message.decode(errors="replace")))
            return
        if self._launched and self._place.read_state().get("status") != "stopped":
            raise RadpsDagError(_died(self._place))
        if self._attempts >= 5:
            raise RadpsDagError(_died(self._place))
        self._launched = False
        self.launch()

    def _fits(self, state: State) -> bool:
        other_idle = self._idle_timeout is not None and (
            state.get("idle_timeout") != self._idle_timeout
        )
        return state.get("fingerprint") == fingerprint() and not other_idle

    def _replaced(self, state: State, lease: Lock, news: _News) -> Lock:
        """End a server of another version or with other settings, unless somebody uses it."""
        lease.release()
        alone = locks.take(self._place.clients)
        if alone is None:
            if state.get("prefect") == _prefect_version():
                # Good enough: only our own settings are others.
                self._fits = lambda state: True  # type: ignore[method-assign]
                return self._lease(news)
            raise RadpsDagError(
                f"the local Prefect server in {self._place.directory} runs Prefect "
                f"{state.get('prefect')} for somebody else, this is {_prefect_version()}; wait for "
                "that run to end, or set RADPS_DAG_HOME to another directory"
            )
        news.tell("replacing the local Prefect server, which has another version or settings")
        end(self._place, patience=30.0)
        alone.share()
        return alone

    def _address(self, state: State, lease: Lock) -> ServerAddress:
        if self._launcher is not None:
            self._launcher.communicate()  # it has left the server behind
            self._launched, self._launcher = self._launcher.returncode == 0, None
        page = f"http://127.0.0.1:{state['port']}"
        return ServerAddress(
            api_url=f"{page}/api",
            auth_string=self._place.auth_string(),
            ui_url=page,
            pid=state["pid"],
            prefect_home=self._place.prefect,
            products=self._place.products,
            reports=self._place.reports,
            _lease=lease,
        )


def _is_known(state: State) -> bool:
    """Whether a living server has said where it will listen."""
    return "port" in state and birth_of(state.get("pid", 0)) == state.get("birth")


class _Progress:
    """Detects whether a starting process makes progress: it does while it uses processor time."""

    def __init__(self) -> None:
        self._before = (0, "")
        self._moved = time.monotonic()

    def stuck(self, pid: int) -> bool:
        now = time.monotonic()
        progress = pid, _processor_time(pid)
        if progress != self._before:
            self._before, self._moved = progress, now
        return now - self._moved > STUCK


def _processor_time(pid: int) -> str:
    """The processor time that a process has used, in the kernel's ticks; "" if there is no such
    process.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return " ".join(text.rpartition(")")[2].split()[11:13])


class _News:
    """Tells a phase when it begins, and that it still lasts every few seconds."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._phase = ""
        self._began = self._told = time.monotonic()

    def tell(self, phase: str) -> None:
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._began, self._told = phase, now, now
            self._notify(phase)
        elif now - self._told >= _NEWS_EVERY:
            self._told = now
            self._notify(f"{phase} ({now - self._began:.0f} s)")


def _died(place: ServerFiles, message: str = "") -> str:
    """One line about a server that ended before it was ready."""
    if not message.strip():
        try:
            message = place.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            message = ""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    # The exception, where there is one: what follows it only says that the start failed.
    errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception): ", line)]
    told = (errors or lines or ["it left no message"])[-1][:700]
    return f"the local Prefect server ended while it started: {told} (all of it: {place.log})"


def _prefect_version() -> str:
    import importlib.metadata

    return importlib.metadata.version("prefect")
