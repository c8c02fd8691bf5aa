"""A warehouse in a temporary directory and the `pareto sql` command on it, for tests that need several processes."""

import csv
import io
import os
import subprocess

PARETO = os.environ["PARETO_BIN"]


def command(warehouse, *statements):
    """The command line that runs these statements in order."""
    arguments = [PARETO, "sql", "--warehouse", str(warehouse), "--format", "csv"]
    for statement in statements:
        arguments += ["-c", statement]
    return arguments


def run(warehouse, *statements, environment=None, check=True):
    """Runs statements; returns the finished process."""
    done = subprocess.run(command(warehouse, *statements), capture_output=True, text=True, timeout=300,
                          env={**os.environ, **(environment or {})})
    if check:
        assert done.returncode == 0, done.stderr
    return done


def rows(warehouse, query, environment=None):
    """The rows of a query as lists of texts, without the header."""
    done = run(warehouse, query, environment=environment)
    return list(csv.reader(io.StringIO(done.stdout)))[1:]


def value(warehouse, query, environment=None):
    """The only value of a query."""
    [[only]] = rows(warehouse, query, environment)
    return only
