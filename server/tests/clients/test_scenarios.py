"""The protocol's own integration scenarios: the Go client of Apache Arrow, unchanged, against `pareto serve`.

Between the two stands `server/examples/scenarios.rs`, which replaces the scenarios' words with SQL; its story says what it
does and what it never does. Scenarios that are not here ask for what Pareto has not: transactions, beside plans that
are no Substrait (`flight_sql:extension`), sessions without any options (`session_options`), tickets that never expire and nothing but two
actions (`expiration_time:do_get`, `:list_actions`), or test the client alone with an answer that is made up
(`middleware`, `app_metadata_flight_info_endpoint`, `location:reuse_connection`).

The client is a Go program, built once from its pinned version (`go.sum` of the module proxy checks it) into
PARETO_CACHE_DIR with the Go that comes as a Python package, so nothing has to be installed beforehand.
"""

import importlib.util
import os
import pathlib
import subprocess

import pytest

from serving import Server, binary

CACHE = pathlib.Path(os.environ.get("PARETO_CACHE_DIR", pathlib.Path.home() / ".cache" / "pareto")) / "go"
MODULE = "github.com/apache/arrow-go/v18/arrow/internal/flight_integration/cmd/arrow-flight-integration-client"
VERSION = "v18.7.0"


@pytest.fixture(scope="module")
def client():
    program = CACHE / VERSION / "arrow-flight-integration-client"
    if not program.exists():
        go = pathlib.Path(importlib.util.find_spec("go").origin).parent / "bin" / "go"
        done = subprocess.run([str(go), "install", f"{MODULE}@{VERSION}"], capture_output=True, text=True, timeout=900,
                              env={**os.environ, "GOBIN": str(program.parent), "GOTOOLCHAIN": "local"})
        assert done.returncode == 0, done.stderr
    return program


@pytest.fixture
def port(tmp_path):
    server = Server(tmp_path / "warehouse")
    interpreter = subprocess.Popen([str(pathlib.Path(binary()).parent / "examples" / "scenarios"), server.address],
                                   stdout=subprocess.PIPE, text=True)
    yield int(interpreter.stdout.readline())
    interpreter.terminate()
    interpreter.wait(15)
    server.stop()


@pytest.mark.parametrize("scenario", [
    "flight_sql",
    "flight_sql:ingestion",
    "poll_flight_info",
    "expiration_time:cancel_flight_info",
    "expiration_time:renew_flight_endpoint",
])
def test_a_scenario_of_apache_arrow(client, port, scenario):
    done = subprocess.run([str(client), "-host", "127.0.0.1", "-port", str(port), "-scenario", scenario],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
