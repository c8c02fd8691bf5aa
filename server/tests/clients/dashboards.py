"""A running Apache Superset for tests, and its REST API.

Superset lives in an environment of its own, `make tools` sets it up in PARETO_CACHE_DIR; here it runs as a process of
that environment on a free port of loopback. Its settings are those of `docs/clients/superset.md`, word for word, and what
a test needs besides: metadata in a folder that is thrown away.
"""

import http.cookiejar
import json
import os
import pathlib
import re
import subprocess
import threading
import urllib.error
import urllib.request

from serving import ROOT, START_SECONDS

CACHE = pathlib.Path(os.environ.get("PARETO_CACHE_DIR", pathlib.Path.home() / ".cache" / "pareto")) / "superset"
PREPARE = pathlib.Path(__file__).parent / "superset" / "prepare.py"
PAGE = ROOT / "docs" / "clients" / "superset.md"
PASSWORD = "only for this test"
SETTINGS = """
SECRET_KEY = "a key of a test, thrown away with it"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"

import sqlalchemy.engine, sqlalchemy.event

@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "connect")
def hurry(connection, _):
    # Nobody reads these metadata after a power cut.
    if type(connection).__module__ == "sqlite3":
        connection.execute("PRAGMA synchronous = OFF")
"""


def settings(folder):
    """The settings that the page tells its reader to write, then the test's."""
    [recipe] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return recipe + SETTINGS.format(folder=folder)


class Superset:
    """A running Superset; `call` speaks with its REST API as the user `admin`."""

    def __init__(self, folder):
        assert (CACHE / "bin" / "gunicorn").exists(), f"Superset is not in {CACHE}: run `make tools`"
        config = folder / "superset_config.py"
        config.write_text(settings(folder))
        environment = {**os.environ, "SUPERSET_CONFIG_PATH": str(config), "SUPERSET_HOME": str(folder), "HOME": str(folder)}
        done = subprocess.run([CACHE / "bin" / "python", PREPARE, PASSWORD], env=environment, cwd=folder, timeout=300,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-4000:]
        command = [CACHE / "bin" / "gunicorn", "--bind", "127.0.0.1:0", "--threads", "4", "--timeout", "120",
                   "--graceful-timeout", "1", "superset.app:create_app()"]
        self.process = subprocess.Popen(command, env=environment, cwd=folder, text=True, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        self.lines = []
        self.address = None
        self.ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            if not self.ready.wait(START_SECONDS) or self.address is None:
                raise RuntimeError("Superset did not start\n" + "".join(self.lines))
            self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
            self.headers = {"Referer": self.address}
            self._log_in()
        except BaseException:
            self.stop()
            raise

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            if found := re.search(r"Listening at: (http://\S+)", line):
                self.address = found.group(1)
                self.ready.set()
        self.ready.set()

    def _log_in(self):
        login = {"username": "admin", "password": PASSWORD, "provider": "db"}
        self.headers["Authorization"] = "Bearer " + self.post("security/login", login)["access_token"]
        self.headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]

    def call(self, method, path, body=None):
        """The status and the answer of a request of the REST API."""
        request = urllib.request.Request(f"{self.address}/api/v1/{path}", method=method, headers=self.headers)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with self.opener.open(request, timeout=120) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def get(self, path):
        return self._good("GET", path)

    def post(self, path, body):
        return self._good("POST", path, body)

    def _good(self, method, path, body=None):
        status, answer = self.call(method, path, body)
        assert status in (200, 201), f"{method} {path}: {status} {answer}"
        return answer

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
