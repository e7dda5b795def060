"""How kernels are compiled, and where the compiled code is cached.

numba recompiles a kernel when its own file changes, but not when a kernel that it calls
does. Here the cache folder is named by a digest of all kernels' sources, so that no
compiled kernel is stale. The folder lies in the user's cache, which is writable even
where the package is not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba
import torch
from platformdirs import user_cache_path
from torch import Tensor

P = ParamSpec("P")
T = TypeVar("T")


def _folder() -> Path:
    digest = sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return user_cache_path("autosample") / "kernels" / digest.hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(_folder())  # type: ignore[attr-defined]

# Sums may be reordered, so that they can be vectorised. NaN and infinity keep their
# meaning.
_MATHS = {"reassoc", "nsz", "arcp", "contract", "afn"}


def inlined(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a function into its callers.

    A call with tuples of arrays would count a reference for each of the arrays.
    """
    jit: Any = numba.njit(inline="always", fastmath=_MATHS, error_model="numpy")
    return cast(Callable[P, T], jit(function))


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a function on its first call, or load it from the cache."""
    jit: Any = numba.njit(cache=True, nogil=True, fastmath=_MATHS, error_model="numpy")
    return cast(Callable[P, T], jit(function))


def compiles(table: Tensor) -> bool:
    """Tell whether kernels can work on a tensor in place, by device and layout."""
    return (
        table.device.type == "cpu"
        and table.dtype is torch.float32
        and table.is_contiguous()
    )
