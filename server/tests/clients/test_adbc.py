"""Flight SQL as people use it from Python: the ADBC driver against `pareto serve`.

Each test module starts the binary named by PARETO_BIN (default: `pareto` of the release build) on a free port with a
warehouse in a temporary directory, and reads the address from standard error:

    serving WAREHOUSE on grpc://127.0.0.1:PORT, ..

Run it alone with:  PARETO_BIN=target/release/pareto python -m pytest server/tests/clients/test_adbc.py
"""

import datetime
import decimal
import threading
import time
import warnings

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as flight_sql
import adbc_driver_manager
import pyarrow
import pytest

from serving import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("wire") / "warehouse")
    yield server
    server.stop()


@pytest.fixture
def table(connection):
    """A table of two rows under a name of its own."""
    name = f"t_{time.monotonic_ns()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (id BIGINT NOT NULL, name VARCHAR, amount DECIMAL(10, 2), sold_on DATE)")
        cursor.execute(f"INSERT INTO {name} VALUES (1, 'ana', 12.50, DATE '2024-01-31'), (2, NULL, NULL, NULL)")
    return name


def rows(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def test_a_query_gives_rows_and_arrow(connection, table):
    assert rows(connection, f"SELECT * FROM {table} ORDER BY id") == [
        (1, "ana", decimal.Decimal("12.50"), datetime.date(2024, 1, 31)),
        (2, None, None, None),
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name, amount FROM {table} ORDER BY id")
        assert [column[0] for column in cursor.description] == ["name", "amount"]
        answer = cursor.fetch_arrow_table()
    assert answer.schema.types == [pyarrow.string(), pyarrow.decimal128(10, 2)]
    assert answer.num_rows == 2


def test_an_empty_result_has_its_columns(connection, table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, name FROM {table} WHERE false")
        answer = cursor.fetch_arrow_table()
    assert answer.column_names == ["id", "name"]
    assert answer.num_rows == 0


def test_definitions_run_once_and_at_once(connection):
    # The driver sends every statement by the query path and fetches in the background; nothing may get lost, however
    # fast the cursor is closed.
    for turn in range(20):
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE once_{turn} (a BIGINT)")
            cursor.execute(f"INSERT INTO once_{turn} VALUES ({turn})")
            assert cursor.rowcount == 1
    assert rows(connection, " UNION ALL ".join(f"SELECT a FROM once_{turn}" for turn in range(20)) + " ORDER BY 1") == [
        (turn,) for turn in range(20)
    ]
    for turn in range(20):
        rows(connection, f"DROP TABLE once_{turn}")


def test_parameters(connection, table):
    assert rows(connection, f"SELECT name FROM {table} WHERE id = ?", (1,)) == [("ana",)]
    assert rows(connection, f"SELECT id FROM {table} WHERE name = ? AND amount > ?", ("ana", 10)) == [(1,)]
    assert rows(connection, f"SELECT id FROM {table} WHERE sold_on = $1", (datetime.date(2024, 1, 31),)) == [(1,)]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE id = ?", (2,))
        assert cursor.rowcount == 1
    assert rows(connection, f"SELECT count(*) FROM {table}") == [(1,)]


def test_executemany_inserts_rows_in_one_commit(connection, table):
    with connection.cursor() as cursor:
        values = [(number, f"name {number}", None, datetime.date(2024, 2, 1)) for number in range(100, 1100)]
        cursor.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", values)
        assert cursor.rowcount == 1000
    assert rows(connection, f"SELECT count(*), min(id), max(name) FROM {table} WHERE id >= 100") == [
        (1000, 100, "name 999")
    ]
    assert len(rows(connection, f"DESCRIBE HISTORY {table}")) == 3


def test_executemany_changes_all_rows_or_none(connection, table):
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} (id, amount) VALUES (?, ?)", [(201, 1), (202, 2)])
        with pytest.raises(adbc_driver_manager.Error):
            cursor.executemany(f"INSERT INTO {table} (id, amount) SELECT ?, 10 / ?", [(203, 1), (204, 0), (205, 1)])
        with pytest.raises(adbc_driver_manager.Error):
            cursor.executemany(f"UPDATE {table} SET amount = 10 / ? WHERE id = ?", [(5, 201), (0, 202)])
        cursor.executemany(f"UPDATE {table} SET amount = ? WHERE id = ?", [(7, 201), (8, 202)])
    assert rows(connection, f"SELECT id, amount FROM {table} WHERE id > 200 ORDER BY id") == [(201, 7), (202, 8)]


def test_a_wide_batch_of_parameters(connection, table):
    batch = pyarrow.record_batch({
        "id": pyarrow.array(range(20_000), pyarrow.int64()),
        "name": pyarrow.array([f"n{number % 7}" for number in range(20_000)]).dictionary_encode(),
    })
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} (id, name) VALUES (?, ?)", batch)
        assert cursor.rowcount == 20_000
    assert rows(connection, f"SELECT count(DISTINCT name) FROM {table}") == [(8,)]


def test_ingest_in_every_mode(connection):
    name = f"ingested_{time.monotonic_ns()}"
    data = pyarrow.table({"id": [1, 2, 3], "name": pyarrow.array(["a", None, "c"]).dictionary_encode()})
    with connection.cursor() as cursor:
        with pytest.raises(flight_sql.ProgrammingError):
            cursor.adbc_ingest(name, data, mode="append")
        assert cursor.adbc_ingest(name, data, mode="create") == 3
        with pytest.raises(flight_sql.ProgrammingError):
            cursor.adbc_ingest(name, data, mode="create")
        assert cursor.adbc_ingest(name, data, mode="append") == 3
        assert rows(connection, f"SELECT count(*), count(name) FROM {name}") == [(6, 4)]
        assert cursor.adbc_ingest(name, data, mode="replace") == 3
        assert cursor.adbc_ingest(name, data.to_reader(max_chunksize=1), mode="create_append") == 3
    assert rows(connection, f"SELECT count(*), max(id) FROM {name}") == [(6, 3)]


def test_a_temporary_table_is_seen_by_its_connection_alone(server, connection, table):
    data = pyarrow.table({"id": [7, 8]})
    with connection.cursor() as cursor:
        assert cursor.adbc_ingest(table, data, mode="create", temporary=True) == 2
        assert cursor.adbc_ingest(table, data, mode="append", temporary=True) == 2
        with pytest.raises(flight_sql.ProgrammingError):
            cursor.adbc_ingest(table, data, mode="create", temporary=True)
    assert rows(connection, f"SELECT count(*), min(id) FROM {table}") == [(4, 7)]
    with flight_sql.connect(server.address, autocommit=True) as other:
        assert rows(other, f"SELECT count(*), min(id) FROM {table}") == [(2, 1)]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {table}")
    assert rows(connection, f"SELECT count(*), min(id) FROM {table}") == [(2, 1)]


def names(objects):
    """The tree of adbc_get_objects as {catalog: {schema: {table: [column]}}}."""
    return {
        catalog["catalog_name"]: {
            schema["db_schema_name"]: {
                found["table_name"]: [column["column_name"] for column in found["table_columns"] or []]
                for found in schema["db_schema_tables"] or []
            }
            for schema in catalog["catalog_db_schemas"] or []
        }
        for catalog in objects.read_all().to_pylist()
    }


@pytest.mark.parametrize("depth", ["catalogs", "db_schemas", "tables", "columns", "all"])
def test_objects_at_every_depth(connection, table, depth):
    tree = names(connection.adbc_get_objects(depth=depth))
    assert list(tree) == ["pareto"]
    if depth == "catalogs":
        assert tree["pareto"] == {}
        return
    assert {"public", "information_schema"} <= set(tree["pareto"])
    if depth == "db_schemas":
        assert tree["pareto"]["public"] == {}
        return
    columns = tree["pareto"]["public"][table]
    assert columns == ([] if depth == "tables" else ["id", "name", "amount", "sold_on"])


def test_objects_are_filtered(connection, table):
    tree = names(connection.adbc_get_objects(depth="columns", table_name_filter=table, column_name_filter="am%"))
    assert tree["pareto"]["public"] == {table: ["amount"]}
    objects = connection.adbc_get_objects(depth="columns", table_name_filter=table).read_all().to_pylist()
    columns = objects[0]["catalog_db_schemas"]
    found = [schema for schema in columns if schema["db_schema_name"] == "public"][0]["db_schema_tables"][0]
    assert found["table_type"] == "TABLE"
    assert [column["xdbc_type_name"] for column in found["table_columns"]] == ["BIGINT", "VARCHAR", "DECIMAL", "DATE"]
    assert [column["ordinal_position"] for column in found["table_columns"]] == [1, 2, 3, 4]
    views = names(connection.adbc_get_objects(depth="tables", table_types_filter=["VIEW"], db_schema_filter="public"))
    assert table not in views["pareto"]["public"]


def test_table_schema_and_types(connection, table):
    schema = connection.adbc_get_table_schema(table, db_schema_filter="public")
    assert schema.names == ["id", "name", "amount", "sold_on"]
    assert not schema.field("id").nullable
    assert connection.adbc_get_table_types() == ["SYSTEM TABLE", "TABLE", "VIEW"]
    with pytest.raises(flight_sql.ProgrammingError):
        connection.adbc_get_table_schema("nowhere")


def test_the_driver_knows_the_server(connection):
    info = connection.adbc_get_info()
    assert info["vendor_name"] == "Pareto"
    assert info["vendor_version"]


def test_the_schema_is_known_before_the_rows(connection, table):
    with connection.cursor() as cursor:
        schema = cursor.adbc_execute_schema(f"SELECT id, upper(name) AS loud FROM {table}")
    assert schema.names == ["id", "loud"]
    assert schema.types == [pyarrow.int64(), pyarrow.string()]


def test_partitions(connection, table):
    with connection.cursor() as cursor:
        partitions, schema = cursor.adbc_execute_partitions(f"SELECT id FROM {table}")
        assert schema.names == ["id"]
        cursor.adbc_read_partition(partitions[0])
        assert sorted(cursor.fetchall()) == [(1,), (2,)]


def test_what_acts_and_has_rows_runs_though_nobody_fetches_and_once_though_somebody_does_twice(connection, table):
    with connection.cursor() as cursor:
        before = rows(connection, f"SELECT count(*) FROM {table}")
        versions = len(rows(connection, f"DESCRIBE HISTORY {table}"))
        cursor.execute(f"DELETE FROM {table}")
        partitions, _ = cursor.adbc_execute_partitions(f"RESTORE {table} TO VERSION AS OF {versions - 1}")
        assert rows(connection, f"SELECT count(*) FROM {table}") == before
        for _ in range(2):
            cursor.adbc_read_partition(partitions[0])
            assert cursor.fetchall() == [(versions - 1, versions + 1)]
        assert len(rows(connection, f"DESCRIBE HISTORY {table}")) == versions + 2


def test_parallel_endpoints(server, connection):
    name = f"t_{time.monotonic_ns()}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (id BIGINT)")
        for start in range(0, 4_000, 1_000):
            cursor.execute(f"INSERT INTO {name} SELECT value FROM generate_series({start}, {start + 999})")
    query = f"SELECT id FROM {name}"
    with flight_sql.connect(server.address, autocommit=True) as several, several.cursor() as cursor:
        cursor.execute("SET pareto.parallel_endpoints = 4")
        partitions, schema = cursor.adbc_execute_partitions(query)
        assert (len(partitions), schema.names) == (4, ["id"])
        # The driver reads the endpoints side by side and gives them in their order.
        cursor.execute(query)
        together = [id for (id,) in cursor.fetchall()]
        apart = []
        for partition in partitions:
            # By other connections, while rows are added that the partitions were not announced with.
            with flight_sql.connect(server.address, autocommit=True) as other, other.cursor() as reader:
                reader.adbc_read_partition(partition)
                rows = [id for (id,) in reader.fetchall()]
                assert rows
                apart += rows
                reader.execute(f"INSERT INTO {name} VALUES (-1)")
        assert apart == together
        assert sorted(apart) == list(range(4_000))
        cursor.adbc_read_partition(partitions[0])
        assert [id for (id,) in cursor.fetchall()] == apart[: len(apart) // 4]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELEC 1", "SELEC"),
        ("SELECT nam FROM {table}", 'did you mean "name"?'),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT 1 / 0", "zero"),
        ("SET no.such.setting = 1", "no.such.setting"),
        ("INSERT INTO {table} VALUES ('x', 'y', 1, NULL)", "x"),
    ],
)
def test_mistakes_are_programming_errors_with_the_text_of_the_command_line(connection, table, sql, expected):
    with connection.cursor() as cursor, pytest.raises(flight_sql.ProgrammingError) as caught:
        cursor.execute(sql.format(table=table))
        cursor.fetchall()
    assert "error: " in str(caught.value)
    assert expected in str(caught.value)
    assert rows(connection, "SELECT 1") == [(1,)], "the connection still works"


def test_a_missing_parameter_is_named(connection, table):
    with connection.cursor() as cursor, pytest.raises(flight_sql.ProgrammingError) as caught:
        cursor.execute(f"SELECT * FROM {table} WHERE id = ?")
    assert "1 parameter" in str(caught.value)


def test_settings_belong_to_a_connection(server):
    with flight_sql.connect(server.address, autocommit=True) as first:
        with flight_sql.connect(server.address, autocommit=True) as second:
            rows(first, "SET pareto.rewrite = off")
            assert "off" in str(rows(first, "SHOW pareto.rewrite"))
            assert "on" in str(rows(second, "SHOW pareto.rewrite"))


def test_the_current_schema_is_a_session_option(server):
    with flight_sql.connect(server.address, autocommit=True) as connection:
        rows(connection, "CREATE SCHEMA IF NOT EXISTS crm")
        rows(connection, "CREATE TABLE IF NOT EXISTS crm.only_here (a BIGINT)")
        assert connection.adbc_current_catalog == "pareto"
        assert connection.adbc_current_db_schema == "public"
        connection.adbc_current_db_schema = "crm"
        assert connection.adbc_current_db_schema == "crm"
        assert rows(connection, "SELECT count(*) FROM only_here") == [(0,)]


def test_a_login_gives_a_token(server):
    options = {"username": "ana", "password": "secret"}
    with flight_sql.connect(server.address, db_kwargs=options, autocommit=True) as connection:
        assert rows(connection, "SELECT 1") == [(1,)]
    stale = {adbc_driver_flightsql.DatabaseOptions.AUTHORIZATION_HEADER.value: "Bearer 0123"}
    with pytest.raises(adbc_driver_manager.Error) as caught:
        with flight_sql.connect(server.address, db_kwargs=stale, autocommit=True) as connection:
            rows(connection, "SELECT 1")
    assert "expired" in str(caught.value)


MANY = "SELECT value, value * 2 AS twice, value % 97 AS rest FROM generate_series(1, 5000000)"


def test_five_million_rows_stream(connection):
    with connection.cursor() as cursor:
        cursor.execute(MANY)
        total = sum(batch.num_rows for batch in cursor.fetch_record_batch())
    assert total == 5_000_000


def test_a_reader_that_stops_early_stops_the_query(server, connection):
    endless = "SELECT a.value FROM generate_series(1, 5000000) a, generate_series(1, 5000000) b"
    before = server.resident_bytes()
    for _ in range(3):
        with flight_sql.connect(server.address, autocommit=True) as reader, reader.cursor() as cursor:
            cursor.execute(endless)
            batches = cursor.fetch_record_batch()
            for _ in range(3):
                assert batches.read_next_batch().num_rows > 0
            # The reader waits; the server must not run ahead of it.
            time.sleep(0.5)
            assert server.resident_bytes() - before < 400 * 2**20
            batches.close()
    deadline = time.monotonic() + 10
    while True:
        used = server.cpu_seconds()
        time.sleep(0.5)
        if server.cpu_seconds() - used < 0.1:
            break
        assert time.monotonic() < deadline, "the server still works for readers that are gone"
    assert rows(connection, "SELECT 1") == [(1,)]


def test_a_query_is_cancelled(connection):
    endless = "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 <> 8"
    with connection.cursor() as cursor:
        timer = threading.Timer(0.5, cursor.adbc_cancel)
        timer.start()
        started = time.monotonic()
        with pytest.raises(adbc_driver_manager.Error):
            cursor.execute(endless)
            cursor.fetchall()
        timer.join()
        assert time.monotonic() - started < 10
    assert rows(connection, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("busy", [
    # No pair fits, so for minutes there is no batch between which to notice that the reader is gone.
    "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE (a.value * b.value) % 7 = 8",
    # Every pair fits, and who counts them is never without a batch.
    "SELECT count(*), min(a.value + b.value) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b",
    "SELECT count(*), min(a.value + b.value) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b "
    "ON a.value % 3 = b.value % 3",
])
def test_a_join_stops_when_nobody_waits(server, connection, busy):
    for stop in (lambda cursor: cursor.adbc_cancel(), lambda cursor: None):
        with flight_sql.connect(server.address, autocommit=True) as reader, reader.cursor() as cursor:
            cursor.execute(busy)
            time.sleep(0.5)
            used = server.cpu_seconds()
            time.sleep(0.3)
            assert server.cpu_seconds() - used > 0.05, "it is at work"
            stop(cursor)
        time.sleep(0.3)
        used = server.cpu_seconds()
        time.sleep(0.5)
        assert server.cpu_seconds() - used < 0.1, "it works on for nobody"


def test_transactions(server, connection):
    """The driver's default: every statement belongs to a transaction, which ends with commit() or rollback()."""
    name = f"t_{time.monotonic_ns()}"
    data = pyarrow.table({"a": pyarrow.array([10, 20], pyarrow.int64())})
    with warnings.catch_warnings(), flight_sql.connect(server.address) as ours, ours.cursor() as cursor:
        warnings.simplefilter("error")
        cursor.execute(f"CREATE TABLE {name} (a BIGINT)")
        cursor.execute(f"INSERT INTO {name} VALUES (1), (2)")
        cursor.execute(f"UPDATE {name} SET a = a + 1 WHERE a = ?", (2,))
        cursor.executemany(f"INSERT INTO {name} VALUES (?)", [(5,), (6,)])
        cursor.adbc_ingest(name, data, mode="append")
        assert rows(ours, f"SELECT a FROM {name} ORDER BY a") == [(1,), (3,), (5,), (6,), (10,), (20,)]
        assert rows(connection, f"SELECT count(*) FROM {name}") == [(0,)], "nobody else sees it"
        ours.rollback()
        assert rows(ours, f"SELECT count(*) FROM {name}") == [(0,)]
        cursor.execute(f"INSERT INTO {name} VALUES (7)")
        cursor.adbc_ingest(name, data, mode="append")
        ours.commit()
        assert rows(connection, f"SELECT a FROM {name} ORDER BY a") == [(7,), (10,), (20,)]
        assert len(rows(connection, f"DESCRIBE HISTORY {name}")) == 2, "one version for all of it"
        cursor.execute(f"DELETE FROM {name}")
        cursor.execute("ROLLBACK")
        assert rows(ours, f"SELECT count(*) FROM {name}") == [(3,)]
        cursor.execute("BEGIN")
        cursor.execute(f"DELETE FROM {name} WHERE a = 7")
        cursor.execute("COMMIT")
        assert rows(connection, f"SELECT count(*) FROM {name}") == [(2,)]
        cursor.execute(f"DELETE FROM {name}")
    assert rows(connection, f"SELECT count(*) FROM {name}") == [(2,)], "closed without a commit"


def test_a_transaction_that_loses_a_race_says_so(server, connection, table):
    with flight_sql.connect(server.address) as ours, ours.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET amount = 1")
        rows(connection, f"DELETE FROM {table} WHERE id = 1")
        with pytest.raises(adbc_driver_manager.Error) as caught:
            ours.commit()
        assert "nothing was written" in str(caught.value)
    # The driver begins no other transaction after a failed commit, so the connection is of no use any more.
    with flight_sql.connect(server.address) as ours, ours.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
        with pytest.raises(flight_sql.ProgrammingError) as caught:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS second")
            cursor.execute(f"CREATE TABLE second.{table} (a BIGINT)")
            cursor.execute(f"INSERT INTO {table} (id) VALUES (1)")
            cursor.execute(f"INSERT INTO second.{table} VALUES (1)")
        assert "a transaction changes one table" in str(caught.value)
        ours.rollback()
    assert rows(connection, f"SELECT count(*) FROM {table}") == [(0,)], "committed by the CREATE"


def test_many_clients_at_once(server):
    wrong = []

    def work(number):
        try:
            with flight_sql.connect(server.address, autocommit=True) as connection:
                for turn in range(20):
                    if rows(connection, f"SELECT {number} * {turn}") != [(number * turn,)]:
                        wrong.append((number, turn))
        except Exception as error:  # noqa: BLE001 - a thread reports whatever it met
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
