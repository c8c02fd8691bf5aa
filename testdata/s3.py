"""A real S3 server on loopback for Python tests; the twin of `src/s3.rs`, which tells the story.

    from s3 import S3Server            # with testdata/ on the path

    with S3Server("warehouse") as server:
        subprocess.run([pareto, "sql", "--warehouse", server.url + "/w", "-c", "SELECT 1"],
                       env={**os.environ, **server.environment})

Run as a program it serves until its input closes, and prints the variables to export:

    python testdata/s3.py warehouse
"""

import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

READY_TIMEOUT_S = 60
ATTEMPTS = 5  # on other ports each time: outgoing connections use the same range

# Runs the server until standard input closes, so that it cannot outlive the test that started it.
WATCHED = """folder=$1; shift
"$@" >"$folder/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -9 $server; wait $server 2>/dev/null
rm -rf "$folder"
"""


def weed():
    """The path of the server's program, found as `src/s3.rs` finds it."""
    if "PARETO_WEED" in os.environ:
        return os.environ["PARETO_WEED"]
    cache = os.environ.get("PARETO_CACHE_DIR", os.path.expanduser("~/.cache/pareto"))
    search = os.pathsep.join([os.environ.get("PATH", ""), os.path.join(cache, "venv", "bin")])
    found = shutil.which("weed", path=search)
    if found is None:
        raise FileNotFoundError("`weed`, the S3 server of the tests, is not installed: run `make tools`")
    return found


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


class PortTaken(Exception):
    """Somebody took a port that was free when we looked."""


class S3Server:
    """A running S3 server with one empty bucket. Close it, or use it in a `with` statement."""

    def __init__(self, bucket):
        self.bucket = bucket
        self.url = f"s3://{bucket}"
        for attempt in range(ATTEMPTS):
            try:
                return self._start()
            except PortTaken:
                if attempt == ATTEMPTS - 1:
                    raise

    def _start(self):
        names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
                 "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc"]
        ports = dict(zip(names, free_ports(len(names))))
        self.port = ports["s3.port"]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "pareto",
            "AWS_SECRET_ACCESS_KEY": "pareto-on-loopback",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
        }
        self._folder = tempfile.mkdtemp(prefix="pareto-s3-")
        command = [weed(), "server", f"-dir={self._folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
                   "-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=100", "-master.volumeSizeLimitMB=100"]
        command += [f"-{name}={port}" for name, port in ports.items()]
        self._shell = subprocess.Popen(["sh", "-c", WATCHED, "sh", self._folder, *command],
                                       stdin=subprocess.PIPE, cwd=self._folder)
        try:
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_TIMEOUT_S
        probe = f"/{self.bucket}/ready"
        for method, path, wanted in [("PUT", f"/{self.bucket}", (200, 409)),
                                     ("PUT", probe, (200, 201)), ("DELETE", probe, (200, 204))]:
            while (answer := self._ask(method, path)) not in wanted:
                log = self._log()
                if "address already in use" in log:
                    raise PortTaken(f"a port of the S3 server was taken before it could listen:\n{log[-2000:]}")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the S3 server is not ready: {method} {path}: {answer}; "
                                       f"it wrote:\n{log[-2000:]}")
                time.sleep(0.1)

    def _log(self):
        path = pathlib.Path(self._folder, "log")
        return path.read_text(errors="replace") if path.exists() else ""

    def _ask(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, headers={"Content-Length": "0"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return error
        finally:
            connection.close()

    def close(self):
        self._shell.stdin.close()
        self._shell.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: s3.py BUCKET")
    with S3Server(sys.argv[1]) as running:
        for name, value in running.environment.items():
            print(f"export {name}={value}", flush=True)
        sys.stdin.read()
