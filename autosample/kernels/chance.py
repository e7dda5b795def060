"""Random numbers as a function of a seed and a number, without state.

SplitMix64: Steele, Lea and Flood, OOPSLA 2014, doi:10.1145/2660193.2660195. Without
state, threads and kernels can make any draw in any order.
"""

from __future__ import annotations

import numpy as np

from autosample.kernels.jit import inlined

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_S32, _S11, _S40 = np.uint64(32), np.uint64(11), np.uint64(40)


@inlined
def word(seed: np.uint64, number: np.uint64) -> np.uint64:
    """Return 64 random bits for a seed and the number of a draw."""
    x = seed + number * _STEP
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> _S31)


@inlined
def again(number: np.uint64, tries: int) -> np.uint64:
    """Return the number of a draw's next attempt; draws must be numbered below 2^40."""
    return number + (np.uint64(tries) << _S40)


@inlined
def below(bits: np.uint64, count: int) -> int:
    """Return an integer in 0..count - 1, for count < 2^32.

    Its distribution is uniform up to a relative error of count / 2^32.
    """
    return np.int64(((bits >> _S32) * np.uint64(count)) >> _S32)  # type: ignore[return-value]


@inlined
def unit(bits: np.uint64) -> float:
    """Return a multiple of 2^-53 in [0, 1)."""
    return np.float64(bits >> _S11) * (1.0 / 9007199254740992.0)
