"""Drills: kill and freeze processes of a service and check that no job is harmed."""
