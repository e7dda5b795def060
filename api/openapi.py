"""The API's schema as a file: `python -m api.openapi docs/openapi.json`.

Clients are built from it; a test compares, so that it changes on purpose alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from api.main import create_app
from autosample.jobs.settings import Settings


def schema() -> str:
    """Return the schema, sorted, as text."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(home=Path(folder)))
        told = app.openapi()
    told["info"]["version"] = "1"  # of the paths, not of the package
    return json.dumps(told, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema())
