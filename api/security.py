"""Who may ask for what: a key from the database or the environment; without any, this
machine alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.rate_limit import Rates
from autosample.errors import NotAllowed, NotPermitted, SpecError
from autosample.jobs.keys import LOCAL, Caller, Scope, SqlKeyStore
from autosample.jobs.settings import Settings

bearer = HTTPBearer(auto_error=False, description="A key of `autosample keys create`")

COOKIE = "autosample_key"
"""Where a browser keeps the key that its user gave; sent to this site alone."""

ADMIN = Caller("admin", Scope.ADMIN, "admin")
"""Who has the key from the environment."""


def caller(
    request: Request,
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Caller:
    """Return who asks; raises NotAllowed, and LimitReached where they ask too often."""
    _check_site(request)
    key = sent.credentials if sent else request.cookies.get(COOKIE)
    found = known(request.app.state.settings, request.app.state.keys, key)
    rates: Rates = request.app.state.rates
    rates.take(found.key)
    return found


def _check_site(request: Request) -> None:
    """Refuse what another site's page lets a browser change here."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.method not in ("GET", "HEAD") and site not in ("same-origin", "none"):
        raise NotPermitted(f"a page of another site ({site}) may not change anything")


def known(settings: Settings, keys: SqlKeyStore, key: str | None) -> Caller:
    """Return whose key it is; raises NotAllowed."""
    admin = settings.admin_key
    if key is None:
        if admin is None and not keys.any():
            return LOCAL
        raise NotAllowed("send a key as `Authorization: Bearer KEY`")
    if admin is not None and compare_digest(
        _hashed(admin.get_secret_value()), _hashed(key)
    ):
        return ADMIN
    if admin is None and not keys.any():
        return LOCAL
    return keys.caller(key)


def needs(scope: Scope) -> Callable[[Caller], Caller]:
    """Return a dependency that lets those pass whose key reaches so far."""

    def permitted(asking: Annotated[Caller, Depends(caller)]) -> Caller:
        if not asking.scope.allows(scope):
            raise NotPermitted(
                f"this needs scope {scope}, and the key has {asking.scope} alone"
            )
        return asking

    return permitted


Reader = Annotated[Caller, Depends(needs(Scope.READ))]
Submitter = Annotated[Caller, Depends(needs(Scope.SUBMIT))]


def _hashed(key: str) -> bytes:
    return sha256(key.encode()).digest()


def check_bind(host: str, settings: Settings, keys: SqlKeyStore) -> None:
    """Raise SpecError on an address that others reach while there is no key."""
    if settings.admin_key is not None or host == "localhost" or keys.any():
        return
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise SpecError(
            f"{host} can be reached by others; make a key (`autosample keys create`),"
            " or set AUTOSAMPLE_ADMIN_KEY to a secret, or bind to 127.0.0.1"
        )
