"""Runs jobs on Ray; no other package imports Ray.

Whoever reaches the ports of a Ray can run code as its user. So a Ray that we start
requires a token and listens on loopback only. Ray reads both settings when it is
imported, so they are made here, before any module of this package imports it.
"""

import os
import secrets
import sys

OURS = "AUTOSAMPLE_RAY_ADDRESS" not in os.environ and "ray" not in sys.modules

if OURS:
    # Listen on loopback only: named for other systems, it works on Linux as well.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # Ray's processes log to 5 files each, which are of 16 MiB at most with this.
    os.environ.setdefault("RAY_ROTATION_MAX_BYTES", str(16 << 20))
if OURS and "RAY_AUTH_MODE" not in os.environ:
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
