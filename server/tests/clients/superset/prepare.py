"""Makes Superset's metadata: its tables, the user `admin`, the roles. What the recipe does with three commands, in one process.

Run by the Python of Superset's own environment, with SUPERSET_CONFIG_PATH set:  python prepare.py PASSWORD
"""

import sys

from flask.cli import ScriptInfo
from superset.app import create_app
from superset.cli.main import superset

app = create_app()
admin = ["--username", "admin", "--firstname", "Ada", "--lastname", "Admin", "--email", "admin@example.org"]
for command in [["db", "upgrade"], ["fab", "create-admin", *admin, "--password", sys.argv[1]], ["init"]]:
    superset.main(args=command, standalone_mode=False, obj=ScriptInfo(create_app=lambda: app))
