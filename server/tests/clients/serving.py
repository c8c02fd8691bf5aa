"""A running `pareto serve` for tests of clients: the binary named by PARETO_BIN on a free port."""

import os
import pathlib
import re
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
START_SECONDS = 30


def binary():
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    return os.environ.get("PARETO_BIN", str(pathlib.Path(target) / "release" / "pareto"))


class Server:
    """A running `pareto serve`, with what it wrote to standard error."""

    def __init__(self, warehouse, *arguments, environment=None):
        command = [binary(), "serve", "--warehouse", str(warehouse), "--flight", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        command += [str(argument) for argument in arguments]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                        env={**os.environ, **(environment or {})})
        self.lines = []
        self.address = None
        self.ready = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self.ready.wait(START_SECONDS) or self.address is None:
            self.stop()
            raise RuntimeError(f"the server did not start: {command}\n" + "".join(self.lines))

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r"grpc(\+tls)?://\S+", line)
            if found and self.address is None:
                self.address = found.group(0).rstrip(",.)")
                self.ready.set()
        self.ready.set()

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
