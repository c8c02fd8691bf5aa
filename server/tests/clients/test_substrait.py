"""Substrait plans of other producers against `pareto serve`: the answer is that of the SQL which asks the same.

The plans are kept in testdata/substrait, with the scripts that made them. They travel as they do from any ADBC client:

    statement.set_substrait_plan(plan); statement.execute_query()
"""

import base64
import decimal
import json
import pathlib
import re

import adbc_driver_flightsql.dbapi as flight_sql
import adbc_driver_manager
import pyarrow
import pytest

from serving import Server

PLANS = pathlib.Path(__file__).parents[3] / "testdata" / "substrait"
STAR = PLANS.parent / "star"


def kept(file, kind=""):
    """The plans of a file whose names begin so: name, SQL, plan."""
    plans = json.loads((PLANS / file).read_text())
    return [pytest.param(plan["sql"], base64.b64decode(plan["plan"]), id=plan["name"].removeprefix(kind))
            for plan in plans if plan["name"].startswith(kind)]


def plan_named(name):
    [plan] = [plan for plan in json.loads((PLANS / "messages.json").read_text()) if plan["name"] == name]
    return plan["sql"], base64.b64decode(plan["plan"])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("substrait") / "warehouse")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def tables(server):
    """The tiny star, moments of every kind, and a table to write to."""
    with flight_sql.connect(server.address, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in (PLANS / "tables.sql").read_text().split(";"):
            if statement.strip():
                cursor.execute(statement)
        for table in ("customer", "product", "channel", "sales"):
            cursor.execute(f"COPY {table} FROM '{STAR / table}.csv'")
        cursor.execute("CREATE SEGMENT returning AS SELECT customer_id FROM sales WHERE is_return")
        cursor.execute("""INSERT INTO moments VALUES
            (1, TIMESTAMP '2024-01-31 11:59:59', TIMESTAMP '2024-01-31 11:59:59', -2.5),
            (2, TIMESTAMP '2024-02-29 23:30:00', TIMESTAMP '2024-07-01 00:00:00', 0.25), (3, NULL, NULL, NULL)""")



def ask(connection, plan):
    """The rows of a plan."""
    statement = adbc_driver_manager.AdbcStatement(connection.adbc_connection)
    try:
        statement.set_substrait_plan(plan)
        stream, _ = statement.execute_query()
        return pyarrow.RecordBatchReader._import_from_c(stream.address).read_all()
    finally:
        statement.close()


def change(connection, plan, *parameters):
    """How many rows a plan changes; prepared and bound where there are parameters."""
    statement = adbc_driver_manager.AdbcStatement(connection.adbc_connection)
    try:
        statement.set_substrait_plan(plan)
        if parameters:
            statement.prepare()
            bind(statement, parameters)
        return statement.execute_update()
    finally:
        statement.close()


def bind(statement, rows):
    columns = [pyarrow.array(column) for column in zip(*rows)]
    batch = pyarrow.record_batch(columns, names=[f"${number + 1}" for number in range(len(columns))])
    statement.bind_stream(pyarrow.RecordBatchReader.from_batches(batch.schema, [batch]))


def query(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()


def rows(answer, ordered):
    """Values as they compare: numbers with a point to nine digits, rows in any order unless one was asked for."""
    def plain(value):
        if isinstance(value, (float, decimal.Decimal)):
            return f"{float(value):.9g}"
        return str(value)

    found = list(zip(*(map(plain, column) for column in answer.to_pydict().values()))) if answer.num_columns else []
    return found if ordered else sorted(found)


def same(connection, sql, answer):
    expected = query(connection, sql)
    ordered = re.search(r"ORDER BY [^()]*$", sql) is not None
    assert answer.column_names == expected.column_names
    assert rows(answer, ordered) == rows(expected, ordered)


@pytest.mark.parametrize("sql, plan", kept("datafusion.json"))
def test_plans_of_datafusion(connection, tables, sql, plan):
    same(connection, sql, ask(connection, plan))


@pytest.mark.parametrize("sql, plan", kept("ibis.json"))
def test_plans_of_ibis(connection, tables, sql, plan):
    same(connection, sql, ask(connection, plan))


@pytest.mark.parametrize("sql, plan", kept("messages.json", "query: "))
def test_plans_written_by_hand(connection, tables, sql, plan):
    same(connection, sql, ask(connection, plan))


def test_plans_change_tables(connection, tables):
    writes = json.loads((PLANS / "messages.json").read_text())
    bound = {"write: insert of parameters": ((21, "bound"), (22, "too")), "write: delete of a parameter": ((20,),)}
    counts = []
    for write in writes:
        if write["name"].startswith("write: "):
            plan = base64.b64decode(write["plan"])
            counts.append(change(connection, plan, *bound.get(write["name"], ())))
            found = query(connection, "SELECT * FROM notes ORDER BY id")
            expected = query(connection, write["sql"])
            assert rows(found, True) == rows(expected, True), write["name"]
    assert counts == [3, 1, 2, 2, 1, 2, 2]


def test_an_update_by_the_query_path_runs_once(connection, tables):
    _, plan = plan_named("write: insert")
    before = query(connection, "SELECT count(*) FROM notes").to_pydict()["count(*)"][0]
    ask(connection, plan)
    after = query(connection, "SELECT count(*) FROM notes").to_pydict()["count(*)"][0]
    assert after == before + 3
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM notes WHERE id <= 3 AND stamp = 'new'")


def test_tables_are_made_of_plans(connection, tables):
    notes = query(connection, "SELECT count(*) AS n FROM notes").to_pydict()["n"][0]
    assert change(connection, plan_named("other: table of rows")[1]) == notes
    assert query(connection, "SELECT * FROM copied").column_names == ["id", "text"]
    with pytest.raises(adbc_driver_manager.Error, match="already exists"):
        change(connection, plan_named("other: table of rows")[1])
    change(connection, plan_named("other: table of rows, if it is missing")[1])
    assert change(connection, plan_named("other: table of rows, declared")[1]) == notes
    copied = query(connection, "SELECT * FROM copied")
    assert copied.schema.field("number").type == pyarrow.int32()
    assert copied.column_names == ["number", "word"]


def test_a_prepared_plan_is_bound_and_run_again(connection, tables):
    sql, plan = plan_named("other: a query with parameters")
    statement = adbc_driver_manager.AdbcStatement(connection.adbc_connection)
    statement.set_substrait_plan(plan)
    statement.prepare()
    wanted = pyarrow.schema(statement.get_parameter_schema())
    assert wanted.types == [pyarrow.int32(), pyarrow.int32()]
    for quantity, channel in ((1, 1), (0, 2), (100, 1)):
        bind(statement, [(quantity, channel)])
        stream, _ = statement.execute_query()
        answer = pyarrow.RecordBatchReader._import_from_c(stream.address).read_all()
        same(connection, sql.replace("$1", str(quantity)).replace("$2", str(channel)), answer)
    statement.close()
    with pytest.raises(adbc_driver_manager.Error, match="2 parameters"):
        ask(connection, plan)
    sql, plan = plan_named("other: a parameter that the plan binds")
    same(connection, sql, ask(connection, plan))


REFUSED = ["unknown function", "window function as a scalar", "unknown segment", "unknown table", "unknown column",
           "files", "expand", "definition", "newer relation", "single join", "wrong option", "column out of range",
           "wrong names", "changed rows", "delete of other rows"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_supported_is_named(connection, tables, name):
    words, plan = plan_named(f"other: {name}")
    with pytest.raises(adbc_driver_manager.Error, match=re.escape(words)):
        ask(connection, plan)


def test_deep_plans_and_garbage(connection, tables):
    ask(connection, plan_named("other: 40 filters")[1])
    for garbage in (b"\xff" * 40, b"SELECT 1", bytes(range(256)) * 8):
        with pytest.raises(adbc_driver_manager.Error) as refusal:
            ask(connection, garbage)
        assert "INVALID_ARGUMENT" in str(refusal.value) or "InvalidArgument" in str(refusal.value)
    # Cut anywhere, changed anywhere: an error or an answer, never the end of the server.
    _, plan = plan_named("query: measures")
    for place in range(0, len(plan), 5):
        for broken in (plan[:place], plan[:place] + bytes([plan[place] ^ 0x55]) + plan[place + 1:]):
            try:
                ask(connection, broken)
            except adbc_driver_manager.Error as refusal:
                assert "INTERNAL" not in str(refusal).upper(), (place, refusal)
    assert query(connection, "SELECT 1 AS one").to_pydict() == {"one": [1]}


def test_a_plan_stands_in_the_query_log(connection, tables):
    _, plan = plan_named("query: cross")
    ask(connection, plan)
    logged = query(connection, "SELECT sql FROM system.queries").to_pydict()["sql"]
    assert f"Substrait plan of {len(plan)} bytes" in logged
