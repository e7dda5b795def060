"""The workers: they claim jobs, run their trials on Ray, and publish."""
