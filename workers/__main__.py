"""`python -m workers`: run one worker."""

from typer import run

from workers.main import worker

run(worker)
