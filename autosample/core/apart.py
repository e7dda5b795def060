"""Work on what strangers send, in a process of its own within limits.

A file of a few hundred bytes can ask for gigabytes, and a parser may crash. Each of
these ends only the child process, and the parent says why.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from autosample.errors import AutoSampleError, DataError, SpecError

TOO_MUCH, BAD, UNFORESEEN = 4, 3, 5
"""Exit codes of a child: it needs too much memory, what it was given breaks a rule, or
it met something that it was not written for."""
KINDS: Mapping[str, type[AutoSampleError]] = {
    "DataError": DataError,
    "SpecError": SpecError,
}
"""Errors that a child's answer may name."""

_log = logging.getLogger(__name__)


class Limits(NamedTuple):
    """What a child process may use."""

    memory: int
    """Bytes of address space."""
    seconds: float
    """Seconds until it is killed."""


def run_apart(
    module: str, request: Mapping[str, Any], limits: Limits, what: str
) -> str:
    """Run a module as a child process, and return its answer to a request.

    `what` says what it does, as in "reading the file". Raises DataError or SpecError
    with the child's own words, and DataError where a limit was met or it crashed.
    """
    command = [sys.executable, "-P", "-m", module]
    try:
        done = subprocess.run(
            command,
            input=json.dumps({**request, "memory": limits.memory}),
            capture_output=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONUTF8": "1"},
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataError(
            f"{what} took more than {limits.seconds:g} s; give a smaller file, or"
            " Parquet, which is read faster"
        ) from None
    if done.returncode == 0:
        return done.stdout
    if done.stderr:
        _log.error("%s failed:\n%s", what, done.stderr[-4000:])
    if done.returncode in (BAD, UNFORESEEN):
        problem = json.loads(done.stdout)
        raise KINDS.get(problem["kind"], DataError)(problem["error"])
    raise DataError(_ended(what, done.returncode, limits.memory))


def _ended(what: str, code: int, memory: int) -> str:
    """Say why a child ended without an answer."""
    limit = f"{memory >> 20} MiB"
    if code == TOO_MUCH:
        return f"{what} needs more than {limit}; give a smaller file"
    return (
        f"{what} ended with signal {-code}: the file is damaged, or needs more than"
        f" {limit}"
    )


def answer_request(answer: Callable[[Mapping[str, Any]], str]) -> int:
    """Answer the request on standard input, as a child process; returns its exit code.

    Its words are read by the parent, and its traceback goes to the log.
    """
    request = json.loads(sys.stdin.read())
    limit = request["memory"]
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        sys.stdout.write(answer(request))
    except MemoryError:  # Arrow's is one, too
        return TOO_MUCH
    except AutoSampleError as error:
        problem = {"kind": type(error).__name__, "error": str(error)}
        sys.stdout.write(json.dumps(problem))
        return BAD
    except Exception as error:  # the boundary of the child
        traceback.print_exc()
        words = str(error).partition("\n")[0][:200]
        told = f"the file cannot be read ({type(error).__name__}: {words})"
        sys.stdout.write(json.dumps({"kind": "DataError", "error": told}))
        return UNFORESEEN
    return 0
