"""The REST service; it meets the workers in the job table alone."""
