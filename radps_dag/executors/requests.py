"""A driver's requests to the machines of a cluster, and what their answers mean."""

from __future__ import annotations

import fcntl
import json
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from radps_dag import __version__
from radps_dag.executors import wire
from radps_dag.executors.call import Call, Capabilities, Performed, Setup
from radps_dag.executors.live_output import KeptOutput
from radps_dag.outcome import CallFailed, TimedOut, WorkerDied
from radps_dag.workloads.contract.fingerprint import code_digest
from radps_dag.workloads.contract.registry import Library

__all__ = ["Elsewhere", "Requests", "version_problem"]


class Elsewhere:
    """An executor on other machines, which runs each call in a process of its own (`agent`)."""

    capabilities: ClassVar = Capabilities(
        isolates=True, ends_calls=True, tells_prints=True, here=False, keeps_limits=True
    )

    @classmethod
    def slots_for(cls, library: Library) -> int:  # noqa: ARG003  # others ask it
        """As many as the machines have processors, which only they or the settings know."""
        return 0

    def kill(self) -> None:
        """Do nothing: calls end when those machines hear that this process has gone."""


class Requests:
    """Requests of one run: each names the code that must be there, and the run."""

    def __init__(self, setup: Setup) -> None:
        self.run = secrets.token_hex(8)
        self._log = setup.log
        self._introduction = {
            **wire.introduction(setup),
            "code": code_digest(setup.library),
            "run": self.run,
        }

    def of_call(self, call: Call, process: str = "") -> bytes:
        """Request for a call, of the worker that is this process, where that is known."""
        return self._request(process, message=wire.to_json(call), limit=call.limit)

    def of_probe(self, asked: Mapping[str, str]) -> bytes:
        """Request for what a worker can do."""
        return self._request("", message={"probe": dict(asked)}, limit=None)

    def of_output(self, offsets: Mapping[str, int]) -> bytes:
        """Request for what calls have printed since their offsets, by their places."""
        return self._request("", offsets=dict(offsets))

    def keeping(self, place: str) -> KeptOutput:
        """Keep what a call prints while it goes on."""
        return KeptOutput(self._log, place)

    def of_end(self) -> bytes:
        """Request to end what the run has left."""
        return self._request("", close=True)

    def performed(self, call: Call, response: bytes) -> Performed:
        """The result of a call. Raises its failure, also as an error of the machine."""
        place = call.place
        answered = json.loads(response)
        self._print(answered["printed"])
        where = f"on {answered['host']}"
        if "died" in answered:
            raise WorkerDied(place, f"{answered['died'].partition('; see ')[0]} {where}")
        if "given_up" in answered:
            raise WorkerDied(place, f"the call was given up {where}")
        if "late" in answered:
            raise TimedOut(place, call.limit or 0.0)
        if "broken" in answered:
            raise CallFailed(place, "WorkerBroken", f"{answered['broken']} {where}")
        answer = answered["answer"]
        if "outputs" in answer:
            return wire.to_performed(answer)
        message = answer["message"]
        if answer["error"] == "LibraryMissing":
            message = f"{message} ({where})"
        raise wire.to_failure({**answer, "place": place, "message": message})

    def wrong(self, response: bytes) -> tuple[str, str]:
        """The fault that a probe has found, "" if none; and the process that answered."""
        answered = json.loads(response)
        answer = answered.get("answer", {})
        wrong = answered.get("broken") or answered.get("died") or answer.get("message")
        wrong = wrong or answer.get("wrong", "")
        return (f"{wrong} (on {answered['host']})" if wrong else ""), answered["process"]

    def print_rest(self, response: bytes) -> None:
        """Note what calls had printed whose answers nobody has waited for."""
        self._print(json.loads(response)["printed"])

    def _request(self, process: str, **what: Any) -> bytes:
        content = {"process": process, "introduction": self._introduction, **what}
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()

    def _print(self, text: str) -> None:
        if text:
            with self._log.open("ab", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(text.encode("utf-8", "surrogateescape"))


def version_problem(version: object) -> str:
    """The fault of the radps-dag that a worker has; "" if it is ours."""
    if isinstance(version, BaseException):
        return (
            f"radps-dag cannot be imported: {version}; pip install radps-dag=={__version__} there"
        )
    if version != __version__:
        return f"radps-dag is {version} there and {__version__} here; install the same one"
    return ""
