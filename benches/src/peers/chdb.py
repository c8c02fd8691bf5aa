"""chDB, which is ClickHouse in a process: MergeTree tables, or views on the Parquet files.

A session is one connection, so many clients share it.
"""

import pyarrow


class Engine:
    def __init__(self):
        # Imported in the process of the query: it does not survive a fork.
        from chdb import session

        self.session = session.Session(f"{PLACE}-chdb-{REQUEST['layout']}")
        self.session.query("CREATE DATABASE IF NOT EXISTS star")
        self.session.query("USE star")
        # Without statistics of what is inserted it joins the large table into a hash table.
        settings = "group_by_use_nulls = 1, materialize_statistics_on_insert = 1"
        self.session.query(f"SET max_threads = {REQUEST['threads']}, {settings}")

    def load(self):
        for table, order in REQUEST["tables"]:
            file = f"file('{file_of(table)}', Parquet)"
            if OWN:
                made = f"TABLE star.`{table}` ENGINE = MergeTree ORDER BY ({order}) AS SELECT * FROM {file}"
            else:
                made = f"VIEW star.`{table}` AS SELECT * FROM {file}"
            self.session.query(f"CREATE {made}")

    def query(self, text):
        answer = self.session.query(text, "ArrowStream").bytes()
        return pyarrow.ipc.open_stream(answer).read_all() if answer else pyarrow.table({})

    def rows(self, result):
        return zip(*(column.to_pylist() for column in result.columns))

    def client(self):
        return self.query

    def version(self):
        return next(self.rows(self.query("SELECT version()")))[0]

    def close(self):
        self.session.close()


serve(Engine)
