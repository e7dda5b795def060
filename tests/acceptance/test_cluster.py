"""Trials on a Ray cluster of two nodes: the same answer, and a node may die."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.errors import SpecError
from autosample.jobs.files import Files
from autosample.jobs.settings import Settings
from autosample.losses import BPR
from autosample.models import MF
from autosample.samplers import DNS
from autosample.training import Epoch
from autosample.trials import Request, Trial
from autosample.trials.checkpoints import FolderCheckpoints
from autosample.trials.run import InProcessRunner
from tests.fakes import same
from workers.ray_pool import RayPool
from workers.ray_runner import RayRunner
from workers.shared_files import check_shared

pytestmark = pytest.mark.slow

SPLIT = RandomSplit().apply(Synthetic(users=300, items=200).build().dataset, seed=0)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes of one processor each, on this machine."""
    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    made: Any = Cluster(
        initialize_head=True,
        head_node_args=small | {"include_dashboard": False},
        shutdown_at_exit=True,
    )
    made.add_node(**small)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


def requests(epochs: int) -> list[Request]:
    return [
        Request(
            Trial.model_validate(
                {
                    "name": f"dns {pool}",
                    "model": MF(width=16, cosine=False),
                    "loss": BPR(),
                    "candidates": (DNS(pool=pool),),
                    "training": {"epochs": epochs, "learning_rate": 0.05, "l2": 0.01},
                    "metric": "ndcg@10",
                    "stop_early": False,
                }
            )
        )
        for pool in (2, 4, 8, 16)
    ]


def test_two_nodes_give_the_same_answer_though_one_dies(
    cluster: Any, tmp_path: Path
) -> None:
    """All trials end as they would in one process, to the last bit; those of the node
    that is killed in their midst start again elsewhere, or from their checkpoint."""
    alone = InProcessRunner(SPLIT).run(requests(120), lambda *_: None)
    pool = RayPool(Settings(home=tmp_path, ray_address=cluster.address, trials=2))
    checkpoints = FolderCheckpoints((tmp_path / "kept").as_uri())
    runner = RayRunner(pool, SPLIT, checkpoints, lambda: None)
    nodes = {node["NodeID"] for node in ray.nodes() if node["Alive"]}  # type: ignore[no-untyped-call]
    assert len(nodes) == 2
    check_shared(Files((tmp_path / "files").as_uri()))
    # A store in memory is one that no other process sees.
    with pytest.raises(SpecError, match="2 nodes of the cluster do not see memory:"):
        check_shared(Files("memory://files"))
    killed: list[float] = []

    def kill(_: Trial, epoch: Epoch) -> None:
        if epoch.number > 20 and not killed:
            killed.append(time.monotonic())
            cluster.remove_node(cluster.list_all_nodes()[1], allow_graceful=False)

    found = runner.run(requests(120), kill)
    assert killed
    assert all(map(same, found, alone))
    pool.shutdown()
