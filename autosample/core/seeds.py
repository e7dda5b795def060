"""One seed per spec; every use of chance gets a stream of its own, by name.

Streams do not depend on the order in which they are asked for, so a part that draws
more, or is added, changes nothing elsewhere.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import torch


def derive(seed: int, *names: str) -> int:
    """Return a 63-bit seed for the stream of these names."""
    text = "/".join((str(seed), *names))
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") >> 1


def next_seed(rng: torch.Generator) -> int:
    """Return a seed of 62 bits from a generator, which goes on.

    A GPU's generator keeps its state on the host: the seed is a digest of that, and
    nothing waits for the device.
    """
    if rng.device.type == "cpu":
        return int(torch.randint(2**62, (1,), generator=rng))
    digest = sha256(rng.get_state().numpy().tobytes()).digest()
    torch.rand(1, generator=rng, device=rng.device)
    return int.from_bytes(digest[:8], "big") >> 2


def seeded(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator of that seed, on a device."""
    return torch.Generator(device).manual_seed(seed)


def numpy_generator(seed: int, *names: str) -> np.random.Generator:
    """Return a NumPy generator for the stream of these names."""
    return np.random.default_rng(derive(seed, *names))
