"""Notices within seconds that Ray is lost.

Ray itself waits a minute or more for a head or a node that has gone, and a job would
stand still meanwhile behind a heartbeat that goes on.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Sequence

import ray

from autosample.errors import SearchFailed

_log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two looks."""
ANSWER = 2.0
"""Seconds that a process of Ray has to accept a connection."""
FAILURES = 2
"""Looks in a row that must fail: a busy process may be late once."""

Address = tuple[str, int]


class RayLost(SearchFailed):
    """The Ray that ran the trials has gone, which the search did not cause."""


class RayWatch:
    """A thread that connects to the processes that a driver cannot do without: the
    head's store, and the raylet of this node."""

    def __init__(
        self, addresses: Sequence[Address], on_lost: Callable[[], None] | None = None
    ) -> None:
        self.addresses, self.on_lost = addresses, on_lost
        self._lost, self._over = threading.Event(), threading.Event()
        self._failures = 0
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def is_lost(self) -> bool:
        """Whether Ray was lost."""
        return self._lost.is_set()

    def check(self, *, now: bool = False) -> None:
        """Raise RayLost if Ray was lost; `now` looks first, which takes `ANSWER`
        seconds at most for each address, and none where the process has ended."""
        if self.is_lost or (now and not self._is_there()):
            raise RayLost(
                "Ray, which ran the trials, has ended or cannot be reached; what was"
                " finished is kept, so run the search again"
            )

    def _is_there(self) -> bool:
        return all(_accepts(address) for address in self.addresses)

    def stop(self) -> None:
        """Let the thread end."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            self._failures = 0 if self._is_there() else self._failures + 1
            if self._failures >= FAILURES and not self._over.is_set():
                _log.error("Ray is lost: %s", _listed(self.addresses))
                self._lost.set()
                if self.on_lost is not None:
                    self.on_lost()
                return


def addresses_of_ray() -> list[Address]:
    """Return where the head and this node's raylet listen; the driver is connected."""
    context = ray.get_runtime_context()
    host, _, port = context.gcs_address.rpartition(":")
    found = [(host.strip("[]"), int(port))]
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["NodeID"] == context.get_node_id():
            found.append((node["NodeManagerAddress"], node["NodeManagerPort"]))
    return found


def _accepts(address: Address) -> bool:
    try:
        with socket.create_connection(address, ANSWER):
            return True
    except OSError:
        return False


def _listed(addresses: Sequence[Address]) -> str:
    places = ", ".join(f"{host}:{port}" for host, port in addresses)
    return f"one of {places} does not answer"
