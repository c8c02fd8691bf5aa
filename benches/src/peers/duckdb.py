"""DuckDB: its own tables in a database file, or views on the Parquet files."""

import duckdb
import pyarrow  # noqa: F401, results arrive in it


class Engine:
    def __init__(self):
        path = f"{PLACE}-duckdb.db" if OWN else ":memory:"
        self.connection = duckdb.connect(path, config={"threads": REQUEST["threads"]})
        self.connection.execute("SET enable_progress_bar = false")
        if not OWN:
            for table, _ in REQUEST["tables"]:
                self.connection.execute(f"CREATE VIEW \"{table}\" AS FROM read_parquet('{file_of(table)}')")

    def load(self):
        if OWN:
            for table, order in REQUEST["tables"]:
                self.connection.execute(f"CREATE TABLE \"{table}\" AS FROM read_parquet('{file_of(table)}') ORDER BY {order}")
            self.connection.execute("CHECKPOINT")

    def query(self, text):
        return self.connection.sql(text).to_arrow_table()

    def rows(self, result):
        return zip(*(column.to_pylist() for column in result.columns))

    def client(self):
        cursor = self.connection.cursor()
        return lambda text: cursor.sql(text).to_arrow_table()

    def version(self):
        return duckdb.__version__

    def close(self):
        self.connection.close()


serve(Engine)
