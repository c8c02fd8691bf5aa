"""How the plans of this folder are kept: a list of a name, the SQL that asks the same, and the plan in base64."""

import base64
import json
import pathlib
import re

HERE = pathlib.Path(__file__).parent


def statements(name):
    """The statements of a file, each with the comment before it."""
    text = (HERE / name).read_text()
    return [(comment, sql) for comment, sql in re.findall(r"(?:-- ([^\n]*)\n)?([^;\n][^;]*);", text)]


def written(name, entries):
    lines = ",\n".join(json.dumps(entry) for entry in entries)
    (HERE / name).write_text(f"[\n{lines}\n]\n")


def entry(name, sql, plan):
    return {"name": name, "sql": sql, "plan": base64.b64encode(plan).decode()}


def read(name):
    """The plans of a file: name, SQL, bytes."""
    for kept in json.loads((HERE / name).read_text()):
        yield kept["name"], kept["sql"], base64.b64decode(kept["plan"])
