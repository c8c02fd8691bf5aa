"""A headless browser for tests: Debian's Chromium, driven over WebDriver, the browsers' own protocol of JSON over HTTP.

It reaches loopback and nothing else. `.ci/tools` installs `chromium` and `chromium-driver`.
"""

import base64
import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request

SIZE = (1280, 1000)
ARGUMENTS = [
    "--headless=new",
    f"--window-size={SIZE[0]},{SIZE[1]}",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element in the answers of WebDriver
WAIT_SECONDS = 90


class Browser:
    def __init__(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.session = None
        for line in self.driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                break
        else:
            raise RuntimeError(f"chromedriver ended with {self.driver.wait()}")
        self.address = f"http://127.0.0.1:{found.group(1)}/session"
        # Chromium's sandbox cannot be had as root.
        arguments = ARGUMENTS + (["--no-sandbox"] if os.geteuid() == 0 else [])
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments}}
        try:
            self.session = self._call("POST", "", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        except BaseException:
            self.stop()
            raise

    def _call(self, method, path, body=None):
        address = self.address if self.session is None else f"{self.address}/{self.session}{path}"
        request = urllib.request.Request(address, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.loads(error.read())["value"]["message"]) from error

    def open(self, address):
        self._call("POST", "/url", {"url": address})

    def run(self, script, *arguments):
        """What a piece of JavaScript returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, *arguments):
        """Runs the script until it returns something true, and gives that."""
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            if answer := self.run(script, *arguments):
                return answer
            time.sleep(0.25)
        raise TimeoutError(f"{script}\nstays untrue on a page that says:\n{self.run('return document.body.innerText')}")

    def type(self, selector, text):
        """Types into an element, as soon as it is there."""
        element = self.wait("return document.querySelector(arguments[0])", selector)[ELEMENT]
        self._call("POST", f"/element/{element}/value", {"text": text})

    def picture(self):
        """The page as a PNG."""
        return base64.b64decode(self._call("GET", "/screenshot"))

    def stop(self):
        if self.session is not None:
            self._call("DELETE", "")
        self.driver.terminate()
        self.driver.wait(15)
        self.driver.stdout.close()
