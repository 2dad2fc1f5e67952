"""A line for each event of interest, where the output is not a terminal: a file, a log, CI.

Instances of a wide fan-out and iterations of a long loop are summarised, so that a run of 10,000
instances stays readable; the first few that fail or retry have their lines. That a group began is
told when something in it runs: of a stage that uses earlier results alone there is one line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TextIO

from radps_dag.facts import (
    Fact,
    Iterated,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    Noted,
    QuestionAnswered,
    QuestionAsked,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
    is_call,
    is_leaf,
    repetition,
)
from radps_dag.facts.places import parts
from radps_dag.progress.asking import answer_command, answer_text, until_text
from radps_dag.progress.failures import pattern
from radps_dag.progress.look import (
    calls_text,
    clean,
    duration,
    number,
    score_text,
    symbols_for,
    write,
)
from radps_dag.progress.node import NodeState
from radps_dag.progress.state import RunState
from radps_dag.progress.summary import brief, summary

__all__ = ["Plain", "Quiet"]

_SMALL = 8  # a fan-out with at most so many instances has a line for each
_TROUBLES = 10  # lines about failed or retried instances of one fan-out
_WIDTH = 100
_LONGEST = 400

Trouble = NodeFailed | Retrying | Scored | Noted


class Plain:
    """Listens, and writes lines with the time since the start of the run."""

    def __init__(self, stream: TextIO) -> None:
        self.state = RunState()
        self._stream = stream
        self._troubles: Counter[tuple[str, str]] = Counter()
        self._tenths: dict[str, int] = {}
        self._held: dict[str, NodeStarted] = {}  # groups that began, and nothing in them ran yet

    def __call__(self, fact: Fact) -> None:
        """Take the fact, and write its line if it is of interest."""
        node = self.state.find(fact.place)  # afterwards it may be forgotten
        self.state.apply(fact)
        match fact:
            case RunStarted():
                self._begun(fact)
            case RunEnded():
                write(self._stream, _summary(self.state, self._stream))
            case NodeStarted():
                self._started(fact)
            case NodeSucceeded():
                self._succeeded(fact, node)
            case NodeSkipped():
                if self._wide(fact.place) is None and not _repeated(fact.place):
                    self._say(fact, f"skipped: {fact.reason}")
            case NodeStopped():
                self._release(fact.place)
                if "/" not in fact.place and not _repeated(fact.place):
                    self._say(fact, f"stopped: {fact.reason}")
            case Iterated():
                self._iterated(fact)
            case QuestionAsked():
                self._release(fact.place)
                self._say(fact, _question(fact, self.state))
            case QuestionAnswered():
                self._say(fact, answer_text(fact))
            case Scored() if self._is_old(fact, node):
                pass
            case NodeFailed() | Retrying() | Scored() | Noted():
                if isinstance(fact, NodeFailed | Retrying):
                    self._release(fact.place)
                self._trouble(fact)
                if isinstance(fact, NodeFailed) and (wide := self._wide(fact.place)):
                    self._tenth(fact, wide)

    def _begun(self, fact: RunStarted) -> None:
        again = f", resumed {_times(fact.generation - 1)}" if fact.generation > 1 else ""
        self._held.clear()
        self._tenths.clear()
        self._say(
            fact,
            f"{fact.pipeline}  run {fact.run}, {fact.library} library, "
            f"{fact.executor}, seed {fact.seed}{again}",
        )

    def _started(self, fact: NodeStarted) -> None:
        if is_leaf(fact.kind):
            if fact.origin:
                return
            self._release(fact.place)
        if _repeated(fact.place) or "[" in fact.place:
            return
        if is_leaf(fact.kind):
            self._tell_start(fact)
        else:
            self._held[fact.place] = fact

    def _release(self, place: str) -> None:
        """Something happens there: tell of all around it that it began."""
        if self._held:
            for around in _around(place):
                if held := self._held.pop(around, None):
                    self._tell_start(held)

    def _tell_start(self, fact: NodeStarted) -> None:
        again = f", attempt {fact.attempt}" if fact.attempt > 1 else ""
        self._say(fact, f"started{again}{_size(fact)}")

    def _succeeded(self, fact: NodeSucceeded, node: NodeState | None) -> None:
        wide = self._wide(fact.place)
        if node is not None and node.is_reused:
            self._held.pop(fact.place, None)
            if node.parent is self.state.root:
                some = f", {node.reused:,} call{'s' * (node.reused > 1)}" * (not is_call(node.kind))
                self._say(fact, f"reused{some}")
            return
        if wide is None and not _repeated(fact.place):
            self._release(fact.place)
            text = "" if node is None else calls_text(node)
            self._say(fact, f"done in {duration(fact.seconds)}{', ' * bool(text)}{text}")
        elif wide is not None and parts(fact.place)[-1][0] == "[":
            self._tenth(fact, wide)

    def _is_old(self, fact: Scored, node: NodeState | None) -> bool:
        """A good score of something that did not run is no news."""
        return (
            fact.verdict in ("good", "none")
            and node is not None
            and (node.is_reused or bool(node.origin))
        )

    def _tenth(self, fact: Fact, fan_out: NodeState) -> None:
        """A line for each tenth of a wide fan-out."""
        if fan_out.is_reused:
            return
        done, total = fan_out.good + fan_out.failed + fan_out.skipped, fan_out.total or 1
        tenth = 10 * done // total
        if tenth > self._tenths.get(fan_out.place, 0):
            self._tenths[fan_out.place] = tenth
            failed = f", {fan_out.failed:,} failed" if fan_out.failed else ""
            self._say(fact, f"{done:,} of {total:,}{failed}", fan_out.place)

    def _iterated(self, fact: Iterated) -> None:
        # 1 to 9, 10 to 90, 100 to 900: a long solver has a line where it matters.
        step = 10 ** (len(str(fact.iteration)) - 1)
        if self._wide(fact.place) or (fact.iteration % step and not fact.outcome):
            return
        if _repeated(fact.place) and not fact.outcome:
            return
        node = self.state.find(fact.place)
        if node is not None and node.is_reused:
            return
        self._release(fact.place)
        score = "" if fact.score is None else f"  score {number(fact.score)}"
        outcome = f"  {fact.outcome}" if fact.outcome else ""
        self._say(fact, f"#{fact.iteration} of {fact.cap}{score}{outcome}")

    def _trouble(self, fact: Trouble) -> None:
        wide = self._wide(fact.place)
        if wide is not None or _repeated(fact.place):
            if isinstance(fact, Scored) and fact.verdict in ("good", "none"):
                return
            kind = type(fact).__name__, pattern(fact.place)
            self._troubles[kind] += 1
            if self._troubles[kind] == _TROUBLES + 1:
                self._say(fact, "more of these are counted, not listed", kind[1])
            if self._troubles[kind] > _TROUBLES:
                return
        self._say(fact, _words(fact))

    def _wide(self, place: str) -> NodeState | None:
        """The outermost wide fan-out that a place is an instance of, or is in an instance of."""
        if "[" not in place:
            return None
        node: NodeState | None = self.state.root
        for part in parts(place):
            if node is None:
                break
            if part[0] == "[" and (node.total is None or node.total > _SMALL):
                return node
            node = node.children.get(part)
        return None

    def _say(self, fact: Fact, text: str, place: str | None = None) -> None:
        run = self.state.run
        seconds = fact.time - run.time if run else 0.0
        since = duration(seconds) if seconds > 59 else f"{seconds:.1f}s"
        where = clean(fact.place if place is None else place)
        gap = "  " if where else ""
        write(self._stream, f"{since:>8}  {where}{gap}{clean(text)[:_LONGEST]}\n")


class Quiet:
    """Listens, and writes warnings, failures and the result alone."""

    def __init__(self, stream: TextIO) -> None:
        self.state = RunState()
        self._stream = stream

    def __call__(self, fact: Fact) -> None:
        """Take the fact, and write it if it is a warning, a failure, a question or the end."""
        self.state.apply(fact)
        match fact:
            case Noted(level="warning") | Scored(verdict="alert" | "error"):
                where = f"{clean(fact.place)}  " if fact.place else ""
                write(self._stream, f"{where}{_words(fact)[:_LONGEST]}\n")
            case QuestionAsked():
                # A run that waits for a person and says nothing would look as if it hung.
                where = clean(fact.place)
                write(self._stream, f"{where}  {_question(fact, self.state)}\n")
            case RunEnded():
                write(self._stream, _summary(self.state, self._stream, full=False))


def _repeated(place: str) -> bool:
    return any(part[0] == "#" for part in parts(place)) if "#" in place else False


def _around(place: str) -> Iterator[str]:
    """A place and all that it is in, outermost first."""
    here = ""
    for part in parts(place):
        here += f"/{part}" if here and part[0] not in "[#" else part
        yield here


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _size(fact: NodeStarted) -> str:
    if fact.total is None:
        return ""
    match repetition(fact.kind):
        case "fan_out":
            return f", {fact.total:,} instance{'s' * (fact.total != 1)}"
        case "loop":
            return f", at most {fact.total:,} iteration{'s' * (fact.total != 1)}"
        case None:
            return ""


def _words(fact: Trouble) -> str:
    match fact:
        case NodeFailed():
            tolerated = ", tolerated" if fact.tolerated else ""
            return f"failed after {duration(fact.seconds)}{tolerated}: {_error(fact)}"
        case Retrying():
            wait = f"{fact.delay:.3g} s"
            return f"attempt {fact.attempt} of {fact.attempts} in {wait}: {_error(fact)}"
        case Scored():
            return f"QA {score_text(fact)}"
        case Noted():
            return f"{'warning: ' * (fact.level == 'warning')}{clean(fact.message)}"


def _question(fact: QuestionAsked, state: RunState) -> str:
    """Describe a question: what is asked, until when, and the command that answers it."""
    until = until_text(fact)
    command = answer_command(state.run.run if state.run else "RUN", fact.place)
    return f"asks: {clean(fact.message)[:_LONGEST]} ({until}{'; ' * bool(until)}{command})"


def _error(fact: NodeFailed | Retrying) -> str:
    message = clean(fact.message)
    return f"{fact.error}: {message}" if message else fact.error


def _summary(state: RunState, stream: TextIO, full: bool = True) -> str:
    symbols = symbols_for(stream)
    lines = summary(state, _WIDTH, symbols) if full else brief(state, symbols)
    # Text without its styles: a file is no place for colours.
    return "".join(line.plain.rstrip() + "\n" for line in lines)
