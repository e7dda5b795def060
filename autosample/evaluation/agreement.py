"""How well two orders of the same candidates agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import sqrt


def kendall(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Return Kendall's tau-b (Biometrika, 1945, doi:10.1093/biomet/33.3.239), from -1
    to 1; None where all values of one side are equal."""
    agree = untied_ours = untied_theirs = 0
    for (a, b), (c, d) in combinations(zip(ours, theirs, strict=True), 2):
        our_sign, their_sign = _sign(a - c), _sign(b - d)
        agree += our_sign * their_sign
        untied_ours += abs(our_sign)
        untied_theirs += abs(their_sign)
    if not untied_ours or not untied_theirs:
        return None
    return agree / sqrt(untied_ours * untied_theirs)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
