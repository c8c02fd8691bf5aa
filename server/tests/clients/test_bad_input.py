"""Files that are wrong: the message names the file, the line, the column and the reason, and nothing is loaded."""

import pytest
from warehouse import rows, run, value


@pytest.fixture
def warehouse(tmp_path):
    place = tmp_path / "warehouse"
    run(place, "CREATE TABLE sales (id BIGINT NOT NULL, sold_on DATE, amount DECIMAL(8, 2))")
    return place


def refused(warehouse, statement):
    done = run(warehouse, statement, check=False)
    assert done.returncode == 1
    assert "panicked" not in done.stderr
    assert value(warehouse, "SELECT count(*) FROM sales") == "0"
    return done.stderr


GOOD = "1,2026-01-02,10.50\n2,2026-01-03,11.00\n"


@pytest.mark.parametrize("line, said", [
    ("three,2026-01-04,1.00", ["line 4", '"id"', "'three' is not a BIGINT"]),
    ("3,2026-13-04,1.00", ["line 4", '"sold_on"', "'2026-13-04' is not a DATE"]),
    ("3,2026-01-04", ["line 4", "2 fields where 3 are expected"]),
    (",2026-01-04,1.00", ["line 4", '"id"', "NULL where a value is required"]),
    ("3,2026-01-04,12345678.00", ["line 4", '"amount"', "is not a DECIMAL(8, 2)"]),
])
def test_a_malformed_line_of_csv(warehouse, tmp_path, line, said):
    file = tmp_path / "sales.csv"
    file.write_text(f"id,sold_on,amount\n{GOOD}{line}\n")
    text = refused(warehouse, f"COPY sales FROM '{file}'")
    assert "sales.csv" in text
    for part in said:
        assert part in text, text


def test_malformed_lines_can_be_set_aside(warehouse, tmp_path):
    file = tmp_path / "sales.csv"
    file.write_text(f"id,sold_on,amount\n{GOOD}x,2026-01-04,1\n4,2026-01-05,2\n5,never,3\n")
    run(warehouse, f"COPY sales FROM '{file}' WITH (on_error = 'reject', reject_table = 'bad_rows')")
    assert rows(warehouse, "SELECT id FROM sales ORDER BY id") == [["1"], ["2"], ["4"]]
    assert rows(warehouse, "SELECT line, column_name, text FROM bad_rows ORDER BY line") == [
        ["4", "id", "x,2026-01-04,1"], ["6", "sold_on", "5,never,3"]]


def test_missing_and_unknown_columns(warehouse, tmp_path):
    file = tmp_path / "sales.csv"
    file.write_text("id,sold_on\n1,2026-01-01\n")
    assert 'has no column "amount"' in refused(warehouse, f"COPY sales FROM '{file}'")
    file.write_text("id,sold_on,amont\n1,2026-01-01,1\n")
    assert 'did you mean "amount"?' in refused(warehouse, f"COPY sales FROM '{file}'")


def test_a_truncated_and_a_corrupt_parquet_file(warehouse, tmp_path):
    file = tmp_path / "sales.parquet"
    run(warehouse, f"COPY (SELECT CAST(value AS BIGINT) AS id, DATE '2026-01-01' AS sold_on, CAST(value AS DECIMAL(8, 2)) AS amount "
                   f"FROM generate_series(1, 50000)) TO '{file}'")
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    text = refused(warehouse, f"COPY sales FROM '{file}'")
    assert "sales.parquet" in text and "not a readable Parquet file" in text
    damaged = bytearray(whole)
    for place in range(4, 60):
        damaged[place] ^= 0xFF
    file.write_bytes(bytes(damaged))
    assert "sales.parquet" in refused(warehouse, f"COPY sales FROM '{file}'")
    file.write_bytes(whole)
    run(warehouse, f"COPY sales FROM '{file}'")
    assert value(warehouse, "SELECT count(*) FROM sales") == "50000"


def test_a_type_that_does_not_fit(warehouse, tmp_path):
    file = tmp_path / "sales.parquet"
    run(warehouse, f"COPY (SELECT 'one' AS id, DATE '2026-01-01' AS sold_on, 1.0 AS amount) TO '{file}'")
    assert 'column "id" is' in refused(warehouse, f"COPY sales FROM '{file}'")


def test_a_duplicate_key_is_counted(warehouse):
    run(warehouse, "ALTER TABLE sales ADD CONSTRAINT sales_key PRIMARY KEY (id)",
        "INSERT INTO sales VALUES (1, NULL, NULL), (1, NULL, NULL), (2, NULL, NULL)")
    done = run(warehouse, "VALIDATE CONSTRAINT sales_key ON sales")
    assert "2" in done.stdout or "1" in done.stdout, done.stdout


def test_a_wrong_endpoint_says_so_within_half_a_minute(tmp_path):
    import time
    began = time.monotonic()
    done = run("s3://nowhere/warehouse", "SELECT 1", check=False, environment={
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1"})
    assert done.returncode == 1 and time.monotonic() - began < 30
    assert "127.0.0.1" in done.stderr or "nowhere" in done.stderr, done.stderr
