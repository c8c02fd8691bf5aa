"""Many processes append to one table: every row is there once, on local disk and on a real S3 server."""

import os
import subprocess

from s3 import S3Server
from warehouse import PARETO, rows, run, value


def append_from_many(warehouse, processes, commits, folder, environment):
    run(warehouse, "CREATE TABLE log (writer INT, number INT)", environment=environment)
    running = []
    for writer in range(processes):
        script = folder / f"writer{writer}.sql"
        script.write_text("".join(f"INSERT INTO log VALUES ({writer}, {number});\n" for number in range(commits)))
        running.append(subprocess.Popen([PARETO, "sql", "--warehouse", str(warehouse), "-f", str(script)],
                                        stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}))
    for process in running:
        _, errors = process.communicate(timeout=1200)
        assert process.returncode == 0, errors
    counted = rows(warehouse, "SELECT count(*), count(DISTINCT writer * 100000 + number) FROM log", environment)
    assert counted == [[str(processes * commits)] * 2]
    # The creation is version 0, every append one more.
    newest = value(warehouse, "SELECT max(version) FROM system.tables WHERE table_name = 'log'", environment)
    assert newest == str(processes * commits)


def test_eight_processes_append_200_commits_each_on_local_disk(tmp_path):
    append_from_many(tmp_path / "warehouse", 8, 200, tmp_path, {})


def test_four_processes_append_25_commits_each_on_s3(tmp_path):
    with S3Server("warehouse") as server:
        append_from_many(server.url + "/w", 4, 25, tmp_path, server.environment)


def test_updates_of_the_same_rows_conflict_or_follow_one_another(tmp_path):
    warehouse = tmp_path / "warehouse"
    run(warehouse, "CREATE TABLE counter (id INT, n INT)", "INSERT INTO counter VALUES (1, 0)")
    writers = [subprocess.Popen([PARETO, "sql", "--warehouse", str(warehouse)] + ["-c", "UPDATE counter SET n = n + 1 WHERE id = 1"] * 10,
                                stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for writer in writers:
        _, errors = writer.communicate(timeout=300)
        assert writer.returncode == 0, errors
    assert value(warehouse, "SELECT n FROM counter") == "30"


def test_processes_that_insert_at_once_give_every_row_a_surrogate_key_of_its_own(tmp_path):
    warehouse = tmp_path / "warehouse"
    run(warehouse, "CREATE TABLE customer (name VARCHAR) WITH (surrogate_key = 'customer_key')")
    insert = ["-c", "INSERT INTO customer (name) VALUES ('a'), ('b'), ('c')"] * 10
    writers = [subprocess.Popen([PARETO, "sql", "--warehouse", str(warehouse)] + insert, stderr=subprocess.PIPE, text=True)
               for _ in range(4)]
    for writer in writers:
        _, errors = writer.communicate(timeout=300)
        assert writer.returncode == 0, errors
    keys = "count(*), count(DISTINCT customer_key), min(customer_key), max(customer_key)"
    assert rows(warehouse, f"SELECT {keys} FROM customer") == [["120", "120", "1", "120"]]


def test_two_optimize_at_once_do_not_double_rows(tmp_path):
    warehouse = tmp_path / "warehouse"
    run(warehouse, "CREATE TABLE t (a INT)", *[f"INSERT INTO t VALUES ({n})" for n in range(20)])
    both = [subprocess.Popen([PARETO, "sql", "--warehouse", str(warehouse), "-c", "OPTIMIZE t"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [process.communicate(timeout=300)[1] for process in both]
    for process, errors in zip(both, ended):
        assert process.returncode == 0 or "changed while the statement ran" in errors, errors
    assert any(process.returncode == 0 for process in both)
    assert rows(warehouse, "SELECT count(*), count(DISTINCT a) FROM t") == [["20", "20"]]
