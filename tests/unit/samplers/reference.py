"""Laws of samplers, worked out by hand: a second implementation in plain Python.

It enumerates every pool there could be, so it is slow, exact, and shares nothing with
the library. Run as a module it writes `docs/golden.json`, against which anybody can
check a port of a sampler to their own code.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import product
from math import exp
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[3] / "docs" / "golden.json"

USERS = [[1.0, 0.0], [0.5, 0.5], [-1.0, 2.0]]
ITEMS = [
    [0.9, 0.1], [0.2, 0.7], [-0.4, 0.3], [1.5, -0.2], [0.0, -1.0], [0.6, 0.45],
    [-0.8, 0.9],
]  # fmt: skip
PAIRS = [(0, 0), (0, 3), (1, 0), (1, 5), (2, 6), (2, 0), (2, 1)]

Law = dict[int, float]
"""How likely each item is."""


def score(user: int, item: int) -> float:
    return sum(u * i for u, i in zip(USERS[user], ITEMS[item], strict=True))


def unobserved(user: int) -> list[int]:
    return [i for i in range(len(ITEMS)) if (user, i) not in PAIRS]


def popularity(item: int) -> int:
    return sum(1 for _, other in PAIRS if other == item)


def uniform(user: int) -> Law:
    free = unobserved(user)
    return {item: 1 / len(free) for item in free}


def by_popularity(user: int, alpha: float) -> Law:
    weights = {item: popularity(item) ** alpha for item in unobserved(user)}
    return {item: weight / sum(weights.values()) for item, weight in weights.items()}


def pooled(
    user: int, size: int, choose: Callable[[Sequence[float]], Sequence[float]]
) -> Law:
    """Average a choice over all pools of independent uniform draws.

    `choose` gets the scores of a pool, and returns how likely it takes each slot.
    """
    free = unobserved(user)
    law = dict.fromkeys(free, 0.0)
    for pool in product(free, repeat=size):
        for item, chance in zip(
            pool, choose([score(user, item) for item in pool]), strict=True
        ):
            law[item] += chance / len(free) ** size
    return law


def top(count: int) -> Callable[[Sequence[float]], Sequence[float]]:
    """Take any of the best few alike."""

    def choose(scores: Sequence[float]) -> Sequence[float]:
        best = sorted(range(len(scores)), key=lambda at: -scores[at])[:count]
        return [1 / count if at in best else 0.0 for at in range(len(scores))]

    return choose


def softmax(tau: float) -> Callable[[Sequence[float]], Sequence[float]]:
    def choose(scores: Sequence[float]) -> Sequence[float]:
        weights = [exp(each / tau) for each in scores]
        return [weight / sum(weights) for weight in weights]

    return choose


def mixed(user: int, laws: Sequence[tuple[float, Law]]) -> Law:
    return {
        item: sum(share * law[item] for share, law in laws) for item in unobserved(user)
    }


CASES: list[tuple[dict[str, Any], Callable[[int], Law]]] = [
    ({"kind": "uniform"}, uniform),
    (
        {"kind": "popularity", "alpha": 0.75},
        lambda user: by_popularity(user, 0.75),
    ),
    ({"kind": "dns", "pool": 4}, lambda user: pooled(user, 4, top(1))),
    ({"kind": "dns_mn", "pool": 5, "top": 2}, lambda user: pooled(user, 5, top(2))),
    ({"kind": "softmax", "pool": 4}, lambda user: pooled(user, 4, softmax(1.0))),
    (
        {
            "kind": "mixture",
            "samplers": [{"kind": "uniform"}, {"kind": "dns", "pool": 3}],
            "weights": [1, 3],
        },
        lambda user: mixed(
            user, [(0.25, uniform(user)), (0.75, pooled(user, 3, top(1)))]
        ),
    ),
]


def golden() -> str:
    """Return inputs and laws as JSON, to nine places."""
    told = {
        "about": "The law of a sampler's negatives for each user, exact; scores are"
        " inner products of rows; no observed pair is ever drawn.",
        "user_rows": USERS,
        "item_rows": ITEMS,
        "observed_pairs": PAIRS,
        "laws": [
            {
                "sampler": sampler,
                "by_user": [
                    [round(law(user).get(item, 0.0), 9) for item in range(len(ITEMS))]
                    for user in range(len(USERS))
                ],
            }
            for sampler, law in CASES
        ],
    }
    return json.dumps(told, indent=1) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(golden())
