"""One seed a spec; every use of chance gets a stream of its own, by name.

Streams do not depend on the order in which they are asked for, so a part that draws
more, or is added, changes nothing elsewhere.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np


def derive(seed: int, *names: str) -> int:
    """Return a 63-bit seed for the stream of these names."""
    text = "/".join((str(seed), *names))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(seed: int, *names: str) -> np.random.Generator:
    """Return a NumPy generator for the stream of these names."""
    return np.random.default_rng(derive(seed, *names))
