"""`python -m migrations`: update AUTOSAMPLE_DATABASE_URL to the newest schema."""

from autosample.jobs.settings import Settings
from migrations.upgrade import upgrade

upgrade(Settings().database_url)
