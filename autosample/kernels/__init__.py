"""Compiled loops over arrays, for a CPU: what array libraries do in many passes."""
