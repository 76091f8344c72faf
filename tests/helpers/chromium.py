"""Chromium without a window, driven through its DevTools protocol with Tornado's WebSocket client."""

import asyncio
import base64
import io
import itertools
import json
import re
import shutil
import subprocess
import time
import urllib.request

import numpy as np
import pytest
from PIL import Image
from tornado.websocket import websocket_connect

SIZE = (1200, 800)  # of the window
START_S, WAIT_S = 60, 90  # generous: WebGL runs on the processor, which other tests use too
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--force-device-scale-factor=1",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--remote-debugging-port=0",
    "--remote-allow-origins=*", "--disable-background-networking", "--no-first-run",
    # All names but this computer's lead nowhere: what is not served by the test is not there.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    f"--window-size={SIZE[0]},{SIZE[1]}",
]  # fmt: skip


def find_chromium() -> str | None:
    """The browser's command, if the computer has one."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next(filter(None, map(shutil.which, names)), None)


def chromium_page(tmp_path_factory):
    """Body of a fixture: a page of Chromium, where the computer has one."""
    if not find_chromium():
        pytest.skip("no Chromium on this computer (Debian's package: chromium)")
    chromium = Chromium(tmp_path_factory.mktemp("chromium"))
    yield chromium
    chromium.close()


class Navigated(Exception):
    """The page that a script was sent to gave way to another one, as pages do that lead on to the next."""


class Chromium:
    """One page of a browser; ``errors`` collects what it writes to the console as errors, and what failed to load."""

    def __init__(self, folder):
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._loaders: set[str] = set()  # of the documents that asked for anything
        self._left: set[str] = set()  # those that were open before this page
        self._numbers, self._answers = itertools.count(1), {}
        self._loop = asyncio.new_event_loop()
        command = [find_chromium(), *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            self._loop.run_until_complete(asyncio.wait_for(self._connect(), START_S))
        except BaseException:
            self.close()
            raise

    async def _connect(self) -> None:
        line = ""
        while "DevTools listening" not in line:
            line = await asyncio.to_thread(self._process.stderr.readline)
            assert line, "Chromium ended before it was ready"
        # A full pipe would stop it.
        asyncio.get_running_loop().run_in_executor(None, self._process.stderr.read)
        address = re.search(r"ws://([^/]+)/", line)[1]
        with urllib.request.urlopen(f"http://{address}/json/list") as listing:
            pages = [page for page in json.load(listing) if page["type"] == "page"]
        self._socket = await websocket_connect(pages[0]["webSocketDebuggerUrl"], max_message_size=2**28)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._call(f"{domain}.enable")

    async def _call(self, method: str, **params) -> dict:
        number = next(self._numbers)
        await self._socket.write_message(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(await self._socket.read_message())
            if message.get("id") == number:
                if "navigated" in message.get("error", {}).get("message", ""):
                    raise Navigated(message["error"]["message"])
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, event: dict) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"])[:500])
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif event.get("method") == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.errors.append(json.dumps(params["args"])[:500])
        elif event.get("method") == "Network.requestWillBeSent":
            # What a page that was left still asks for may be told of when the next one is open.
            if params["loaderId"] not in self._left:
                self._loaders.add(params["loaderId"])
                self.requests.append(params["request"]["url"])

    def call(self, method: str, **params) -> dict:
        """A command of the DevTools protocol, and its answer."""
        return self._loop.run_until_complete(asyncio.wait_for(self._call(method, **params), WAIT_S))

    def open(self, url: str) -> None:
        """Go to a page."""
        self.call("Page.navigate", url="about:blank")
        self.evaluate("document.title")  # by its answer what the page before it did has been noted
        self.errors.clear()
        self.requests.clear()
        self._left |= self._loaders
        self.call("Page.navigate", url=url)

    def evaluate(self, script: str):
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, probe, what: str, seconds: float = WAIT_S):
        """Call ``probe`` until its answer is neither None nor False; returns it. AssertionError if it never comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                found = probe()
            except Navigated:
                continue
            # NumPy's False is not Python's.
            if found is not None and not (isinstance(found, bool | np.bool_) and not found):
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what} did not come within {seconds} s; errors of the page: {self.errors}")

    def hover(self, x: float, y: float) -> None:
        """Move the mouse to a point of the page."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + 1, y=y)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self) -> np.ndarray:
        """The page as RGB (Y, X, 3)."""
        png = base64.b64decode(self.call("Page.captureScreenshot")["data"])
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._loop.close()
