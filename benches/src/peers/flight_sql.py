"""Pareto through Flight SQL: `pareto serve` on the warehouse, asked by the ADBC client. The warehouse is there already."""

import re
import subprocess

import adbc_driver_flightsql.dbapi as flight_sql


class Engine:
    def __init__(self):
        command = [REQUEST["program"], "serve", "--warehouse", f"{PLACE}-pareto-own", "--threads", str(REQUEST["threads"])]
        command += ["--flight", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        self.server = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.address, told = None, []
        while self.address is None and (line := self.server.stderr.readline()):
            told.append(line)
            found = re.search(r"grpc://[^\s,]+", line)
            self.address = found and found.group(0)
        if self.address is None:
            raise RuntimeError("the server did not start: " + "".join(told))
        self.connections = []
        self.query = self.client()

    def client(self):
        connection = flight_sql.connect(self.address, autocommit=True)
        cursor = connection.cursor()
        self.connections += [cursor, connection]
        # Every answer is computed, never one that was kept.
        cursor.execute("SET pareto.result_cache = off")

        def query(text):
            cursor.execute(text)
            return cursor.fetch_arrow_table()

        return query

    def load(self):
        pass

    def rows(self, result):
        return zip(*(column.to_pylist() for column in result.columns))

    def version(self):
        return subprocess.run([REQUEST["program"], "--version"], capture_output=True, text=True, check=True).stdout.strip()

    def close(self):
        for opened in self.connections:
            opened.close()
        self.server.terminate()
        self.server.wait(30)


serve(Engine)
