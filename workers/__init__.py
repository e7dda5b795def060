"""Runs jobs on Ray. Ray stays in here.

Whoever reaches the ports of a Ray runs code as its user, so one of our own has a token,
and listens on this machine's loopback alone. Ray reads both settings when it is
imported, which is why they stand here, before that.
"""

import os
import secrets
import sys

OURS = "AUTOSAMPLE_RAY_ADDRESS" not in os.environ and "ray" not in sys.modules

if OURS:
    # Named for other systems, where it has this value; it holds on Linux as well.
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # What Ray's processes write beside what they print: 5 files of 16 MiB each.
    os.environ.setdefault("RAY_ROTATION_MAX_BYTES", str(16 << 20))
if OURS and "RAY_AUTH_MODE" not in os.environ:
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
