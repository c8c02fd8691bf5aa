"""Parquet files that pyarrow wrote, with types that Pareto never writes, read where they are.

Columns that are asked for again come from memory in other forms than the file has. So every question is asked three times
in one process and once without kept columns, and which rows must come is computed here from what the file was made of.
"""

import csv
import datetime
import decimal
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warehouse import run

ROWS = range(20_000)
NEVER = "SET pareto.result_cache = off"

COLUMNS = {
    "n": (pa.int32(), lambda n: n),
    "tiny": (pa.uint8(), lambda n: n % 251 if n % 7 else None),
    "signed": (pa.int8(), lambda n: n % 251 - 125),
    "short": (pa.uint16(), lambda n: n * 3 % 65536),
    "wide": (pa.uint32(), lambda n: 2**32 - 1 - n),
    "widest": (pa.uint64(), lambda n: 2**64 - 1 - n),
    "code": (pa.dictionary(pa.int32(), pa.string()), lambda n: f"v{n % 9}" if n % 5 else None),
    "name": (pa.large_string(), lambda n: f"name {n % 3}"),
    "bytes": (pa.binary(), lambda n: bytes([n % 256, 1])),
    "four": (pa.binary(4), lambda n: bytes([n % 256, 1, 2, 3])),
    "clock": (pa.time32("ms"), lambda n: n),
    "span": (pa.duration("us"), lambda n: n * 1000),
    "day": (pa.date64(), lambda n: datetime.date(2020, 1, 1) + datetime.timedelta(n % 100)),
    "nanos": (pa.timestamp("ns"), lambda n: n * 10**9 + 7),
    "zoned": (pa.timestamp("us", "Europe/Berlin"), lambda n: n * 10**6),
    "money": (pa.decimal128(38, 2), lambda n: decimal.Decimal(n) / 100),
    "huge": (pa.decimal256(50, 2), lambda n: decimal.Decimal(n) / 100),
    "single": (pa.float32(), lambda n: n / 4),
    "double": (pa.float64(), lambda n: n / 8 if n % 11 else float("nan")),
    "flag": (pa.bool_(), lambda n: n % 2 == 0 if n % 3 else None),
    "nothing": (pa.null(), lambda n: None),
}

CONDITIONS = [
    ("tiny BETWEEN 3 AND 9", lambda n: n % 7 and 3 <= n % 251 <= 9),
    ("signed < -100", lambda n: n % 251 < 25),
    ("short IN (3, 9, 60000)", lambda n: n * 3 % 65536 in (3, 9, 60000)),
    ("wide > 4294967200", lambda n: n < 95),
    ("widest > 18446744073709551600", lambda n: n < 15),
    ("code = 'v3'", lambda n: n % 5 and n % 9 == 3),
    ("code IS NULL", lambda n: n % 5 == 0),
    ("name LIKE '%2'", lambda n: n % 3 == 2),
    ("bytes = x'0301'", lambda n: n % 256 == 3),
    ("four = x'03010203'", lambda n: n % 256 == 3),
    ("day = DATE '2020-02-03'", lambda n: n % 100 == 33),
    ("nanos > TIMESTAMP '1970-01-01 05:00:00'", lambda n: n >= 18_000),
    ("zoned < TIMESTAMP '1970-01-01 02:00:00'", lambda n: n < 3600),
    ("money = 3.14", lambda n: n == 314),
    ("huge > 199", lambda n: n > 19_900),
    ("single < 2", lambda n: n < 8),
    ("double < 2", lambda n: n % 11 and n < 16),
    ("flag", lambda n: n % 3 and n % 2 == 0),
    ("NOT flag", lambda n: n % 3 and n % 2),
    ("nothing IS NULL AND signed = 3", lambda n: n % 251 == 128),
    ("tiny = 3 OR signed = 4", lambda n: (n % 7 and n % 251 == 3) or n % 251 == 129),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a file of seven row groups, and a warehouse."""
    place = tmp_path_factory.mktemp("foreign")
    made = {name: pa.array([make(n) for n in ROWS]).cast(kind) if pa.types.is_dictionary(kind)
            else pa.array([make(n) for n in ROWS], kind) for name, (kind, make) in COLUMNS.items()}
    pq.write_table(pa.table(made), place / "all.parquet", row_group_size=3000)
    return place


def answers(place, file, condition):
    """The rows of four answers, sorted: three with kept columns, one without."""
    question = f"SELECT * FROM read_parquet('{place / file}') WHERE {condition}"
    done = run(place / "warehouse", NEVER, question, question, question, "SET pareto.scan_cache = off", question)
    lines = done.stdout.splitlines()
    count = len(lines) // 4
    assert len(lines) == count * 4
    return [sorted(lines[turn * count:(turn + 1) * count]) for turn in range(4)]


@pytest.mark.parametrize("condition, holds", CONDITIONS, ids=[condition for condition, _ in CONDITIONS])
def test_a_column_of_any_type_is_the_same_from_memory(place, condition, holds):
    first, *others = answers(place, "all.parquet", condition)
    assert others == [first] * 3
    found = sorted(int(row[0]) for row in csv.reader(io.StringIO("\n".join(first))) if row[0] != "n")
    assert found == [n for n in ROWS if holds(n)]


def test_timestamps_of_twelve_bytes_are_read(place):
    file = "int96.parquet"
    times = pa.array([n * 10**9 for n in ROWS], pa.timestamp("ns"))
    pq.write_table(pa.table({"n": pa.array(ROWS), "at": times}), place / file, use_deprecated_int96_timestamps=True)
    first, *others = answers(place, file, "at < TIMESTAMP '1970-01-01 00:00:03'")
    assert others == [first] * 3
    assert [line.split(",")[0] for line in first] == ["0", "1", "2", "n"]
