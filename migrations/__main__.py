"""`python -m migrations`: update AUTOSAMPLE_DATABASE_URL to the newest schema."""

import sys

from autosample.errors import AutoSampleError
from autosample.jobs.settings import Settings
from migrations.upgrade import upgrade

try:
    upgrade(Settings().database_url)
except AutoSampleError as error:
    sys.exit(f"autosample: {error}")
