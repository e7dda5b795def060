"""A worker's own Ray answers to nobody else: not from outside, not without a token."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

UP = """
import os, subprocess, sys, psutil
from autosample.jobs.settings import Settings
from workers.ray_pool import RayPool
import ray

if __name__ == "__main__":
    pool = RayPool(Settings(trials=1, object_store=100 << 20))
    address = ray.get_runtime_context().gcs_address
    code = f"import ray; ray.init(address='{address}', log_to_driver=False)"
    bare = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    wrong = bare | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}
    command, quiet = [sys.executable, "-c", code], subprocess.DEVNULL
    tries = [subprocess.Popen(command, env=env, stdout=quiet, stderr=quiet)
             for env in (bare, wrong, dict(os.environ))]
    for each in tries:
        print("in" if each.wait() == 0 else "out")
    ours = {p.pid for p in psutil.Process().children(recursive=True)} | {os.getpid()}
    print(*sorted({c.laddr.ip for c in psutil.net_connections("tcp")
                   if c.status == psutil.CONN_LISTEN and c.pid in ours}))
    pool.shutdown()
"""


def test_ray_listens_here_alone_and_lets_in_who_has_its_token() -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", UP],
        env=clean, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    *answers, places = done.stdout.splitlines()
    assert answers == ["out", "out", "in"], done.stdout + done.stderr
    local = ("127.", "::1", "::ffff:127.")
    assert all(place.startswith(local) for place in places.split()), places
    assert places
