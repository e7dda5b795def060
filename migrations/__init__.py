"""The database schema, by Alembic; `python -m migrations` brings it up to date."""
