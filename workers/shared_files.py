"""Checks at start that every node of a cluster sees the service's files.

A node without them would train for hours, and its checkpoints would be lost.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import fsspec
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from autosample.errors import SpecError
from autosample.jobs.files import Files

SECONDS = 60.0
"""Within which each node must have answered; it first starts a process."""


def check_shared(files: Files) -> None:
    """Raise SpecError naming the nodes of the connected Ray that do not see the files,
    or do not answer."""
    mark = f"{files.root}/.probe-{uuid4().hex}"
    files.system.makedirs(files.root, exist_ok=True)
    files.system.pipe_file(mark, b"")
    try:
        blind = _blind_nodes(files.url, mark.rpartition("/")[2])
    finally:
        files.system.rm(mark)
    if blind:
        raise SpecError(
            f"{len(blind)} nodes of the cluster do not see {files.url}"
            f" ({', '.join(blind)}): mount the same folder at the same path on every"
            " node, or set AUTOSAMPLE_ARTIFACTS to a store that all reach"
        )


def _blind_nodes(url: str, name: str) -> list[str]:
    look: Any = ray.remote(_sees).options
    asked: dict[Any, str] = {}
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            options = {"num_cpus": 0, "scheduling_strategy": there, "max_retries": 0}
            ref = look(**options).remote(url, name)
            asked[ref] = node["NodeManagerHostname"]
    ready, late = ray.wait([*asked], num_returns=len(asked), timeout=SECONDS)
    return [asked[ref] for ref in late] + [
        asked[ref] for ref in ready if not _is_seen(ref)
    ]


def _is_seen(ref: Any) -> bool:
    try:
        return bool(ray.get(ref))
    except ray.exceptions.RayError:
        return False


def _sees(url: str, name: str) -> bool:
    system, root = fsspec.core.url_to_fs(url)
    return bool(system.exists(f"{root}/{name}"))
