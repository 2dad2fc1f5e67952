"""A pipeline played by the engine, accounted for as the reference interpreter does."""

from __future__ import annotations

from typing import Any

from engine_support import Played, play
from pipeline_strategy import Files
from reference import Account

from radps_dag.engine.tracker import Tracker
from radps_dag.facts import NodeFailed, NodeSkipped, NodeSucceeded

__all__ = ["found"]


def found(files: Files, params: dict[str, Any], tracker: Tracker | None = None) -> Account:
    """What the engine makes of it."""
    run = play(files.text, files=files.files, params=params, slots=3, tracker=tracker)
    account = Account(calls=run.board.counts)
    if run.status == "succeeded":
        account.outputs = dict(run.outputs)
    _note_ends(run, account)
    return account


def _note_ends(run: Played, account: Account) -> None:
    for fact in run.facts:
        match fact:
            case NodeSucceeded():
                account.end("succeeded", fact.place, fact.outputs)
            case NodeFailed():
                account.end("failed", fact.place)
            case NodeSkipped():
                account.end("skipped", fact.place)
