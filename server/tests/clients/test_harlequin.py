"""harlequin on `pareto serve`: the recipe of `docs/clients/harlequin.md`.

harlequin lives in an environment of its own, `make tools` sets it up in PARETO_CACHE_DIR. `harlequin/session.py` uses it
there without a terminal and tells what it saw; what that must be is said here.
"""

import json
import os
import pathlib
import subprocess

import adbc_driver_flightsql.dbapi as flight_sql
import pytest

from serving import Server

CACHE = pathlib.Path(os.environ.get("PARETO_CACHE_DIR", pathlib.Path.home() / ".cache" / "pareto")) / "harlequin"
SESSION = pathlib.Path(__file__).parent / "harlequin" / "session.py"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("harlequin") / "warehouse")
    with flight_sql.connect(server.address, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in [
            "CREATE TABLE sale (id BIGINT NOT NULL, name VARCHAR, amount DECIMAL(10, 2), sold_on DATE)",
            "INSERT INTO sale VALUES (1, 'ana', 12.50, DATE '2024-01-31'), (2, NULL, NULL, NULL)",
            "CREATE VIEW spent AS SELECT sum(amount) AS amount FROM sale",
        ]:
            cursor.execute(statement)
    yield server
    server.stop()


def run(tmp_path, program, *arguments):
    """Runs a program of harlequin's environment, with a home of its own."""
    assert (CACHE / "bin" / program).exists(), f"harlequin is not in {CACHE}: run `make tools`"
    return subprocess.run([CACHE / "bin" / program, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "HOME": str(tmp_path)}, cwd=tmp_path)


def session(server, tmp_path, *statements):
    """What a session with these statements saw."""
    done = run(tmp_path, "python", SESSION, server.address, *statements)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_session(server, tmp_path):
    seen = session(server, tmp_path, "SELECT nam FROM sale", "SELECT * FROM sale ORDER BY id")
    assert [name for name, _ in seen["schemas"]] == ["information_schema", "public", "system"]
    assert seen["relations"] == [["sale", "t"], ["spent", "v"]]
    assert [name for name, _ in seen["columns"]] == ["id", "name", "amount", "sold_on"]
    [mistake, answer] = seen["answers"]
    assert 'column "nam" does not exist' in mistake["error"]
    assert 'did you mean "name"?' in mistake["error"]
    assert answer["header"] == ["id ##", "name s", "amount #.##", "sold_on d"]
    assert answer["rows"] == [["1", "ana", "12.50", "2024-01-31"], ["2", "None", "None", "None"]]


def test_changes_go_with_the_session(server, tmp_path, connection):
    """As the page warns: the adapter is always in a transaction, which only the statement COMMIT ends."""
    count = "SELECT count(*) FROM sale"
    seen = session(server, tmp_path, "INSERT INTO sale (id) VALUES (3)", count)
    assert seen["answers"][1]["rows"] == [["3"]]
    with connection.cursor() as cursor:
        cursor.execute(count)
        assert cursor.fetchall() == [(2,)]
        session(server, tmp_path, "INSERT INTO sale (id) VALUES (3)", "COMMIT")
        cursor.execute(count)
        assert cursor.fetchall() == [(3,)]
        cursor.execute("DELETE FROM sale WHERE id = 3")


@pytest.mark.parametrize("login", [[], ["--db-kwargs-str", "username=ana;password=secret"]])
def test_without_a_screen(server, tmp_path, login):
    command = ["-a", "adbc", "--driver-type", "flightsql", *login, server.address, "--csv", "-c"]
    done = run(tmp_path, "hsql", *command, "SELECT name, amount FROM sale ORDER BY id")
    assert (done.returncode, done.stdout.split()) == (0, ["name,amount", "ana,12.50", ","]), done.stderr
    done = run(tmp_path, "hsql", *command, "SELECT nam FROM sale")
    assert done.returncode != 0
    assert 'did you mean "name"?' in done.stderr
