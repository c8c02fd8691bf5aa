"""Tables go both ways between Pareto and other Delta readers and writers."""

import datetime
import json
import struct

import deltalake
import duckdb
import pyarrow as pa
import pytest
from warehouse import rows, run, value


def location(warehouse, table):
    return value(warehouse, f"SELECT location FROM system.tables WHERE table_name = '{table}'")


@pytest.fixture
def sales(tmp_path):
    warehouse = tmp_path / "warehouse"
    run(warehouse,
        "CREATE TABLE sales (id BIGINT NOT NULL, sold_on DATE, region VARCHAR, amount DECIMAL(12, 2), at TIMESTAMP) "
        "PARTITIONED BY (date_trunc('month', sold_on)) ORDER BY (sold_on)",
        "INSERT INTO sales SELECT value, DATE '2026-01-01' + CAST(value % 90 AS INT), 'r' || CAST(value % 3 AS VARCHAR), value * 1.25, "
        "TIMESTAMP '2026-01-01 10:00:00' FROM generate_series(1, 5000)",
        "DELETE FROM sales WHERE id <= 10")
    return warehouse


def test_a_table_of_pareto_opens_in_deltalake(sales):
    table = deltalake.DeltaTable(location(sales, "sales"))
    read = table.to_pyarrow_table()
    assert read.num_rows == 4990
    assert sum(read["amount"].to_pylist()) == sum(n * 125 for n in range(11, 5001)) / pa.scalar(100).as_py()
    months = set(read["sold_on_month"].to_pylist())
    assert months == {datetime.date(2026, 1, 1), datetime.date(2026, 2, 1), datetime.date(2026, 3, 1)}


def test_a_table_of_pareto_has_the_same_rows_in_duckdb(sales):
    files = deltalake.DeltaTable(location(sales, "sales")).file_uris()
    [counted] = duckdb.connect().execute(f"SELECT count(*), sum(id), sum(amount)::VARCHAR FROM read_parquet({files})").fetchall()
    [[count, total, amount]] = rows(sales, "SELECT count(*), sum(id), sum(amount) FROM sales")
    assert (str(counted[0]), str(counted[1]), counted[2]) == (count, total, amount)


def test_a_partitioned_table_of_deltalake_opens_in_pareto(tmp_path):
    place = tmp_path / "theirs"
    theirs = pa.table({"k": pa.array(range(100), pa.int64()), "region": [f"r{n % 4}" for n in range(100)],
                       "day": [datetime.date(2026, 1, 1 + n % 5) for n in range(100)]})
    deltalake.write_deltalake(str(place), theirs, partition_by=["region"])
    deltalake.write_deltalake(str(place), theirs, mode="append")
    warehouse = tmp_path / "warehouse"
    run(warehouse, f"CREATE EXTERNAL TABLE theirs STORED AS DELTA LOCATION '{place}'")
    assert rows(warehouse, "SELECT region, count(*), sum(k) FROM theirs GROUP BY region ORDER BY region") == [
        ["r0", "50", "2400"], ["r1", "50", "2450"], ["r2", "50", "2500"], ["r3", "50", "2550"]]
    run(warehouse, "INSERT INTO theirs VALUES (1000, 'r9', DATE '2026-02-01')")
    assert deltalake.DeltaTable(str(place)).to_pyarrow_table().num_rows == 201


Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def inline_deletion_vector(deleted):
    """A deletion vector as the Delta protocol writes it into the log: a 64-bit roaring bitmap in Z85."""
    container = struct.pack("<IIHHI", 12346, 1, 0, len(deleted) - 1, 16) + b"".join(struct.pack("<H", row) for row in sorted(deleted))
    data = struct.pack("<iqI", 1681511377, 1, 0) + container
    padded = data + b"\0" * (-len(data) % 4)
    text = ""
    for (word,) in struct.iter_unpack(">I", padded):
        digits = ""
        for _ in range(5):
            word, digit = divmod(word, 85)
            digits = Z85[digit] + digits
        text += digits
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(data), "cardinality": len(deleted)}


def test_a_table_with_deletion_vectors_is_read_through_the_fallback(tmp_path):
    place = tmp_path / "marked"
    deltalake.write_deltalake(str(place), pa.table({"id": pa.array(range(10), pa.int64()), "name": [f"n{n}" for n in range(10)]}))
    first = [json.loads(line) for line in (place / "_delta_log" / f"{0:020}.json").read_text().splitlines()]
    add = next(action["add"] for action in first if "add" in action)
    remove = {"path": add["path"], "dataChange": True, "deletionTimestamp": 1, "extendedFileMetadata": True,
              "partitionValues": {}, "size": add["size"]}
    features = ["deletionVectors"]
    commit = [{"commitInfo": {"operation": "DELETE", "timestamp": 1}},
              {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}},
              {"remove": remove}, {"add": {**add, "deletionVector": inline_deletion_vector([1, 4, 9])}}]
    (place / "_delta_log" / f"{1:020}.json").write_text("".join(json.dumps(action) + "\n" for action in commit))
    warehouse = tmp_path / "warehouse"
    run(warehouse, f"CREATE EXTERNAL TABLE marked STORED AS DELTA LOCATION '{place}'")
    assert [row[0] for row in rows(warehouse, "SELECT id FROM marked ORDER BY id")] == ["0", "2", "3", "5", "6", "7", "8"]
    assert value(warehouse, "SELECT count(*) FROM marked WHERE id > 3") == "4"
    refused = run(warehouse, "DELETE FROM marked WHERE id = 2", check=False)
    assert refused.returncode == 1 and "deletion vectors" in refused.stderr
