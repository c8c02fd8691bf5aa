"""The protocol's own integration scenarios: the Go client of Apache Arrow, unchanged, against `pareto serve`.

Between the two stands `server/examples/scenarios`, which replaces the scenarios' words with SQL and Substrait plans. Rows,
schemas, counts, tickets, transactions and savepoints are Pareto's; what a scenario fixes and no real server has is put in on
the way, and only over what Pareto itself has answered to the same question:

* in `middleware` that is all there is to see: the header is the interpreter's, Pareto only answers a failing and a passing
  call; in `expiration_time:list_actions` the scenario counts two actions, and the other ones of Pareto are left out;
* in `flight_sql:extension` the plan is the text "plan" for queries and updates alike, so the call says which of two plans is
  sent, and what is prepared are both; the ids of transactions and savepoints are chosen by the scenario and stand for
  those that Pareto gave; of GetSqlInfo the versions of Substrait, the two timeouts and whether the server speaks SQL (the
  scenario says that it does not, and sends SQL) take the place of Pareto's values;
* in `expiration_time:..` one part of the result has no expiry; every ticket of Pareto expires, so the moment that Pareto gave
  for the first part is left out;
* in `app_metadata_flight_info_endpoint` the command comes back as metadata; Pareto names it in the descriptor of the
  result, and that it is the same one is checked.

The interpreter's story lists all of it. What Pareto did in `flight_sql:extension` is read from its query log and its tables
afterwards. The client of Go has no `do_exchange:echo`.

The client is a Go program, built once from its pinned version (`go.sum` of the module proxy checks it) into
PARETO_CACHE_DIR with the Go that comes as a Python package, so nothing has to be installed beforehand.
"""

import contextlib
import importlib.util
import os
import pathlib
import subprocess

import adbc_driver_flightsql.dbapi as flight_sql
import pytest

from serving import Server, binary

CACHE = pathlib.Path(os.environ.get("PARETO_CACHE_DIR", pathlib.Path.home() / ".cache" / "pareto")) / "go"
MODULE = "github.com/apache/arrow-go/v18/arrow/internal/flight_integration/cmd/arrow-flight-integration-client"
VERSION = "v18.7.0"
PLANS = pathlib.Path(__file__).parents[3] / "testdata" / "substrait" / "messages.json"


@pytest.fixture(scope="module")
def client():
    program = CACHE / VERSION / "arrow-flight-integration-client"
    if not program.exists():
        go = pathlib.Path(importlib.util.find_spec("go").origin).parent / "bin" / "go"
        done = subprocess.run([str(go), "install", f"{MODULE}@{VERSION}"], capture_output=True, text=True, timeout=900,
                              env={**os.environ, "GOBIN": str(program.parent), "GOTOOLCHAIN": "local"})
        assert done.returncode == 0, done.stderr
    return program


@contextlib.contextmanager
def interpreted(warehouse, *arguments):
    """The port of an interpreter before a server of its own, and the address of that."""
    server = Server(warehouse)
    program = str(pathlib.Path(binary()).parent / "examples" / "scenarios")
    interpreter = subprocess.Popen([program, server.address, str(PLANS), *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield int(interpreter.stdout.readline()), server.address
    finally:
        interpreter.terminate()
        interpreter.wait(15)
        server.stop()


def run(client, port, scenario):
    done = subprocess.run([str(client), "-host", "127.0.0.1", "-port", str(port), "-scenario", scenario],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]


@pytest.mark.parametrize("scenario", [
    "flight_sql",
    "flight_sql:ingestion",
    "poll_flight_info",
    "expiration_time:do_get",
    "expiration_time:cancel_flight_info",
    "expiration_time:renew_flight_endpoint",
    "expiration_time:list_actions",
    "ordered",
    "middleware",
    "session_options",
    "location:reuse_connection",
    "app_metadata_flight_info_endpoint",
])
def test_a_scenario_of_apache_arrow(client, tmp_path, scenario):
    with interpreted(tmp_path / "warehouse") as (port, _):
        run(client, port, scenario)


def test_plans_and_transactions_are_carried_out(client, tmp_path):
    """Scenario `flight_sql:extension`, which rolls back to its savepoint and commits."""
    with interpreted(tmp_path / "warehouse") as (port, address):
        run(client, port, "flight_sql:extension")
        with flight_sql.connect(address, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT CASE WHEN sql LIKE 'Substrait plan%' THEN 'plan' ELSE split_part(sql, ' ', 1) END, rows "
                           "FROM system.queries WHERE state = 'done' ORDER BY started_at")
            done = cursor.fetchall()
            cursor.execute("SELECT count(*), sum(changed) FROM rows_25000")
            assert cursor.fetchall() == [(25000, 0)]
    begun = done.index(("SET", 0)) + 1
    assert done[begun:] == [
        ("plan", 1), ("plan", 10000), ("plan", 1), ("plan", 20000),
        ("SELECT", 1), ("plan", 1), ("UPDATE", 15000), ("plan", 15000),
        ("SELECT", 1), ("plan", 1), ("UPDATE", 25000), ("plan", 25000),
    ]


def test_who_shakes_hands_with_basic_auth_is_known_afterwards(client, tmp_path):
    """Scenario `auth:basic_proto`. The user is the scenario's; its password is too short for Pareto and stands for another."""
    warehouse = tmp_path / "warehouse"
    create = "CREATE USER arrow PASSWORD 'arrow and flight'"
    subprocess.run([binary(), "sql", "--warehouse", str(warehouse), "-c", create], check=True, timeout=120)
    with interpreted(warehouse, "guarded") as (port, _):
        run(client, port, "auth:basic_proto")
