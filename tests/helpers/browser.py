"""Headless Chromium, driven over its debugging pipe: no library, no port, no network.

Keeps what a page must not do: console errors, exceptions, requests for anything but itself.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

__all__ = ["Browser", "BrowserError", "Page", "chromium_command"]

DEADLINE_S: Final = 60.0
FIRST_HIGH: Final = 20
OPTIONS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)


class BrowserError(Exception):
    """The browser did not do what it was told, or not in time."""


def chromium_command() -> str | None:
    """Return the path of Chromium, if it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """A running Chromium; it ends with the `with` block."""

    def __init__(self, command: str, directory: Path) -> None:
        self._directory = directory
        reads, self._to = _high_pipe()
        self._from, writes = _high_pipe()
        arguments = [command, *OPTIONS, f"--user-data-dir={directory}", "about:blank"]
        log = os.open(directory / "chromium.log", os.O_WRONLY | os.O_CREAT, 0o600)
        self._process = os.posix_spawn(
            command,
            arguments,
            {**os.environ, "HOME": str(directory)},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reads, 3),
                (os.POSIX_SPAWN_DUP2, writes, 4),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setpgroup=0,
        )
        for number in (reads, writes, log):
            os.close(number)
        self._buffer = b""
        self._number = 0
        self.events: list[Mapping[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, session: str = "", **params: object) -> Mapping[str, Any]:
        """Return the result of a method of the DevTools protocol."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + DEADLINE_S
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: Mapping[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def wait_for(self, method: str, session: str) -> Mapping[str, Any]:
        """Return the next event of that name, or one that came already."""
        deadline = time.monotonic() + DEADLINE_S
        seen = 0
        while True:
            for event in self.events[seen:]:
                if event.get("method") == method and event.get("sessionId") == session:
                    return event
            seen = len(self.events)
            self.events.append(self._receive(deadline))

    @contextmanager
    def page(self, *, width: int, height: int = 900, dark: bool = False) -> Iterator[Page]:
        """Open a page of that size."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        page.use_scheme(dark=dark)
        yield page
        self.call("Target.closeTarget", targetId=target)

    def _receive(self, deadline: float) -> Mapping[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise BrowserError("no answer in time")
            chunk = os.read(self._from, 1 << 16)
            if not chunk:
                log = (self._directory / "chromium.log").read_text(errors="replace")
                raise BrowserError(f"it ended: {log[-2000:]}")
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        decoded: Mapping[str, Any] = json.loads(message)
        return decoded


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **params: object) -> Mapping[str, Any]:
        """Call a method of the DevTools protocol for this tab."""
        return self._browser.call(method, self._session, **params)

    def open(self, path: Path) -> None:
        """Load a file and wait until it is loaded."""
        self._browser.events.clear()
        answer = self.call("Page.navigate", url=path.resolve().as_uri())
        if "errorText" in answer:
            raise BrowserError(f"{path}: {answer['errorText']}")
        self._browser.wait_for("Page.loadEventFired", self._session)

    def resize(self, width: int, height: int) -> None:
        """Change the size of the window."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def use_scheme(self, *, dark: bool) -> None:
        """Say what the system prefers."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression; promises are awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def next_frame(self) -> None:
        """Wait until what was changed is drawn."""
        self.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")

    def press(self, key: str) -> None:
        """Press a key."""
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def mouse(self, kind: str, x: float, y: float, **more: object) -> None:
        """Send a mouse event: mouseMoved, mousePressed, mouseReleased, mouseWheel."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def screenshot(self, path: Path, *, whole: bool = True, clip: object = None) -> None:
        """Write a PNG of the page, or of a part of it."""
        params: dict[str, object] = {"format": "png", "captureBeyondViewport": whole}
        if clip:
            params["clip"] = clip
        answer = self.call("Page.captureScreenshot", **params)
        path.write_bytes(base64.b64decode(answer["data"]))

    def complaints(self) -> list[str]:
        """Return console errors, exceptions and requests for other things, since the last open."""
        self.evaluate("0")  # what was sent before is received now
        return [text for event in self._browser.events for text in _complaint(event)]


def _complaint(event: Mapping[str, Any]) -> Iterator[str]:
    params = event.get("params", {})
    match event.get("method"):
        case "Runtime.exceptionThrown":
            yield f"exception: {params['exceptionDetails']}"
        case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
            yield f"console: {params['args']}"
        case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
            yield f"log: {params['entry']['text']}"
        case "Network.requestWillBeSent" if params["type"] != "Document":
            url: str = params["request"]["url"]
            if not url.startswith("data:"):
                yield f"request: {url}"


def _high_pipe() -> tuple[int, int]:
    """Return a pipe whose numbers are not those that the child needs."""
    low = os.pipe()
    high = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, FIRST_HIGH) for number in low]
    for number in low:
        os.close(number)
    return high[0], high[1]
