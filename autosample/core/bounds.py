"""Numbers of settings, with bounds that a machine can hold.

A spec comes from strangers too: without bounds, one number of it could ask for more
memory than there is. What fits a certain data set is checked once that is known.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Width = Annotated[int, Field(ge=1, le=4096)]
"""Dimensions of an embedding or of a layer."""
Layers = Annotated[int, Field(ge=1, le=16)]
"""Layers of a model."""
DrawCount = Annotated[int, Field(ge=1, le=100_000)]
"""Items that are drawn, kept or remembered per pair or per user."""
EpochCount = Annotated[int, Field(ge=1, le=1_000_000)]
"""Epochs."""
BatchSize = Annotated[int, Field(ge=1, le=10_000_000)]
"""Pairs of a batch."""
Count = Annotated[int, Field(ge=1, lt=2**53)]
"""Any other count; JSON's readers know integers up to here."""
Positive = Annotated[float, Field(gt=0, le=1e38)]
"""A positive number that fits 32 bits; infinity and NaN are none."""
NonNegative = Annotated[float, Field(ge=0, le=1e38)]
"""Zero, or a positive number that fits 32 bits."""
Real = Annotated[float, Field(ge=-1e38, le=1e38)]
"""Any number that fits 32 bits."""
