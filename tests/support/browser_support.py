"""A real browser, driven through its own protocol: open a page, look, fill in, press."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

__all__ = ["CHROMIUM", "QUIET", "Browser", "browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# A browser that asks nobody but the page's own server.
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,800",  # a smaller one hides the page's menu
)


# How often a script is asked again that a navigation cut off.
NAVIGATIONS = 20


class Navigated(AssertionError):
    """The page went elsewhere while the browser was at it."""


class Browser:
    """One tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)

    def say(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the browser's protocol, and its result."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self._connection.recv(timeout=60))
            if told.get("id") == number:
                if _navigated(told.get("error", {})):
                    raise Navigated(told)
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result

    def open(self, url: str) -> None:
        self.say("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression on the page. Cut off by a navigation it is asked again, of
        the page that has come."""
        for asked in range(1, NAVIGATIONS + 1):
            try:
                result = self.say("Runtime.evaluate", expression=script, returnByValue=True)
                break
            except Navigated:
                if asked == NAVIGATIONS:
                    raise
                time.sleep(0.1)
        return result["result"].get("value")

    @property
    def text(self) -> str:
        """What a person reads on the page."""
        return str(self.run("document.body.innerText"))

    def wait(self, script: str, seconds: float = 60.0) -> Any:
        """Wait until an expression is true on the page, and give its value."""
        end = time.monotonic() + seconds
        while not (found := self.run(script)):
            assert time.monotonic() < end, f"{script}: {self.text}"
            time.sleep(0.1)
        return found

    def wait_for(self, text: str) -> None:
        self.wait(f"document.body.innerText.includes({json.dumps(text)})")

    def press(self, button: str) -> None:
        """Press the last button with these words: that of a dialogue, where there is one."""
        found = (
            "[...document.querySelectorAll('button, a')].filter("
            f"one => one.innerText.trim() === {json.dumps(button)}).at(-1)"
        )
        # Found and pressed at once: a page that comes in between has another button, or none.
        self.wait(f"(one => one && (one.click(), true))({found})")

    def fill(self, label: str, text: str) -> None:
        """Type into the field of a form that has this label."""
        found = (
            "(start => { for (let one = start; one; one = one.parentElement) {"
            " const field = one.querySelector('input, textarea'); if (field) return field; } })("
            "[...document.querySelectorAll('label, .p-label__label, span, div')].filter("
            f"one => one.innerText?.trim().startsWith({json.dumps(label)})).at(-1))"
        )
        self.wait(f"(one => one && (one.focus(), one.select(), true))({found})")
        self.say("Input.insertText", text=text)

    def shot(self, path: Path, width: int = 1280, height: int = 800) -> Path:
        """A picture of the page."""
        self.say(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        time.sleep(0.5)
        path.write_bytes(base64.b64decode(self.say("Page.captureScreenshot")["data"]))
        return path


def _navigated(error: dict[str, Any]) -> bool:
    """Whether the browser could not say because the page went elsewhere."""
    words = ("navigated or closed", "context was destroyed", "Cannot find context")
    return any(one in error.get("message", "") for one in words)


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser of its own, which ends with the block."""
    assert CHROMIUM is not None
    options = (*QUIET, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank")
    process = subprocess.Popen(
        [CHROMIUM, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        port_file = profile / "DevToolsActivePort"
        end = time.monotonic() + 60
        while not port_file.exists() or not port_file.read_text().strip():
            assert time.monotonic() < end and process.poll() is None, "the browser did not start"
            time.sleep(0.1)
        port = port_file.read_text().split()[0]
        tabs = httpx.get(f"http://127.0.0.1:{port}/json", trust_env=False).json()
        tab = next(one for one in tabs if one["type"] == "page")
        # One message is a whole picture.
        with connect(tab["webSocketDebuggerUrl"], max_size=None, proxy=None) as connection:
            yield Browser(connection)
    finally:
        process.terminate()
        process.wait(30)
