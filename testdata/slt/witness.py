"""An independent witness for .slt files over the tiny star: DuckDB answers every query in them.

    python testdata/slt/witness.py testdata/slt/cubes/*.slt            # compare, exit 1 on a difference
    python testdata/slt/witness.py --write testdata/slt/cubes/*.slt    # write DuckDB's answers

Statements are skipped: DuckDB gets the tiny star from its CSV files, with the types of the star. Only
queries that mean the same in both dialects belong into files that are checked with this script.
"""

import pathlib
import sys

import duckdb

STAR = pathlib.Path(__file__).resolve().parent.parent / "star"
MONEY = ["gross_amount", "discount", "net_amount", "cost_amount", "profit", "list_price", "unit_cost", "cost"]


def tiny_star():
    connection = duckdb.connect()
    for path in sorted(STAR.glob("*.csv")):
        header = path.read_text().splitlines()[0].split(",")
        columns = [f"CAST({name} AS DECIMAL(12,2)) AS {name}" if name in MONEY else name for name in header]
        connection.execute(f"CREATE TABLE {path.stem} AS SELECT {', '.join(columns)} FROM read_csv('{path}')")
    return connection


def text(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    return "(empty)" if value == "" else str(value)


def answered(lines, connection):
    """The lines of a file with DuckDB's answers in place of those written."""
    out, position = [], 0
    while position < len(lines):
        line = lines[position]
        out.append(line)
        position += 1
        if not line.startswith("query ") or line.startswith("query error"):
            continue
        end = lines.index("----", position)
        sql = "\n".join(lines[position:end])
        rows = [" ".join(map(text, row)) for row in connection.execute(sql).fetchall()]
        if "rowsort" in line.split():
            rows.sort()
        out += lines[position:end + 1] + rows
        position = end + 1
        while position < len(lines) and lines[position] != "":
            position += 1
    return out


def main():
    write = "--write" in sys.argv[1:]
    paths = [pathlib.Path(name) for name in sys.argv[1:] if name != "--write"]
    if not paths:
        sys.exit("usage: witness.py [--write] FILE.slt ...")
    differences = 0
    for path in paths:
        lines = path.read_text().splitlines()
        found = answered(lines, tiny_star())
        if write:
            path.write_text("\n".join(found) + "\n")
        elif found != lines:
            differences += 1
            first = next(n for n, pair in enumerate(zip(found + [""], lines + [""]), 1) if pair[0] != pair[1])
            print(f"{path}:{first}: DuckDB has another answer: {(found + [''])[first - 1]}")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
