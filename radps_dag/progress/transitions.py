"""A node to its next state: what changes in it, and in the counts of everything that it is in."""

from __future__ import annotations

from radps_dag.facts import Iterated
from radps_dag.progress.node import RECENT, Call, NodeState, Quality, Status

__all__ = [
    "CLOSED",
    "WAITS",
    "add_calls",
    "close_questions",
    "count",
    "enter",
    "forget",
    "forget_inside",
    "forget_retries",
    "iterated",
    "note_waiting",
    "stop",
    "tally",
    "wait_anew",
    "withdraw",
]

WAITS = "waits for an answer"
CLOSED = "closed: the run was cancelled"


def enter(node: NodeState, status: Status) -> None:
    """Give a status that the parent counts; `withdraw` is its opposite."""
    node.status = status
    # A group that fails because of what is in it is not one failure more.
    node.own_failure = status in ("failed", "tolerated") and not node.failures
    if node.own_failure:
        count(node, failures=1)
    elif status == "skipped":
        count(node, remarks=1)
    parent = node.parent
    if parent is None:
        return
    match status:
        case "succeeded":
            parent.good += 1
        case "failed" | "tolerated":
            parent.failed += 1
        case "skipped":
            parent.skipped += 1
        case "running" | "retrying":
            parent.active[node.label] = node


def withdraw(node: NodeState) -> None:
    """Take a node out of the counts of everything around it."""
    parent = node.parent
    tally(node, "")
    if node.own_failure:
        node.own_failure = False
        count(node, failures=-1)
    elif node.status == "skipped":
        count(node, remarks=-1)
    if parent is None:
        return
    match node.status:
        case "succeeded":
            parent.good -= 1
        case "failed" | "tolerated":
            parent.failed -= 1
        case "skipped":
            parent.skipped -= 1
        case "running" | "retrying":
            parent.active.pop(node.label, None)


def stop(node: NodeState, time: float) -> None:
    """The run has ended: what is said to run does so no more, and what waits never will."""
    for child in node.children.values():
        if child.status == "waiting":
            child.reason = "did not run"
    for child in list(node.active.values()):
        stop(child, time)
        withdraw(child)
        child.status, child.reason = "stopped", "stopped"
        child.seconds = child.elapsed(time)


def note_waiting(node: NodeState | None, now: float) -> None:
    """Note at a node and at all around it whether nothing goes on there but questions."""
    while node is not None:
        going = node.active.values()
        waits = node.asked is not None or (
            bool(going) and all(child.waits_since is not None for child in going)
        )
        if waits and node.waits_since is None:
            node.waits_since = now
        elif not waits and node.waits_since is not None:
            node.waited += max(0.0, now - node.waits_since)
            node.waits_since = None
        node = node.parent


def count(node: NodeState, failures: int = 0, remarks: int = 0) -> None:
    """Count at a node and in everything it is in."""
    if not failures and not remarks:
        return
    node.failures += failures
    node.remarks += remarks
    for above in node.above():
        above.failures += failures
        above.remarks += remarks


def tally(node: NodeState, call: Call) -> None:
    """Count a call in everything it is in, and no longer as what it counted for before."""
    if call == node.call:
        return
    add_calls(
        node,
        ran=(call == "ran") - (node.call == "ran"),
        reused=(call == "reused") - (node.call == "reused"),
    )
    node.call = call


def add_calls(node: NodeState, ran: int, reused: int) -> None:
    """Count calls at a node and in everything it is in."""
    if not ran and not reused:
        return
    node.ran += ran
    node.reused += reused
    for above in node.above():
        above.ran += ran
        above.reused += reused


def forget_inside(node: NodeState) -> None:
    """A node begins anew: nothing of its former attempt counts."""
    own = node.own_failure, node.status == "skipped"
    count(node, own[0] - node.failures, own[1] - node.remarks)
    add_calls(node, (node.call == "ran") - node.ran, (node.call == "reused") - node.reused)
    iterations, node.iterations = node.iterations, 0
    for above in node.above() if iterations else ():
        above.iterations -= iterations
    node.children.clear()
    node.active.clear()
    node.good = node.failed = node.skipped = node.iteration = 0
    node.scores, node.low = (), ()
    node.own = node.inside = Quality()


def forget(node: NodeState) -> None:
    """Drop a node that ended; its parent goes on counting it."""
    if node.parent is not None:
        count(node.parent, -node.failures, -node.remarks)
        node.parent.children.pop(node.label, None)


def close_questions(node: NodeState) -> None:
    """Close the question of a node that nobody can answer any more; its reason says so."""
    node.asked = None
    if node.reason == WAITS:
        node.reason = CLOSED
    for child in node.children.values():
        close_questions(child)


def wait_anew(stage: NodeState) -> None:
    """Set a stage back to waiting, because an earlier process did not finish it."""
    forget_inside(stage)
    withdraw(stage)
    forget_retries(stage)
    stage.status, stage.started, stage.seconds = "waiting", None, None
    stage.error = stage.message = stage.reason = stage.outcome = ""
    stage.attempt, stage.again_at = 1, None
    stage.waited, stage.waits_since = 0.0, None


def forget_retries(node: NodeState) -> None:
    """Take the retries of a node out of the counts of all that it is in."""
    retried, node.retried = node.retried, 0
    for above in node.above() if retried else ():
        above.retried -= retried


def iterated(node: NodeState, fact: Iterated) -> None:
    """Take an iteration of a loop that is over into account."""
    node.iteration, node.total, node.outcome = fact.iteration, fact.cap, fact.outcome
    if fact.score is not None:
        node.scores = (*node.scores, fact.score)[-RECENT:]
    node.iterations += 1
    for above in node.above():
        above.iterations += 1
