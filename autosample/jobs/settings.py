"""Settings of the service, read once from AUTOSAMPLE_* variables and passed on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

from platformdirs import user_data_path
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from autosample.core.progress import Stage
from autosample.errors import SpecError
from autosample.jobs.logs import Form

SHORTEST = 16
"""Fewest signs of a secret."""


class Settings(BaseSettings):
    """All settings of the service; each is read from the variable AUTOSAMPLE_<NAME>."""

    model_config = SettingsConfigDict(
        env_prefix="AUTOSAMPLE_", frozen=True, use_attribute_docstrings=True
    )

    home: Path = Field(default_factory=lambda: user_data_path("autosample"))
    """Folder of the database, uploads, checkpoints and artifacts by default."""
    database_url: str = ""
    """SQLAlchemy URL of the database; empty: SQLite in the home folder. A Postgres is
    postgresql+psycopg://user@host/name."""
    artifacts: str = ""
    """fsspec URL of data sets, checkpoints and artifacts; empty: in the home folder."""
    lease: PositiveFloat = 60.0
    """Seconds without renewal after which a worker is presumed lost."""
    attempts: PositiveInt = 3
    """Attempts at a job, each ended by a lost worker, before the job fails."""
    poll: PositiveFloat = 1.0
    """Seconds between two looks at the queue, and at the events of a stream."""
    admin_key: SecretStr | None = None
    """A key with all rights; while there is no key at all, only loopback is served."""
    rate: PositiveFloat = 50.0
    """Requests per second that one API process accepts of one key in the long run."""
    burst: PositiveInt = 200
    """Requests that one API process accepts of one key at once."""
    jobs_per_owner: PositiveInt = 1000
    """Unfinished jobs that one owner may have."""
    bytes_per_owner: PositiveInt = 50 << 30
    """Bytes that the data sets of one owner may take."""
    max_upload: PositiveInt = 2 << 30
    """Largest size of an upload in bytes, all its files together."""
    upload_memory: PositiveInt = 4 << 30
    """Bytes of address space that the process that reads an upload may take."""
    upload_seconds: PositiveFloat = 600.0
    """Seconds that the process that reads an upload may take."""
    readers: PositiveInt = 2
    """Files that one API process reads, and costs that it estimates, at one time."""
    training_memory: PositiveInt = 16 << 30
    """Bytes that one training may take by an estimate; specs that need more are
    refused."""
    connections: PositiveInt = 512
    """Connections that one API process serves at one time; more are answered 503."""
    streams_per_key: PositiveInt = 50
    """Streams of events that one key may have open at one API process."""
    body_seconds: PositiveFloat = 60.0
    """Seconds that a client may be silent in the middle of a request."""
    hosts: str = ""
    """Names of this machine, separated by commas, by which a service without keys may
    be asked, beside localhost and its loopback addresses."""
    ray_address: str | None = None
    """Address of a Ray cluster to run trials on; none: the worker starts a Ray."""
    trials: PositiveInt | None = None
    """Trials that a worker runs at the same time; none: one per core."""
    object_store: PositiveInt = 256 << 20
    """Bytes of Ray's shared memory, if the worker starts its own Ray."""

    webhook_hosts: str = ""
    """Hosts that webhooks may call, separated by commas; empty: no webhooks."""
    webhook_secret: SecretStr | None = None
    """Secret that webhooks are signed with."""
    webhook_private: bool = False
    """Whether webhooks may call private addresses, and without TLS."""
    low_water: NonNegativeInt = 1 << 30
    """Free bytes on the disk below which uploads and new jobs are refused; running jobs
    go on."""
    quota: NonNegativeInt = 0
    """Bytes of all files above which uploads and new jobs are refused; 0: no limit."""
    keep_jobs: NonNegativeFloat = 0.0
    """Days for which an ended job and its files are kept; 0: until it is deleted."""
    keep_checkpoints: NonNegativeFloat = 7.0
    """Days for which a failed or cancelled job keeps its checkpoints for a retry."""
    sweep: PositiveFloat = 600.0
    """Seconds between two searches for files that nothing needs."""
    stall: PositiveFloat = 7200.0
    """Seconds without a finished epoch after which a trial's process is replaced."""
    log: Form = Form.TEXT
    """Format of the logs: text, or json with one object per line."""

    drill_pause: NonNegativeFloat = 0.0
    """Seconds to wait at the start of a stage, for drills that kill a worker."""
    drill_stage: Stage | None = None
    """The stage in which to wait so; all of them if it is not set."""

    def __init__(self, **values: Any) -> None:
        """Read the variables; raises SpecError that names each one that is wrong."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = (
                f"AUTOSAMPLE_{str(problem['loc'][0]).upper()}: "
                + problem["msg"].removeprefix("Value error, ")
                for problem in error.errors()
            )
            raise SpecError("; ".join(problems)) from error

    def check_home(self) -> None:
        """Raise SpecError where files cannot be written into the home folder."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            probe = self.home / f".probe-{os.getpid()}"
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as error:
            raise SpecError(
                f"{self.home} cannot be written ({error.strerror}); set AUTOSAMPLE_HOME"
                " to a folder that can"
            ) from error

    @field_validator("admin_key", "webhook_secret")
    @classmethod
    def _is_long(cls, secret: SecretStr | None) -> SecretStr | None:
        """An empty key would make everybody an admin; a short one can be guessed."""
        if secret is not None and len(secret.get_secret_value().strip()) < SHORTEST:
            raise ValueError(
                f"must have at least {SHORTEST} signs; `openssl rand -hex 32` makes"
                " one; unset it to have none"
            )
        return secret

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
        """Whether the database is SQLite, which is migrated when the service starts."""
        return self.database_url.startswith("sqlite")
