"""Where the service keeps things; read once from AUTOSAMPLE_* and passed on."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from platformdirs import user_data_path
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from autosample.jobs.logs import Form


class Settings(BaseSettings):
    """Every setting of the service; each is a variable AUTOSAMPLE_<NAME>."""

    model_config = SettingsConfigDict(
        env_prefix="AUTOSAMPLE_", frozen=True, use_attribute_docstrings=True
    )

    home: Path = Field(default_factory=lambda: user_data_path("autosample"))
    """Where database, uploads, checkpoints and artifacts lie by default."""
    database_url: str = ""
    """SQLAlchemy URL; empty: SQLite under the home. Postgres: postgresql+psycopg://..."""
    artifacts: str = ""
    """fsspec URL of data sets, checkpoints and artifacts; empty: under the home."""
    lease: PositiveFloat = 60.0
    """Seconds after which a silent worker is presumed lost."""
    attempts: PositiveInt = 3
    """Workers a job may lose before it fails."""
    poll: PositiveFloat = 1.0
    """Seconds between looks at the queue, and at a stream's events."""
    admin_key: SecretStr | None = None
    """A key with all rights; without any key, loopback only."""
    rate: PositiveFloat = 50.0
    """Requests a second that one key may make of one API process, in the long run."""
    burst: PositiveInt = 200
    """Requests that it may make at once."""
    jobs_per_owner: PositiveInt = 1000
    """Jobs of one owner that may be unfinished."""
    bytes_per_owner: PositiveInt = 50 << 30
    """Bytes that one owner's data sets may take."""
    max_upload: PositiveInt = 2 << 30
    """Bytes of an upload at most, all its files together."""
    upload_memory: PositiveInt = 4 << 30
    """Bytes of address space that reading an upload may take, in a process apart."""
    upload_seconds: PositiveFloat = 600.0
    """Seconds that it may take."""
    ray_address: str | None = None
    """A Ray cluster to run trials on; None: one of the worker's own."""
    trials: PositiveInt | None = None
    """Trials that run at a time; None: one a core."""
    object_store: PositiveInt = 256 << 20
    """Bytes of Ray's shared memory, where the worker starts Ray itself."""

    webhook_hosts: str = ""
    """Hosts that may be called at a job's end, by commas; empty: none."""
    webhook_secret: SecretStr | None = None
    """What those calls are signed with."""
    webhook_private: bool = False
    """Whether hosts at private addresses may be called, and without TLS."""
    low_water: NonNegativeInt = 1 << 30
    """Free bytes below which uploads and new jobs are refused; running ones go on."""
    quota: NonNegativeInt = 0
    """Bytes that all files may take before uploads and new jobs are refused; 0: any."""
    keep_jobs: NonNegativeFloat = 0.0
    """Days that an ended job and its files are kept; 0: until somebody deletes it."""
    keep_checkpoints: NonNegativeFloat = 7.0
    """Days that a failed or cancelled job can be retried from where it was."""
    sweep: PositiveFloat = 600.0
    """Seconds between looks for files that nothing needs any more."""
    stall: PositiveFloat = 7200.0
    """Seconds that a trial may go without a pass before its process is replaced."""
    log: Form = Form.TEXT
    """How logs are written: text, or json, an object a line."""

    drill_pause: NonNegativeFloat = 0.0
    """Seconds to wait at the start of each stage: for drills that kill a worker."""

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        home = self.home.expanduser().resolve()
        object.__setattr__(self, "home", home)
        if not self.database_url:
            url = f"sqlite:///{home / 'autosample.db'}"
            object.__setattr__(self, "database_url", url)
        if not self.artifacts:
            object.__setattr__(self, "artifacts", (home / "files").as_uri())
        return self

    @property
    def embedded(self) -> bool:
        """Whether the database is SQLite: one worker, migrated on start."""
        return self.database_url.startswith("sqlite")
