"""Measurements: ratios against peers and limits, never part of the tests."""
