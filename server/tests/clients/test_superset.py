"""Apache Superset on `pareto serve`: the recipe of `docs/clients/superset.md`, through Superset's REST API and a browser.

Every number is compared with what `pareto sql` says. The browser logs in, opens the chart and takes the picture that the
page shows; UPDATE_DOCS=1 writes it there. Without Superset or a browser the tests fail: `make tools` installs both.
"""

import datetime
import decimal
import json
import os
import re
import subprocess

import pytest

import warehouse as command
from browser import Browser
from dashboards import PAGE, PASSWORD, Superset
from serving import Server, binary

CUSTOMERS = 500
METRIC = {"expressionType": "SIMPLE", "column": {"column_name": "net_amount"}, "aggregate": "SUM", "label": "revenue"}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("star") / "warehouse"
    subprocess.run([binary(), "demo", "--dir", str(path), "--customers", str(CUSTOMERS), "--exit"], check=True,
                   capture_output=True, timeout=120)
    [view] = re.findall(r"(CREATE VIEW revenue .*?)```", PAGE.read_text(), re.DOTALL)
    command.run(path, view)
    return path


@pytest.fixture(scope="module")
def server(warehouse):
    server = Server(warehouse)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def superset(tmp_path_factory):
    superset = Superset(tmp_path_factory.mktemp("superset"))
    yield superset
    superset.stop()


@pytest.fixture(scope="module")
def database(server, superset):
    address = f"datafusion://ana:secret@{server.address.removeprefix('grpc://')}?insecure=True"
    assert superset.post("database/test_connection/", {"sqlalchemy_uri": address}) == {"message": "OK"}
    return superset.post("database/", {"database_name": "Pareto", "sqlalchemy_uri": address, "expose_in_sqllab": True})["id"]


@pytest.fixture(scope="module")
def dataset(superset, database):
    return superset.post("dataset/", {"database": database, "schema": "public", "table_name": "revenue"})["id"]


def asked(dataset, grain="P1M", filters=()):
    """What a chart of revenue by segment and time asks of Superset."""
    axis = {"columnType": "BASE_AXIS", "timeGrain": grain, "sqlExpression": "sold_on", "label": "sold_on", "expressionType": "SQL"}
    query = {"columns": [axis, "segment"], "metrics": [METRIC], "filters": list(filters), "row_limit": 50_000}
    return {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "result_format": "json", "result_type": "full"}


@pytest.fixture(scope="module")
def chart(superset, dataset):
    controls = {"datasource": f"{dataset}__table", "viz_type": "echarts_timeseries_bar", "x_axis": "sold_on", "time_grain_sqla": "P1M",
                "metrics": [METRIC], "groupby": ["segment"], "stack": "Stack", "row_limit": 50_000, "show_legend": True,
                "rich_tooltip": True, "x_axis_time_format": "smart_date", "y_axis_format": "SMART_NUMBER"}
    return superset.post("chart/", {
        "slice_name": "Revenue by segment and month", "viz_type": "echarts_timeseries_bar", "datasource_id": dataset,
        "datasource_type": "table", "params": json.dumps(controls), "query_context": json.dumps(asked(dataset))})["id"]


def drawn(answer):
    """The bars of a chart's data: money by segment and date."""
    [result] = answer["result"]
    assert result["status"] == "success"
    start = datetime.datetime(1970, 1, 1)
    bars = {(row["segment"], str(start + datetime.timedelta(milliseconds=row["sold_on"]))): decimal.Decimal(str(row["revenue"]))
            for row in result["data"]}
    assert len(bars) == len(result["data"])
    return bars


def counted(warehouse, grain="month", where="true"):
    """The same from `pareto sql`, past view and Superset."""
    found = command.rows(warehouse, f"""
        SELECT segment, date_trunc('{grain}', sold_on), sum(net_amount)
        FROM sales JOIN customer ON customer.customer_id = sales.customer_id WHERE {where} GROUP BY 1, 2""")
    return {(segment, date.replace("T", " ")): decimal.Decimal(money) for segment, date, money in found}


def in_sql_lab(superset, database, sql):
    """The status and the answer of a statement in SQL Lab."""
    return superset.call("POST", "sqllab/execute/", {"database_id": database, "schema": "public", "sql": sql, "runAsync": False,
                                                     "queryLimit": 1000, "client_id": os.urandom(5).hex()})


def test_schemas_and_tables_are_listed(superset, database):
    assert set(superset.get(f"database/{database}/schemas/")["result"]) == {"public", "information_schema", "system"}
    tables = {table["value"] for table in superset.get(f"database/{database}/tables/?q=(schema_name:public)")["result"]}
    assert {"calendar", "campaign", "channel", "customer", "product", "revenue", "sales", "store"} <= tables
    sales = superset.get(f"database/{database}/table_metadata/?name=sales&schema=public")["columns"]
    types = {column["name"]: column["type"] for column in sales}
    assert [types[name] for name in ("sale_id", "sold_on", "quantity", "net_amount", "is_return")] == [
        "BIGINT", "DATE", "INTEGER", "DECIMAL", "BOOLEAN"]


def test_a_dataset_knows_its_columns(superset, dataset):
    known = superset.get(f"dataset/{dataset}")["result"]
    assert [(column["column_name"], column["type"], column["is_dttm"]) for column in known["columns"]] == [
        ("segment", "TEXT", False), ("sold_on", "DATE", True), ("net_amount", "DECIMAL", False)]
    assert known["main_dttm_col"] == "sold_on"
    assert [name for _, name in known["time_grain_sqla"]] == ["Hour", "Day", "Week", "Month", "Quarter", "Year"]


def test_the_chart_has_the_numbers(warehouse, superset, chart):
    bars = drawn(superset.get(f"chart/{chart}/data/"))
    assert len(bars) == 3 * 36
    assert bars == counted(warehouse)


@pytest.mark.parametrize(("grain", "name"), [("PT1H", "hour"), ("P1D", "day"), ("P1W", "week"), ("P3M", "quarter"), ("P1Y", "year")])
def test_every_time_grain_has_the_numbers(warehouse, superset, dataset, grain, name):
    assert drawn(superset.post("chart/data", asked(dataset, grain))) == counted(warehouse, name)


@pytest.mark.parametrize(("one", "where"), [
    ({"col": "sold_on", "op": "TEMPORAL_RANGE", "val": "2024-01-15 : 2024-07-01"},
     "sold_on >= DATE '2024-01-15' AND sold_on < DATE '2024-07-01'"),
    ({"col": "segment", "op": "IN", "val": ["corporate", "small business"]}, "segment IN ('corporate', 'small business')"),
    ({"col": "segment", "op": "ILIKE", "val": "CON%"}, "segment = 'consumer'"),
    ({"col": "net_amount", "op": ">", "val": 100.5}, "net_amount > 100.5"),
])
def test_filters_of_a_chart(warehouse, superset, dataset, one, where):
    bars = drawn(superset.post("chart/data", asked(dataset, filters=[one])))
    assert bars and bars == counted(warehouse, where=where)


def test_sql_lab_answers(warehouse, superset, database):
    sql = "SELECT segment, count(*) AS customers, min(signed_up_on) AS first FROM customer GROUP BY segment ORDER BY segment"
    status, answer = in_sql_lab(superset, database, sql)
    assert status == 200, answer
    assert [column["name"] for column in answer["columns"]] == ["segment", "customers", "first"]
    assert [[row["segment"], str(row["customers"]), row["first"][:10]] for row in answer["data"]] == command.rows(warehouse, sql)


@pytest.mark.parametrize("sql", [
    "SELECT count(*) AS n FROM generate_series(1, 40) AS s(v)",
    "SELECT round(expected_spend(m, 2, 22.35), 2) AS n FROM (SELECT named_struct('model', 'gammagamma', 'params', [6.25, 3.74, 15.44]) AS m)",
    "SELECT max(m) AS n FROM rfm_table('sales', customer => 'customer_id', ts => 'sold_on', amount => 'net_amount', as_of => DATE '2025-12-31')",
    "SELECT count(*) FILTER (WHERE is_return) AS n FROM sales GROUP BY CUBE (channel_id) HAVING grouping(channel_id) = 1",
])
def test_sql_lab_leaves_the_sql_of_pareto_as_it_is(warehouse, superset, database, sql):
    status, answer = in_sql_lab(superset, database, sql)
    assert status == 200, answer
    assert [str(row["n"]) for row in answer["data"]] == [command.value(warehouse, sql)]


def test_a_mistake_is_explained(superset, database):
    status, answer = in_sql_lab(superset, database, "SELECT segmen FROM customer")
    assert status == 500
    [error] = answer["errors"]
    assert 'column "segmen" does not exist' in error["message"]
    assert 'did you mean "segment"?' in error["message"]


def test_data_stay_as_they_are(superset, database):
    status, answer = in_sql_lab(superset, database, "DELETE FROM customer")
    assert status == 500
    assert answer["errors"][0]["error_type"] == "DML_NOT_ALLOWED_ERROR"
    status, answer = in_sql_lab(superset, database, "SELECT count(*) AS n FROM customer")
    assert answer["data"] == [{"n": CUSTOMERS}]


# How many colours the drawing has, of which a blank one has one.
COLOURS = """
    const canvas = document.querySelector('.slice_container canvas, [data-test="chart-container"] canvas');
    if (!canvas || !canvas.width || document.querySelector('[data-test="loading-indicator"]')) return 0;
    const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    const counts = new Map();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) || 0) + 1);
    return [...counts.values()].filter(count => count > 500).length;
"""
ALERTS = "return [...document.querySelectorAll('[role=alert], .ant-alert, .ant-notification-notice')].map(alert => alert.innerText)"


def test_a_browser_draws_the_chart(tmp_path, superset, chart):
    browser = Browser()
    try:
        browser.open(f"{superset.address}/login/")
        browser.type("#username", "admin")
        browser.type("#password", PASSWORD + "\n")
        browser.wait("return !location.pathname.startsWith('/login')")
        browser.open(f"{superset.address}/explore/?slice_id={chart}")
        # The ground and a colour for each of the three segments; still once the bars have grown.
        browser.wait(f"const before = window.seen; window.seen = (() => {{{COLOURS}}})(); return window.seen >= 4 && before === window.seen")
        picture = browser.picture()
        assert browser.run(ALERTS) == []
        said = browser.run("return document.body.innerText")
    finally:
        browser.stop()
    assert "108 rows" in said and "SUM(net_amount)" in said
    (tmp_path / "superset.png").write_bytes(picture)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.with_suffix(".png").write_bytes(picture)
