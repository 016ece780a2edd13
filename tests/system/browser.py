"""Chromium without a network, spoken to over a pair of pipes: JSON messages that end with a NUL."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time

COMMANDS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-quic", "--disable-extensions", "--disable-component-update", "--disable-background-networking",
         "--disable-sync", "--disable-breakpad", "--hide-scrollbars", "--mute-audio",
         "--no-default-browser-check", "--remote-debugging-pipe")


class BrowserError(Exception):
    pass


def missing():
    """What is not here to run one, or None."""
    if not any(shutil.which(name) for name in COMMANDS):
        return "chromium is missing"
    if not alone():
        return "a network namespace cannot be made"
    return None


def alone():
    """The words that run a command without a network; None when that cannot be done."""
    for words in (["unshare", "-n"], ["unshare", "-r", "-n"]):
        try:
            if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
                return words
        except OSError:
            return None
    return None


class Browser:
    """One browser with one page. Everything that the page did wrong is in `problems`, every address
    that it asked for in `requests`."""

    def __init__(self, profile, width=1280, height=900, env=None):
        self.problems, self.requests, self.events = [], [], []
        self.number, self.session, self.rest = 0, None, b""
        command = next(filter(None, map(shutil.which, COMMANDS)))
        to_read, self.to = os.pipe()
        self.source, from_write = os.pipe()
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (to_read, from_write)]

        def place():
            os.setpgid(0, 0)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [*alone(), command, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}",
             "about:blank"], preexec_fn=place, pass_fds=(3, 4), env={**os.environ, **(env or {}), "HOME": profile},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in (to_read, from_write, *ends):
            os.close(fd)
        try:
            target = next(t["targetId"] for t in self.call("Target.getTargets")["targetInfos"]
                          if t["type"] == "page")
            self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network", "Audits", "Performance"):
                self.call(domain + ".enable")
            self.call("Network.setCacheDisabled", cacheDisabled=True)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.session = None
            self.call("Browser.close", limit=5)
            self.process.wait(10)
        except (BrowserError, OSError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for fd in (self.to, self.source):
            try:
                os.close(fd)
            except OSError:
                pass

    # Messages.

    def call(self, method, limit=120, **params):
        """Sends a command and returns its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + limit
        while True:
            answer = self._receive(until)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                return answer["result"]

    def wait(self, event, limit=120):
        """Waits until there was such an event since the last goto()."""
        until = time.monotonic() + limit
        while event not in self.events:
            self._receive(until)

    def _receive(self, until):
        while b"\0" not in self.rest:
            if not select.select([self.source], [], [], max(0, until - time.monotonic()))[0]:
                raise BrowserError("the browser does not answer")
            piece = os.read(self.source, 1 << 16)
            if not piece:
                raise BrowserError("the browser has gone")
            self.rest += piece
        text, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(text)
        if "method" in message:
            self._note(message["method"], message.get("params", {}))
        return message

    def _note(self, event, params):
        self.events.append(event)
        if event == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"])[:500])
        elif event == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])
        elif event == "Runtime.consoleAPICalled":
            self.problems.append(json.dumps(params["args"])[:500])
        elif event == "Audits.issueAdded":
            self.problems.append(json.dumps(params["issue"])[:500])
        elif event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    # The page.

    def goto(self, path, fragment=""):
        """Opens a file and returns how many seconds it takes until it is there and drawn."""
        # the same address again would only be a jump within the page
        self.events.clear()
        self.call("Page.navigate", url="about:blank")
        self.wait("Page.loadEventFired")
        self.events.clear()
        self.problems.clear()
        self.requests.clear()
        began = time.monotonic()
        self.call("Page.navigate", url="file://" + path + fragment)
        self.wait("Page.loadEventFired")
        self.drawn()
        return time.monotonic() - began

    def metrics(self):
        """What the page has cost since it was opened: {"ScriptDuration": seconds, ...}."""
        return {m["name"]: m["value"] for m in self.call("Performance.getMetrics")["metrics"]}

    def drawn(self):
        """Waits until what has changed is drawn."""
        self.call("Page.captureScreenshot", clip={"x": 0, "y": 0, "width": 8, "height": 8, "scale": 1})

    def eval(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"])[:1000])
        return answer["result"].get("value")

    def media(self, media="", **features):
        """media("print"), media(prefers_color_scheme="dark")"""
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": k.replace("_", "-"), "value": v} for k, v in features.items()])

    def scripts(self, on):
        self.call("Emulation.setScriptExecutionDisabled", value=not on)

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=False)

    def press(self, key):
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screenshot(self, path, width, height):
        """Of the whole page; what is drawn only when it is seen is seen."""
        self.size(width, min(16000, max(height, self.call("Page.getLayoutMetrics")["cssContentSize"]["height"])))
        self.drawn()
        self.size(width, min(16000, self.call("Page.getLayoutMetrics")["cssContentSize"]["height"]))
        answer = self.call("Page.captureScreenshot")
        self.size(width, height)
        with open(path, "wb") as f:
            f.write(base64.b64decode(answer["data"]))

    def pdf(self):
        return base64.b64decode(self.call("Page.printToPDF", limit=120)["data"])
