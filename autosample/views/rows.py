"""Cells of tables that charts, model cards and terminals share."""

from __future__ import annotations


def left_at(rung: int) -> str:
    """Return what is said of a candidate that left the race at a rung."""
    return f"left at rung {rung}"
