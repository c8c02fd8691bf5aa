"""The protocol's own integration scenarios, with Apache Arrow's clients of Go and of Java, against `pareto serve`.

Between them stands `server/examples/scenarios`, which replaces the scenarios' words with SQL and Substrait plans. Rows,
schemas, counts, tickets, transactions and savepoints are Pareto's; what a scenario fixes and no real server has is put in on
the way, and only over what Pareto itself has answered to the same question:

* in `ordered` the column has no description, and Pareto describes every column;
* in `middleware` that is all there is to see: the header is the interpreter's, Pareto only answers a failing and a passing
  call; in `expiration_time:list_actions` the scenario counts two actions, and the other ones of Pareto are left out;
* in `flight_sql:extension` the plan is the text "plan" for queries and updates alike, so the call says which of two plans is
  sent, and what is prepared are both; the ids of transactions and savepoints are chosen by the scenario and stand for
  those that Pareto gave; of GetSqlInfo the versions of Substrait, the two timeouts and whether the server speaks SQL (the
  scenario says that it does not, and sends SQL) take the place of Pareto's values; Java names no number, which asks for
  everything, and can read no lists, so the eight that it looks at stand for everything;
* in `expiration_time:..` one part of the result has no expiry; every ticket of Pareto expires, so the moment that Pareto gave
  for the first part is left out;
* in `app_metadata_flight_info_endpoint` the command comes back as metadata; Pareto names it in the descriptor of the
  result, and that it is the same one is checked.

The interpreter's story lists all of it. What Pareto did in `flight_sql:extension` is read from its query log and its tables
afterwards. `do_exchange:echo` is one of Java's scenarios alone.

The client of Go is Arrow's own program, unchanged, built once from its pinned version (`go.sum` of the module proxy checks
it) with the Go that comes as a Python package. Maven Central has no such program for Java: the one in `scenarios/` makes the
same calls and comparisons with Arrow's libraries, which come with Maven. Program and libraries are kept in PARETO_CACHE_DIR.
Without a JDK or Maven the tests fail: `.ci/tools` installs both.
"""

import contextlib
import hashlib
import importlib.util
import os
import pathlib
import subprocess

import adbc_driver_flightsql.dbapi as flight_sql
import pytest

from serving import Server, binary

CACHE = pathlib.Path(os.environ.get("PARETO_CACHE_DIR", pathlib.Path.home() / ".cache" / "pareto"))
MODULE = "github.com/apache/arrow-go/v18/arrow/internal/flight_integration/cmd/arrow-flight-integration-client"
VERSION = "v18.7.0"
SOURCES = pathlib.Path(__file__).parent / "scenarios"
PLANS = pathlib.Path(__file__).parents[3] / "testdata" / "substrait" / "messages.json"


def succeed(*command, seconds=300, **environment):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds,
                          env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]


def go(_):
    program = CACHE / "go" / VERSION / "arrow-flight-integration-client"
    if not program.exists():
        tool = pathlib.Path(importlib.util.find_spec("go").origin).parent / "bin" / "go"
        succeed(tool, "install", f"{MODULE}@{VERSION}", seconds=900, GOBIN=str(program.parent), GOTOOLCHAIN="local")
    return lambda port, scenario: [program, "-host", "127.0.0.1", "-port", port, "-scenario", scenario]


def java(classes):
    pom = SOURCES / "pom.xml"
    jars = CACHE / "flight" / hashlib.sha256(pom.read_bytes()).hexdigest()[:16]
    if not jars.exists():
        part = jars.with_suffix(".part")
        succeed("mvn", "-q", "-B", "-C", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={part}", seconds=900)
        part.rename(jars)
    # What clients throw when they are closed, and annotations that Arrow compiles with, are none of ours.
    succeed("javac", "-encoding", "UTF-8", "-Xlint:all,-try,-classfile", "-Werror", "-d", classes, "-cp", f"{jars}/*",
            *SOURCES.glob("*.java"))
    program = ["java", "-XX:TieredStopAtLevel=1", "--add-opens=java.base/java.nio=ALL-UNNAMED",
               "-cp", f"{classes}{os.pathsep}{jars}/*", "Main", "127.0.0.1"]
    return lambda port, scenario: [*program, port, scenario]


@pytest.fixture(scope="module", params=[go, java])
def client(request, tmp_path_factory):
    """The command that runs a scenario against a port."""
    return request.param(tmp_path_factory.mktemp("classes"))


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
        succeed(*client(port, scenario))


def test_plans_and_transactions_are_carried_out(client, tmp_path, request):
    """Scenario `flight_sql:extension`, which rolls back to its savepoint and commits.

    Java's library asks for the release of a savepoint that it is told to roll back to, up to its newest version. So what was
    changed after it stays: 15,000 and 25,000 rows, by SQL and by a plan each.
    """
    kept = 80000 if request.node.callspec.params["client"] is java else 0
    with interpreted(tmp_path / "warehouse") as (port, address):
        succeed(*client(port, "flight_sql:extension"))
        with flight_sql.connect(address, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT CASE WHEN sql LIKE 'Substrait plan%' THEN 'plan' ELSE split_part(sql, ' ', 1) END, rows "
                           "FROM system.queries WHERE state = 'done' ORDER BY started_at")
            done = cursor.fetchall()
            cursor.execute("SELECT count(*), sum(changed) FROM rows_25000")
            assert cursor.fetchall() == [(25000, kept)]
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
        succeed(*client(port, "auth:basic_proto"))


@pytest.mark.parametrize("client", [java], indirect=True)
def test_an_exchange_comes_back(client, tmp_path):
    """Scenario `do_exchange:echo`."""
    with interpreted(tmp_path / "warehouse") as (port, _):
        succeed(*client(port, "do_exchange:echo"))
