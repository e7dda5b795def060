"""Timings of other libraries; each runs in its own process and environment."""
