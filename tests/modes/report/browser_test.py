"""The page in headless Chromium: no error, no request, no sideways scrolling, a slider that works.

Runs where `chromium` (or `google-chrome`) and `chromedriver` are installed and GAN_JAX_BROWSER=1.
"""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.request

import pytest

from gan_jax.modes.report.report_run import report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    os.environ.get("GAN_JAX_BROWSER") != "1" or not CHROMIUM or not DRIVER,
    reason="set GAN_JAX_BROWSER=1, with chromium and chromedriver installed",
)

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# W3C WebDriver's name of the right arrow.
RIGHT, LEFT = "\ue014", "\ue012"


class Browser:
    """A session of WebDriver, by HTTP alone."""

    def __init__(self, address):
        self._url = f"{address}/session"

    def begin(self, profile, *, phone):
        options = {
            "binary": CHROMIUM,
            "args": [*QUIET, f"--user-data-dir={profile}", "--window-size=1280,900"],
        }
        if phone:
            metrics = {"width": 390, "height": 844, "pixelRatio": 2.0, "touch": True}
            options["mobileEmulation"] = {"deviceMetrics": metrics}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        session = self.call("", {"capabilities": {"alwaysMatch": wanted}})
        self._url += f"/{session['sessionId']}"

    def call(self, path, body=None, method="POST"):
        request = urllib.request.Request(
            self._url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, path):
        self.call("/se/log", {"type": "performance"})  # what the empty tab asked for
        self.call("/url", {"url": path.as_uri()})

    def run(self, script):
        return self.call("/execute/sync", {"script": script, "args": []})

    def wait_for(self, script, value, seconds=10.0):
        """Runs a script until it returns `value`: what a frame of the browser brings about."""
        end = time.monotonic() + seconds
        while (found := self.run(script)) != value and time.monotonic() < end:
            time.sleep(0.05)
        assert found == value

    def press(self, selector, keys):
        found = self.call("/element", {"using": "css selector", "value": selector})
        (identifier,) = found.values()
        self.call(f"/element/{identifier}/value", {"text": keys})

    def dark(self):
        features = [{"name": "prefers-color-scheme", "value": "dark"}]
        command = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}}
        self.call("/goog/cdp/execute", command)

    def requests(self):
        events = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        asked = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return [url for url in asked if not url.startswith(("data:", "chrome", "blob:"))]

    def log(self, kind):
        return self.call("/se/log", {"type": kind})

    def screenshot(self):
        return base64.b64decode(self.call("/screenshot", method="GET"))


@pytest.fixture(params=["desktop", "phone"])
def browser(request, tmp_path):
    process = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stdout if "started successfully on port" in line)
        session = Browser(f"http://127.0.0.1:{int(line.split()[-1].rstrip('.'))}")
        session.begin(tmp_path / "profile", phone=request.param == "phone")
        try:
            yield session
        finally:
            with contextlib.suppress(OSError):
                session.call("", method="DELETE")
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def test_a_page_works_without_a_network(browser, run, extractor):
    report([run], neighbor_images=50)
    page = run / "report.html"
    browser.open(page)
    assert browser.log("browser") == []
    assert browser.requests() == [page.as_uri()]
    width, window = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert width <= window
    charts, drawn = browser.run(
        "return [document.querySelectorAll('.chart').length,"
        " document.querySelectorAll('.chart .main-svg .xtick').length]"
    )
    assert charts == 4
    assert drawn > charts
    state = "const s = document.querySelector('.slider'); return [s.querySelector('output').value, "
    state += "s.querySelector('img').alt, s.querySelector('img').src.length]"
    last = browser.run(state)
    assert last[0] == "step 4"
    browser.press(".slider input", LEFT)
    before = browser.run(state)
    assert before[0] == "step 2"
    assert before[1].endswith("step 2")
    browser.press(".slider input", RIGHT)
    assert browser.run(state) == last
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(paper)
    browser.dark()
    assert browser.run(paper) != light
    line = "return document.querySelector('.chart .js-line').style.stroke"
    browser.wait_for(line, "rgb(86, 180, 233)")
    assert browser.log("browser") == []
    assert len(browser.screenshot()) > 10_000


def test_the_page_of_a_strangers_run_runs_nothing_of_its_own(browser, hostile, extractor):
    report([hostile], neighbor_images=0)
    page = hostile / "report.html"
    browser.open(page)
    assert browser.run("return window.attacked === undefined")
    assert browser.log("browser") == []
    assert browser.requests() == [page.as_uri()]
    assert browser.run("return document.querySelectorAll('.chart .main-svg').length") > 0
    browser.press(".slider input", LEFT)
    assert browser.run("return window.attacked === undefined")
    assert browser.log("browser") == []
