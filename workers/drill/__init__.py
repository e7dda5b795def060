"""Drills: what becomes of jobs when processes are killed and frozen."""
