"""What is logged elsewhere is what happened."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tensorboardX.proto.event_pb2 import Event

import autosample
from autosample.core.progress import Listener
from autosample.data.synthetic import Synthetic
from autosample.errors import SpecError
from autosample.experiment.report import Report as SearchReport
from autosample.views.trackers import (
    both,
    mlflow,
    tensorboard,
    tracker,
)

DATA = Synthetic(users=80, items=60, pairs_per_user=10).build().dataset


def searched(tell: Listener, **fields: Any) -> SearchReport:
    candidates = [{"kind": "uniform"}, {"kind": "dns", "pool": 4}]
    spec: dict[str, Any] = {"candidates": candidates, "training": {"epochs": 6}}
    return autosample.search(DATA, tell=tell, **spec | fields).report


def expected(report: SearchReport) -> dict[str, list[float]]:
    return {f"search/{each.name}": list(each.metric) for each in report.curves}


def test_each_training_is_a_curve() -> None:
    logged: dict[str, list[float]] = {}
    report = searched(tracker(lambda n, v, _: logged.setdefault(n, []).append(v)))
    assert {n: v for n, v in logged.items() if n != "training"} == expected(report)
    assert logged["training"]


def test_weights_of_a_mixture_are_logged() -> None:
    names = set()
    log = tracker(lambda name, *_: names.add(name))
    searched(log, strategy={"kind": "mixture", "epochs": 3})
    assert {"weight/uniform", "weight/dns(pool=4)"} <= names


def test_tensorboard_reads_it(tmp_path: Path) -> None:
    report = searched(tensorboard(tmp_path))
    [path] = tmp_path.iterdir()
    raw, at, found = path.read_bytes(), 0, dict[str, list[float]]()
    while at < len(raw):  # TFRecord: length, its check, the record, its check
        (size,) = struct.unpack_from("<Q", raw, at)
        event = Event.FromString(raw[at + 12 : at + 12 + size])
        at += 16 + size
        for value in event.summary.value:
            found.setdefault(value.tag, []).append(value.simple_value)
    wanted = expected(report)
    assert [len(v) for k, v in sorted(found.items()) if k.startswith("search")] == [
        len(v) for _, v in sorted(wanted.items())
    ]
    assert found["search/uniform"] == pytest.approx(wanted["search/uniform"], abs=1e-6)


def test_mlflow_gets_names_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a module that stands in for it: it is a hundred packages."""
    fake, logged = ModuleType("mlflow"), list[tuple[str, int]]()
    fake.log_metric = lambda name, _, step: logged.append((name, step))  # type: ignore[attr-defined]
    fake.set_experiment = lambda name: logged.append((name, -1))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    searched(mlflow("trial"))
    assert logged[0] == ("trial", -1)
    assert ("search/dns_pool_4_", 1) in logged


@pytest.mark.parametrize(
    ("make", "name"), [(mlflow, "mlflow"), (lambda: tensorboard("x"), "tensorboardX")]
)
def test_what_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, make: object, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SpecError, match=f"pip install {name}"):
        make()  # type: ignore[operator]


def test_two_may_listen() -> None:
    heard: list[str] = []
    tell = both(lambda _: heard.append("a"), lambda _: heard.append("b"))
    searched(tell)
    assert heard[:2] == ["a", "b"]
    assert heard.count("a") == heard.count("b")
