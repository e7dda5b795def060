"""Random words by their number (SplitMix64: Steele, Lea and Flood, OOPSLA 2014,
doi:10.1145/2660193.2660195): no state, so any draw can be made anywhere.
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
    """Return the random word of a number: 64 bits."""
    x = seed + number * _STEP
    x = (x ^ (x >> _S30)) * _FIRST
    x = (x ^ (x >> _S27)) * _SECOND
    return x ^ (x >> _S31)


@inlined
def again(number: np.uint64, tries: int) -> np.uint64:
    """Return the number of a draw's next try; draws are numbered below 2^40."""
    return number + (np.uint64(tries) << _S40)


@inlined
def below(bits: np.uint64, count: int) -> int:
    """Return a number in 0..count - 1 for count < 2^32; off by count / 2^32 at most."""
    return np.int64(((bits >> _S32) * np.uint64(count)) >> _S32)  # type: ignore[return-value]


@inlined
def unit(bits: np.uint64) -> float:
    """Return a number in [0, 1), one of 2^53."""
    return np.float64(bits >> _S11) * (1.0 / 9007199254740992.0)
