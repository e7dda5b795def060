"""The database schema, kept by Alembic; `python -m migrations` updates a database."""
