"""`python -m workers`: one worker."""

from typer import run

from workers.main import worker

run(worker)
