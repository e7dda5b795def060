"""The end of a process of Ray is noticed by its port."""

from __future__ import annotations

import socket
import threading

import pytest

from workers import ray_watch
from workers.ray_watch import RayLost, RayWatch


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_watch, "LOOK", 0.02)


def test_a_port_that_closes_is_told_once_and_one_that_answers_is_not() -> None:
    told = threading.Semaphore(0)
    with socket.create_server(("127.0.0.1", 0)) as head:
        with socket.create_server(("127.0.0.1", 0)) as node:
            places = [each.getsockname() for each in (head, node)]
            watch = RayWatch(places, told.release)
            assert not told.acquire(timeout=0.3)
            watch.check(now=True)
        assert told.acquire(timeout=10)
        assert watch.is_lost
        with pytest.raises(RayLost, match="run the search again"):
            watch.check()
        assert not told.acquire(timeout=0.2)


def test_a_look_now_does_not_wait_for_the_thread() -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        watch = RayWatch([head.getsockname()])
        watch.stop()
    with pytest.raises(RayLost):
        watch.check(now=True)
    assert not watch.is_lost
