"""The REST service; it shares only the database and the files with the workers."""
