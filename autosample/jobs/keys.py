"""Keys of the service: who may ask for what, and whose things are whose.

A key is `as_ID_SECRET`. The secret is 256 random bits, so one fast hash at rest is
enough: there is nothing to guess. It is told once, when it is made.
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
from autosample.jobs.rows import maybe, moment, one
from autosample.jobs.tables import keys, now

PREFIX = "as"
DAY = 86_400.0
OWNER_LENGTH = 64


class Scope(StrEnum):
    """What a key is for; each may do what those before it may."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"

    def allows(self, wanted: Scope) -> bool:
        order = list(Scope)
        return order.index(self) >= order.index(wanted)


class Caller(NamedTuple):
    """Who asks."""

    owner: str
    """Whose jobs and data sets they see."""
    scope: Scope
    key: str
    """Id of the key, for limits and logs."""

    @property
    def sees(self) -> str | None:
        """The owner whose things they see; None: everybody's."""
        return None if self.scope is Scope.ADMIN else self.owner


LOCAL = Caller("", Scope.ADMIN, "local")
"""Where there are no keys: this machine alone, which may do everything."""


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
    """Keys in the database."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.reader = engine, reader(engine)

    def create(
        self, name: str, scope: Scope, *, owner: str = "", days: float | None = None
    ) -> tuple[KeyInfo, str]:
        """Make a key; returns it and its text, which is not kept.

        Without an owner it is the key's own. Raises SpecError on a name or a time that
        makes no sense.
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
            "hash": _hashed(secret),
            "created": now(),
            "expires": None if days is None else now() + days * DAY,
        }
        with self.engine.begin() as db:
            made = one(db, insert(keys).values(**row).returning(keys))
        return _info(made), f"{PREFIX}_{id}_{secret}"

    def list(self) -> list[KeyInfo]:
        """Return all keys, newest first, revoked ones too."""
        query = select(keys).order_by(keys.c.created.desc(), keys.c.id)
        with self.reader.begin() as db:
            return [_info(row) for row in db.execute(query).mappings()]

    def revoke(self, id: str) -> KeyInfo:
        """Make a key worthless from now on; raises NotFound."""
        change = update(keys).where(keys.c.id == id, keys.c.revoked.is_(None))
        with self.engine.begin() as db:
            db.execute(change.values(revoked=now()))
            row = maybe(db, select(keys).where(keys.c.id == id))
        if row is None:
            raise NotFound(f"no key {id!r}; `autosample keys list` shows all")
        return _info(row)

    def any(self) -> bool:
        """Tell whether a key was ever made: from then on one is needed."""
        with self.reader.begin() as db:
            return bool(db.scalar(select(exists().select_from(keys))))

    def caller(self, text: str) -> Caller:
        """Return who has a key; raises NotAllowed, which does not tell an unknown id
        from a wrong secret."""
        _, _, rest = text.partition("_")
        id, _, secret = rest.partition("_")
        expired = keys.c.expires.is_not(None) & (keys.c.expires < now())
        query = select(keys, expired.label("expired")).where(keys.c.id == id)
        with self.reader.begin() as db:
            row = maybe(db, query)
        # Compared in any case: the time must not tell whether there is such an id.
        right = compare_digest(_hashed(secret), row["hash"] if row else _hashed(""))
        if row is None or not right:
            raise NotAllowed("this key is not known here")
        if row["revoked"] is not None:
            raise NotAllowed("this key has been revoked")
        if row["expired"]:
            raise NotAllowed("this key has expired; ask for another")
        return Caller(row["owner"], Scope(row["scope"]), row["id"])


def _hashed(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _info(row: RowMapping) -> KeyInfo:
    times = {name: moment(row[name]) for name in ("created", "expires", "revoked")}
    plain = {name: row[name] for name in ("id", "name", "owner", "scope")}
    return KeyInfo.model_validate(plain | times)
