"""API keys: what each may do, and whose jobs and data sets it may reach.

A key is `as_ID_SECRET`. The secret is 256 random bits, so one fast hash of it is enough
in the database: it cannot be guessed. It is shown once, when the key is made.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

from sqlalchemy import Engine, RowMapping, exists, insert, select, update

from autosample.core.config import Config
from autosample.errors import NotAllowed, NotFound, SpecError
from autosample.jobs.engine import reader
from autosample.jobs.rows import datetime_of, fetch_one, fetch_optional
from autosample.jobs.tables import keys, now

PREFIX = "as"
DAY = 86_400.0
OWNER_LENGTH = 64


class Scope(StrEnum):
    """What a key may do; each scope includes those before it."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"

    def allows(self, wanted: Scope) -> bool:
        """Tell whether this scope includes another."""
        order = list(Scope)
        return order.index(self) >= order.index(wanted)


class Caller(NamedTuple):
    """Who makes a request, as its key tells."""

    owner: str
    """Owner of the jobs and data sets that the key reaches."""
    scope: Scope
    key: str
    """Id of the key, for rate limits and logs."""

    @property
    def only_owner(self) -> str | None:
        """The one owner whose jobs and data sets may be reached; None: any owner's."""
        return None if self.scope is Scope.ADMIN else self.owner


LOCAL = Caller("", Scope.ADMIN, "local")
"""The caller while no keys exist: only this machine can connect, and may do all."""


class KeyInfo(Config):
    """A key without its secret."""

    id: str
    name: str
    owner: str
    scope: Scope
    created: datetime
    expires: datetime | None
    revoked: datetime | None


class SqlKeyStore:
    """Keys in the database, each with the hash of its secret."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.reader = engine, reader(engine)

    def create(
        self, name: str, scope: Scope, *, owner: str = "", days: float | None = None
    ) -> tuple[KeyInfo, str]:
        """Make a key; returns it and its text, which is not stored.

        Without an owner, the key's id is its owner. Raises SpecError if a name is too
        short or too long, or `days` is not positive.
        """
        if not 0 < len(name) <= 255 or len(owner) > OWNER_LENGTH:
            raise SpecError(
                f"a key needs a name of 1 to 255 characters and an owner of at most"
                f" {OWNER_LENGTH}"
            )
        if days is not None and days <= 0:
            raise SpecError(f"a key cannot expire after {days:g} days")
        id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        row = {
            "id": id,
            "name": name,
            "owner": owner or id,
            "scope": scope,
            "hash": _hash(secret),
            "created": now(),
            "expires": None if days is None else now() + days * DAY,
        }
        with self.engine.begin() as db:
            stored = fetch_one(db, insert(keys).values(**row).returning(keys))
        return _info(stored), f"{PREFIX}_{id}_{secret}"

    def list(self) -> list[KeyInfo]:
        """Return all keys, newest first, including revoked ones."""
        query = select(keys).order_by(keys.c.created.desc(), keys.c.id)
        with self.reader.begin() as db:
            return [_info(row) for row in db.execute(query).mappings()]

    def revoke(self, id: str) -> KeyInfo:
        """Revoke a key from now on; raises NotFound."""
        change = update(keys).where(keys.c.id == id, keys.c.revoked.is_(None))
        with self.engine.begin() as db:
            db.execute(change.values(revoked=now()))
            row = fetch_optional(db, select(keys).where(keys.c.id == id))
        if row is None:
            raise NotFound(f"no key {id!r}; `autosample keys list` shows all")
        return _info(row)

    def any(self) -> bool:
        """Tell whether a key was ever made; from then on every request needs one."""
        with self.reader.begin() as db:
            return bool(db.scalar(select(exists().select_from(keys))))

    def caller(self, text: str) -> Caller:
        """Return who holds a key; raises NotAllowed.

        The error is the same for an unknown id and for a wrong secret.
        """
        _, _, rest = text.partition("_")
        id, _, secret = rest.partition("_")
        expired = keys.c.expires.is_not(None) & (keys.c.expires < now())
        query = select(keys, expired.label("expired")).where(keys.c.id == id)
        with self.reader.begin() as db:
            row = fetch_optional(db, query)
        # Compared even without a row: the time taken must not reveal which ids exist.
        matches = compare_digest(_hash(secret), row["hash"] if row else _hash(""))
        if row is None or not matches:
            raise NotAllowed("this key is not known here")
        if row["revoked"] is not None:
            raise NotAllowed("this key has been revoked")
        if row["expired"]:
            raise NotAllowed("this key has expired; ask for another")
        return Caller(row["owner"], Scope(row["scope"]), row["id"])


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _info(row: RowMapping) -> KeyInfo:
    times = {name: datetime_of(row[name]) for name in ("created", "expires", "revoked")}
    plain = {name: row[name] for name in ("id", "name", "owner", "scope")}
    return KeyInfo.model_validate(plain | times)
