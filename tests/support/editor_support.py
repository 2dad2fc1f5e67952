"""The YAML language server, which editors use, spoken to as an editor does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

__all__ = ["SERVER", "Editor", "editor"]

# `npm install yaml-language-server` brings it.
SERVER = os.environ.get("RADPS_DAG_YAML_SERVER") or shutil.which("yaml-language-server") or ""
PATIENCE = 60.0  # one that hangs is to fail, and not to hang the suite

# Nothing is fetched from a network.
_SETTINGS = {
    "yaml": {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}
}


class Editor:
    """A program with one file open at a time."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._last = 0
        self._uri = ""
        self._said: Queue[dict[str, Any] | None] = Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        client = {"workspace": {"configuration": True}, "textDocument": {"publishDiagnostics": {}}}
        self._ask("initialize", processId=None, rootUri=folder.as_uri(), capabilities=client)
        self._tell("initialized")
        self._tell("workspace/didChangeConfiguration", settings=_SETTINGS)

    def open(self, text: str) -> list[str]:
        """What is marked in a file with that text: the text that is marked, and the message."""
        self._last += 1
        self._uri = (self._folder / f"file-{self._last}.yaml").as_uri()
        document = {"uri": self._uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", textDocument=document)
        while True:
            message = self._next()
            params = message.get("params") or {}
            if (
                message.get("method") == "textDocument/publishDiagnostics"
                and params["uri"] == self._uri
            ):
                return [
                    f"{_marked(text, one['range'])}: {one['message']}"
                    for one in params["diagnostics"]
                ]

    def complete(self, text: str) -> dict[str, str]:
        """What may stand at the `|` of a text, with what is said of each."""
        before, _, after = text.partition("|")
        self.open(before + after)
        at = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        answer = self._ask("textDocument/completion", textDocument={"uri": self._uri}, position=at)
        items = answer["items"] if isinstance(answer, dict) else answer
        return {item["label"]: str(_words(item.get("documentation"))) for item in items}

    def _ask(self, method: str, **params: Any) -> Any:
        self._last += 1
        asked = self._last
        self._send({"id": asked, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == asked and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _tell(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def _next(self) -> dict[str, Any]:
        """The next message of the server, its own questions answered."""
        message = self._said.get(timeout=PATIENCE)
        assert message is not None, "the server has ended"
        if "id" in message and "method" in message:
            wanted = message.get("params", {}).get("items", [])
            result = [_SETTINGS.get(item.get("section"), {}) for item in wanted]
            self._send({"id": message["id"], "result": result if wanted else None})
        return message

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        length = 0
        while line := stream.readline():
            name, _, value = line.decode().partition(":")
            if name.lower() == "content-length":
                length = int(value)
            elif not line.strip():
                self._said.put(json.loads(stream.read(length)))
        self._said.put(None)


@contextmanager
def editor(folder: Path) -> Iterator[Editor]:
    """The server, for files of a folder."""
    process = subprocess.Popen(
        [SERVER, "--stdio"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Editor(process, folder)
    finally:
        process.kill()
        process.wait()


def _marked(text: str, range: Any) -> str:
    start, end = range["start"], range["end"]
    line: str = text.split("\n")[start["line"]]
    return line[start["character"] : end["character"] if start["line"] == end["line"] else None]


def _words(documentation: Any) -> Any:
    return documentation.get("value") if isinstance(documentation, dict) else documentation
