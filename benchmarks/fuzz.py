"""Nonsense for a service of its own: `python -m benchmarks.fuzz [--examples 200]`.

Schemathesis asks every route whatever the schema allows and forbids, alone and in
sequences; then uploads follow, thousands of sound files with bytes changed, cut,
doubled or put in. No answer may be a 5xx or unlike the schema, and nothing may hang.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq

CHECKS = (
    "not_a_server_error",
    "response_schema_conformance",
    "status_code_conformance",
    "content_type_conformance",
)
PORT = 8471
CSV = "user,item\n" + "".join(
    f"{user},{(user * 7 + n * n) % 40}\n" for user in range(30) for n in range(6)
)


def ask_anything(
    url: str, examples: int, phases: str = "coverage,fuzzing,stateful"
) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis against a service, on one seed."""
    command = [
        str(Path(sysconfig.get_path("scripts")) / "st"),
        "run",
        f"{url}/openapi.json",
        f"--max-examples={examples}",
        f"--phases={phases}",
        "--seed=1",
        "--request-timeout=30",
        f"--checks={','.join(CHECKS)}",
        "--exclude-path=/readyz",  # without a worker it is a 503, as it should be
        "--no-color",
    ]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False
        )


def sound_files() -> dict[str, bytes]:
    """Return a file of each format that is read."""
    rows = [line.split(",") for line in CSV.splitlines()[1:]]
    users, items = zip(*rows, strict=True)
    parquet = io.BytesIO()
    pq.write_table(pa.table({"user": users, "item": items}), parquet)
    inter = CSV.replace("user,item", "user_id:token,item_id:token").replace(",", "\t")
    return {
        "a.csv": CSV.encode(),
        "a.csv.gz": gzip.compress(CSV.encode()),
        "a.parquet": parquet.getvalue(),
        "a.inter": inter.encode(),
    }


def mutated(sound: bytes, rng: random.Random) -> bytes:
    """Change, cut, double or put in some bytes."""
    raw = bytearray(sound)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(raw))
        match rng.randrange(4):
            case 0:
                raw[at] = rng.randrange(256)
            case 1:
                del raw[at : at + rng.randint(1, 200)]
            case 2:
                raw[at:at] = raw[at : at + rng.randint(1, 200)]
            case _:
                raw[at:at] = rng.randbytes(rng.randint(1, 20))
        raw = raw or bytearray(b"x")
    return bytes(raw)


def upload(url: str, name: str, sound: bytes, *, seed: int) -> int:
    raw = mutated(sound, random.Random(f"{name}/{seed}"))
    answer = httpx2.post(f"{url}/v1/datasets", files={"file": (name, raw)}, timeout=60)
    return answer.status_code


def uploads(url: str, count: int) -> Counter[int]:
    """Upload so many mutated files, some at a time; returns counts by status."""
    files = list(sound_files().items())
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(
            lambda seed: upload(url, *files[seed % len(files)], seed=seed),
            range(count),
        )
        return Counter(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--uploads", type=int, default=2000)
    arguments = parser.parse_args()
    url = f"http://127.0.0.1:{PORT}"
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {
            "AUTOSAMPLE_HOME": home,
            "AUTOSAMPLE_RATE": "1e6",
            "AUTOSAMPLE_BURST": "1000000",
        }
        command = [sys.executable, "-m", "autosample", "serve", "--no-worker"]
        server = subprocess.Popen([*command, "--port", str(PORT)], env=env)
        try:
            time.sleep(8)
            asked = ask_anything(url, arguments.examples)
            print("\n".join(asked.stdout.splitlines()[-25:]))
            began = time.monotonic()
            found = uploads(url, arguments.uploads)
            took = time.monotonic() - began
            print(f"{arguments.uploads} mutated uploads in {took:.0f} s: {dict(found)}")
        finally:
            server.terminate()
            server.wait()
    sys.exit(asked.returncode or any(status >= 500 for status in found))


if __name__ == "__main__":
    main()
