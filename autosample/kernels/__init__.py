"""Loops over arrays compiled for a CPU, where array libraries need many operations."""
