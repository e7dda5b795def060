"""Writes the API's schema to a file: `python -m api.openapi docs/openapi.json`.

Clients are built from it. A test compares it, so that it changes only on purpose.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from api.main import create_app
from autosample.jobs.settings import Settings


def schema() -> str:
    """Return the schema as sorted JSON."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(home=Path(folder)))
        document = app.openapi()
    document["info"]["version"] = "1"  # the version of the paths, not of the package
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema(), "utf-8")
