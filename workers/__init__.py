"""Runs jobs on Ray. Ray stays in here.

Whoever reaches the ports of a Ray runs code as its user, so one of our own has a token.
Ray reads that setting when it is imported, which is why it stands here, before that.
"""

import os
import secrets
import sys

if not {"RAY_AUTH_MODE", "AUTOSAMPLE_RAY_ADDRESS"} & set(os.environ) and (
    "ray" not in sys.modules
):
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
