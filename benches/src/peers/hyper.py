"""Hyper: its own tables in a .hyper file, or external tables on the Parquet files. A server in a process of its own."""

from tableauhyperapi import Connection, CreateMode, HyperProcess, Telemetry


class Engine:
    def __init__(self):
        threads = str(REQUEST["threads"])
        limits = {f"{kind}_concurrent_query_thread_limit": threads for kind in ("soft", "hard")}
        self.process = HyperProcess(Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters={"log_config": "", **limits})
        self.connections = []
        self.connection = self.connect()

    def connect(self):
        path = f"{PLACE}-hyper.hyper" if OWN else None
        mode = CreateMode.CREATE_IF_NOT_EXISTS if OWN else CreateMode.NONE
        connection = Connection(self.process.endpoint, path, mode)
        self.connections.append(connection)
        if not OWN:
            for table, _ in REQUEST["tables"]:
                connection.execute_command(f"CREATE TEMPORARY EXTERNAL TABLE \"{table}\" FOR '{file_of(table)}'")
        return connection

    def load(self):
        if OWN:
            for table, order in REQUEST["tables"]:
                made = f"SELECT * FROM external('{file_of(table)}') ORDER BY {order}"
                self.connection.execute_command(f'CREATE TABLE "{table}" AS ({made})')

    def query(self, text):
        return self.connection.execute_list_query(text)

    def rows(self, result):
        return result

    def client(self):
        return self.connect().execute_list_query

    def version(self):
        return self.connection.execute_scalar_query("SELECT version()")

    def close(self):
        for connection in self.connections:
            connection.close()
        self.process.close()


serve(Engine)
