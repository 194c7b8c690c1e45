"""A headless Chromium driven over its DevTools pipe: pages as a reader's browser sees them."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --remote-debugging-pipe"
).split()
_NOISE = ("Network.requestWillBeSent", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")


class Page:
    """One tab: load a file at a size and in a scheme, then ask it things."""

    def __init__(self, read, write):
        self._read, self._write, self._id, self._session = read, write, 0, None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        self._id += 1
        message = {"id": self._id, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._id:
                assert "error" not in answer, answer
                return answer["result"]

    def _next(self):
        text = bytearray()
        while (byte := self._read.read(1)) not in (b"\0", b""):
            text += byte
        assert text, "the browser has gone"
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def load(self, path, *, width, height=800, dark=False, scripts=True):
        """Open a file; returns what it asked for and complained of: (requests, messages)."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.events.clear()
        address = path.resolve().as_uri()
        self.call("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._next()
        self.ask("1")  # a round trip, so that late messages have come
        noise = [event for event in self.events if event["method"] in _NOISE]
        requests = [e["params"]["request"]["url"] for e in noise if e["method"] == "Network.requestWillBeSent"]
        requests = [url for url in requests if url != address and not url.startswith("data:")]
        return requests, [e for e in noise if e["method"] != "Network.requestWillBeSent"]

    def ask(self, expression):
        """The value of a JavaScript expression."""
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")


@contextmanager
def browser(folder):
    """A page of a fresh browser whose profile is in `folder`."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()

    # The browser reads commands from descriptor 3 and writes to 4. Both are first copied above these two, since
    # dup2 of a descriptor onto itself leaves it closed to the browser.
    wire = "import os, sys; from fcntl import fcntl, F_DUPFD\n"
    wire += "a, b = (fcntl(int(n), F_DUPFD, 10) for n in sys.argv[1:3])\n"
    wire += "os.dup2(a, 3); os.dup2(b, 4); os.execv(sys.argv[3], sys.argv[3:])"
    command = [CHROMIUM, *_FLAGS, f"--user-data-dir={folder}"]
    process = subprocess.Popen(
        [sys.executable, "-c", wire, str(to_read), str(from_write), *command],
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    try:
        with os.fdopen(from_read, "rb") as read, os.fdopen(to_write, "wb") as write:
            yield Page(read, write)
    finally:
        process.kill()
        process.wait()
