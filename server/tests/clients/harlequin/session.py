"""A session with harlequin as a person has it: opens the tree, types statements, reads results and errors. Prints what it
saw as JSON.

Run by the Python of harlequin's own environment:  python session.py grpc://127.0.0.1:31337 STATEMENT..
"""

import asyncio
import json
import sys

from harlequin.app import Harlequin
from harlequin.components import CodeEditor, DataCatalog, ErrorModal
from harlequin.components.results_viewer import ResultsTable
from harlequin_adbc.adapter import HarlequinAdbcAdapter

WAIT_SECONDS = 60


async def wait(pilot, look):
    """Gives the screen time until `look` returns something."""
    for _ in range(WAIT_SECONDS * 10):
        if (seen := look()) is not None:
            return seen
        await pilot.pause(0.1)
    raise TimeoutError(look.__name__)


async def unfold(pilot, node, *path):
    """Opens the nodes of the tree along a path; the labels below the last one."""
    for name in path:
        [node] = [child for child in node.children if child.data.label == name]
        node.expand()
        await pilot.pause(0.3)
    return [[child.data.label, child.data.type_label] for child in node.children]


async def run(pilot, statement):
    """Types a statement into the editor, presses the key that runs it; the results or the error on the screen."""
    app = pilot.app
    before = set(app.query(ResultsTable))
    editor = app.query_one(CodeEditor)
    editor.focus()
    editor.text = statement
    await pilot.pause(0.2)
    await pilot.press("ctrl+j")
    await wait(pilot, lambda: isinstance(app.screen, ErrorModal) or set(app.query(ResultsTable)) - before or None)
    if isinstance(app.screen, ErrorModal):
        error = str(app.screen.error)
        await pilot.press("escape")
        return {"error": error}
    [table] = set(app.query(ResultsTable)) - before
    return {
        "header": [str(column.label) for column in table.ordered_columns],
        "rows": [[str(cell) for cell in table.get_row_at(row)] for row in range(table.row_count)],
    }


async def session(address, statements):
    app = Harlequin(HarlequinAdbcAdapter([address], driver_type="flightsql"), record_history=False)
    async with app.run_test(size=(140, 50)) as pilot:
        tree = app.query_one(DataCatalog).database_tree
        await wait(pilot, lambda: tree.root.children or None)
        return {
            "schemas": await unfold(pilot, tree.root, "pareto"),
            "relations": await unfold(pilot, tree.root, "pareto", "public"),
            "columns": await unfold(pilot, tree.root, "pareto", "public", "sale"),
            "answers": [await run(pilot, statement) for statement in statements],
        }


print(json.dumps(asyncio.run(session(sys.argv[1], sys.argv[2:]))))
