"""The job queue: what a job is, and the fenced store that never loses one."""
