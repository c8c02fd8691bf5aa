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
                made = f"TABLE star.`{table}` ENGINE = MergeTree ORDER BY ({order}) AS SELECT {self.columns(file)} FROM {file}"
            else:
                made = f"VIEW star.`{table}` AS SELECT * FROM {file}"
            self.session.query(f"CREATE {made}")

    def columns(self, file):
        # Filters and groups are faster so, as its manual loads this benchmark; CUBE of the other star is slower.
        if REQUEST["data"] != "ssb":
            return "*"
        listed = []
        for name, kind, *_ in self.rows(self.query(f"DESCRIBE TABLE {file}")):
            is_coded = kind == "String" and self.distinct(name, file) < 10_000
            listed.append(f"toLowCardinality({name}) AS {name}" if is_coded else name)
        return ", ".join(listed)

    def distinct(self, name, file):
        return next(self.rows(self.query(f"SELECT uniq({name}) FROM {file}")))[0]

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
