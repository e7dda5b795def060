"""`python -m workers`: run one worker."""

import sys

from typer import run

from autosample.errors import AutoSampleError
from workers.main import worker

try:
    run(worker)
except AutoSampleError as error:
    sys.exit(f"autosample: {error}")
