"""How kernels are compiled, and where what was compiled is kept.

numba keeps a kernel under the age of its own file, not of those it calls; here all of
them share a folder named by what they are made of, so that none is stale. Such a folder
can also be written to where the package cannot.
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

# Sums may be reordered, which vectors need; NaN and infinity keep their meaning.
_MATHS = {"reassoc", "nsz", "arcp", "contract", "afn"}


def inlined(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a function into those that call it: where it takes tuples of arrays, as a
    call would count the owners of each."""
    jit: Any = numba.njit(inline="always", fastmath=_MATHS, error_model="numpy")
    return cast(Callable[P, T], jit(function))


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a function on its first call, or take what an earlier process made."""
    jit: Any = numba.njit(cache=True, nogil=True, fastmath=_MATHS, error_model="numpy")
    return cast(Callable[P, T], jit(function))


def compiles(table: Tensor) -> bool:
    """Tell whether kernels can work on a table where it stands."""
    return (
        table.device.type == "cpu"
        and table.dtype is torch.float32
        and table.is_contiguous()
    )
