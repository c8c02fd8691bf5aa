"""Blocks of a warehouse in S3 on a local disk: what the flags accept, that the next process finds what one read, and that no
answer depends on what lies there."""

import re

from s3 import S3Server
from warehouse import rows, run

LOAD = "CREATE TABLE t AS SELECT value AS n, value % 3 AS kind FROM generate_series(1, 50000)"
QUESTION = "SELECT kind, count(*), sum(n) FROM t GROUP BY kind ORDER BY kind"
ANSWER = [[str(kind), str(len(numbers)), str(sum(numbers))]
          for kind, numbers in ((kind, [n for n in range(1, 50001) if n % 3 == kind]) for kind in range(3))]


USES = "SELECT hits, misses FROM system.caches WHERE cache_name = 'blocks'"


def test_the_next_process_finds_what_one_read(tmp_path):
    with S3Server("warehouse") as server:
        warehouse = server.url + "/w"
        kept = {**server.environment, "PARETO_BLOCK_CACHE_DIR": str(tmp_path / "blocks")}
        run(warehouse, LOAD, environment=server.environment)
        uses = [rows(warehouse, f"{QUESTION}; {USES}", kept)[-1] for _ in range(2)]
        (_, fetched), (found, fetched_again) = [[int(count) for count in counts] for counts in uses]
        assert fetched > 0 and found > 0 and fetched_again == 0, uses
        plan = run(warehouse, f"EXPLAIN ANALYZE {QUESTION}", environment=kept).stdout
        assert re.search(r"DataSourceExec.*kept_blocks=[1-9]", plan) and "fetched_blocks" not in plan, plan


def test_files_that_are_damaged_cost_no_answer(tmp_path):
    with S3Server("warehouse") as server:
        warehouse = server.url + "/w"
        kept = {**server.environment, "PARETO_BLOCK_CACHE_DIR": str(tmp_path / "blocks")}
        run(warehouse, LOAD, environment=server.environment)
        assert rows(warehouse, QUESTION, kept) == ANSWER
        damaged = [file for file in (tmp_path / "blocks").rglob("*") if file.is_file() and file.stat().st_size > 0]
        assert damaged
        for file in damaged:
            with open(file, "r+b") as bytes_of_file:
                bytes_of_file.write(b"garbage " * 100_000)
        assert rows(warehouse, QUESTION, kept) == ANSWER


def test_a_folder_that_cannot_be_used_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for environment, message in [
        ({"PARETO_BLOCK_CACHE_DIR": str(tmp_path / "file")}, "cannot keep blocks in"),
        ({"PARETO_BLOCK_CACHE_DIR": str(tmp_path / "blocks"), "PARETO_BLOCK_CACHE_LIMIT": "1MB"}, "is too small"),
    ]:
        done = run(tmp_path / "warehouse", "SELECT 1", environment=environment, check=False)
        assert done.returncode != 0 and message in done.stderr and "hint: give" in done.stderr, done.stderr
