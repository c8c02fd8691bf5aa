"""What stands on the drivers in Python: the DB-API of flightsql-dbapi, SQLAlchemy, pandas, polars.

Each test is the recipe of a page in `docs/clients`; a recipe that stops working fails here first.
"""

import datetime
import decimal

import adbc_driver_flightsql.dbapi as flight_sql
import flightsql
import flightsql.sqlalchemy  # noqa: F401 - makes datafusion+flightsql:// known
import pandas
import polars
import pyarrow
import pytest
import sqlalchemy

from serving import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("tools") / "warehouse")
    with flight_sql.connect(server.address, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in [
            "CREATE TABLE customer (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR)",
            "INSERT INTO customer VALUES (1, 'ana'), (2, NULL)",
            "CREATE TABLE sale (id BIGINT NOT NULL, customer_id BIGINT, amount DECIMAL(10, 2), sold_on DATE, "
            "FOREIGN KEY (customer_id) REFERENCES customer (id))",
            "INSERT INTO sale VALUES (1, 1, 12.50, DATE '2024-01-31'), (2, 1, 7.50, DATE '2024-02-29'), "
            "(3, 2, 5.00, NULL)",
            # The first would answer for the second, were the pattern not a name.
            "CREATE TABLE axb (other INT)",
            "CREATE TABLE a_b (wanted INT)",
        ]:
            cursor.execute(statement)
    yield server
    server.stop()


@pytest.fixture
def engine(server):
    host = server.address.removeprefix("grpc://")
    engine = sqlalchemy.create_engine(f"datafusion+flightsql://ana:secret@{host}?insecure=True")
    yield engine
    engine.dispose()


def test_dbapi(server):
    host, port = server.address.removeprefix("grpc://").split(":")
    client = flightsql.FlightSQLClient(host=host, port=int(port), user="ana", password="secret", insecure=True)
    cursor = flightsql.connect(client).cursor()
    cursor.execute("SELECT id, amount FROM sale WHERE customer_id = 1 ORDER BY id")
    assert [column[0] for column in cursor.description] == ["id", "amount"]
    assert cursor.fetchall() == [[1, decimal.Decimal("12.50")], [2, decimal.Decimal("7.50")]]
    cursor.execute("SELECT name FROM customer WHERE id = ?", [1])
    assert cursor.fetchall() == [["ana"]]


def test_sqlalchemy_knows_the_star(engine):
    inspector = sqlalchemy.inspect(engine)
    assert {"public", "information_schema", "system"} <= set(inspector.get_schema_names())
    assert {"customer", "sale"} <= set(inspector.get_table_names("public"))
    columns = inspector.get_columns("sale", "public")
    assert [column["name"] for column in columns] == ["id", "customer_id", "amount", "sold_on"]
    assert [type(column["type"]).__name__ for column in columns] == ["BIGINT", "BIGINT", "DECIMAL", "DATE"]
    assert [column["nullable"] for column in columns] == [False, True, True, True]
    assert [column["name"] for column in inspector.get_columns("a_b", "public")] == ["wanted"]
    assert inspector.has_table("sale", "public")
    assert not inspector.has_table("nowhere", "public")


def test_sqlalchemy_queries(engine):
    with engine.connect() as connection:
        answer = connection.execute(sqlalchemy.text("SELECT count(*), sum(amount) FROM sale")).fetchall()
        assert answer == [(3, decimal.Decimal("25.00"))]
        sale = sqlalchemy.Table("sale", sqlalchemy.MetaData(), autoload_with=engine, schema="public")
        query = (
            sqlalchemy.select(sale.c.customer_id, sqlalchemy.func.count().label("sales"))
            .where(sale.c.id < 3)
            .group_by(sale.c.customer_id)
        )
        assert connection.execute(query).fetchall() == [(1, 2)]


def test_pandas_reads(connection):
    frame = pandas.read_sql("SELECT id, amount, sold_on FROM sale ORDER BY id", connection)
    assert list(frame["id"]) == [1, 2, 3]
    assert list(frame["amount"]) == [decimal.Decimal("12.50"), decimal.Decimal("7.50"), decimal.Decimal("5.00")]
    assert frame["sold_on"].iloc[0] == datetime.date(2024, 1, 31)


def test_pandas_writes(connection):
    frame = pandas.DataFrame({"id": [1, 2], "label": ["x", None], "score": [0.5, 1.5]})
    assert frame.to_sql("scored", connection, index=False, if_exists="replace") == 2
    assert frame.to_sql("scored", connection, index=False, if_exists="append") == 2
    back = pandas.read_sql_table("scored", connection)
    assert list(back.columns) == ["id", "label", "score"]
    assert back["score"].sum() == 4.0
    with pytest.raises(ValueError, match="scored"):
        frame.to_sql("scored", connection, index=False, if_exists="fail")


def test_pandas_keeps_arrow_types(connection):
    frame = pandas.read_sql("SELECT id, amount FROM sale", connection, dtype_backend="pyarrow")
    assert frame.dtypes["amount"] == pandas.ArrowDtype(pyarrow.decimal128(10, 2))


def test_polars_reads(connection):
    frame = polars.read_database("SELECT * FROM sale ORDER BY id", connection)
    assert frame.schema == {"id": polars.Int64, "customer_id": polars.Int64, "amount": polars.Decimal(10, 2),
                            "sold_on": polars.Date}
    assert frame["sold_on"].to_list() == [datetime.date(2024, 1, 31), datetime.date(2024, 2, 29), None]
    parameters = {"parameters": [1]}
    one = polars.read_database("SELECT id FROM sale WHERE customer_id = ? ORDER BY id", connection,
                               execute_options=parameters)
    assert one["id"].to_list() == [1, 2]


def test_polars_reads_in_batches(connection):
    batches = polars.read_database("SELECT value FROM generate_series(1, 200000)", connection, iter_batches=True)
    assert sum(batch["value"].sum() for batch in batches) == 200_000 * 200_001 // 2


def test_polars_writes(connection):
    frame = polars.DataFrame({"id": [1, 2, 3], "label": ["x", None, "z"]})
    assert frame.write_database("labels", connection, engine="adbc", if_table_exists="replace") == 3
    assert frame.write_database("labels", connection, engine="adbc", if_table_exists="append") == 3
    assert polars.read_database("SELECT count(*) AS n, count(label) AS l FROM labels", connection).row(0) == (6, 4)


def test_results_may_keep_the_engine_s_types(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT arrow_cast('word', 'Dictionary(Int32, Utf8)') AS d, arrow_cast('v', 'Utf8View') AS v")
        assert cursor.fetch_arrow_table().schema.types == [pyarrow.string(), pyarrow.string()]
        cursor.execute("SET pareto.result_types = engine")
        cursor.execute("SELECT arrow_cast('word', 'Dictionary(Int32, Utf8)') AS d, arrow_cast('v', 'Utf8View') AS v")
        answer = cursor.fetch_arrow_table()
    assert answer.schema.types == [pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), pyarrow.string_view()]
    assert answer.to_pylist() == [{"d": "word", "v": "v"}]


def test_columns_of_a_result_are_described(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT amount FROM sale")
        field = cursor.fetch_arrow_table().schema.field("amount")
    assert field.metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"] == b"DECIMAL"
    assert field.metadata[b"ARROW:FLIGHT:SQL:PRECISION"] == b"10"
