"""Measurements, never tests; the package comes first, for what it sets before torch."""

import autosample

__all__ = ["autosample"]
