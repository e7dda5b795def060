"""A worker's own Ray answers to nobody without its token."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

UP = """
import os, subprocess, sys, ray
from autosample.jobs.settings import Settings
from workers.trials import RayPool

if __name__ == "__main__":
    pool = RayPool(Settings(trials=1, object_store=100 << 20))
    address = ray.get_runtime_context().gcs_address
    code = f"import ray; ray.init(address='{address}', log_to_driver=False)"
    bare = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    wrong = bare | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
    for env in (bare, wrong, dict(os.environ)):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=env, capture_output=True)
        print("in" if done.returncode == 0 else "out")
    pool.shutdown()
"""


def test_ray_lets_in_who_has_its_token_and_nobody_else() -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", UP],
        env=clean, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["out", "out", "in"], done.stdout + done.stderr
