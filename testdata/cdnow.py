"""Make testdata/cdnow.parquet from CDNOW_master.txt of the PyPI package lifetimes 0.11.3.

The purchases are the ones published by Peter Fader and Bruce Hardie ("Forecasting Repeat Sales at
CDNOW: A Case Study", Interfaces 31, 2001); the package ships them under the MIT licence.

    pip download --no-deps lifetimes==0.11.3
    python testdata/cdnow.py Lifetimes-0.11.3-py3-none-any.whl

Rows keep the order of the original. The script checks the figures that are in print before it
writes: 69,659 purchases, 23,570 customers, 2,500,315.63 in money.
"""

import datetime
import decimal
import pathlib
import sys
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq

TARGET = pathlib.Path(__file__).with_name("cdnow.parquet")

SCHEMA = pa.schema(
    [
        pa.field("customer_id", pa.int32(), nullable=False),
        pa.field("sold_on", pa.date32(), nullable=False),
        pa.field("quantity", pa.int32(), nullable=False),
        pa.field("amount", pa.decimal128(10, 2), nullable=False),
    ]
)


def purchases(wheel):
    """One (customer, day, quantity, amount) per line of the original text."""
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("lifetimes/datasets/CDNOW_master.txt").decode("ascii")
    for line in text.splitlines():
        words = line.split()
        if not words or not words[0].isdigit():
            continue
        customer, day, quantity, amount = words
        sold_on = datetime.datetime.strptime(day, "%Y%m%d").date()
        yield int(customer), sold_on, int(quantity), decimal.Decimal(amount).quantize(decimal.Decimal("0.01"))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: cdnow.py Lifetimes-0.11.3-py3-none-any.whl")
    rows = list(purchases(sys.argv[1]))
    found = (len(rows), len({row[0] for row in rows}), sum(row[3] for row in rows))
    if found != (69_659, 23_570, decimal.Decimal("2500315.63")):
        sys.exit(f"this is not the published CDNOW data: rows, customers, money = {found}")
    columns = [pa.array(values, field.type) for values, field in zip(zip(*rows), SCHEMA)]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    pq.write_table(table, TARGET, compression="zstd", compression_level=19, store_schema=False)
    print(f"{TARGET}: {table.num_rows} rows, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
