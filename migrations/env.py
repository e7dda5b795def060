"""Alembic runs this file: it migrates over connections set up as the service's are."""

from alembic import context

from autosample.jobs.engine import connect
from autosample.jobs.tables import metadata

url = context.config.get_main_option("sqlalchemy.url")
assert url is not None

engine = connect(url)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
