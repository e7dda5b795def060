"""Authentication and scopes: keys come from the database or the environment; while
there are none, only this machine can connect, and it may do everything."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.rate_limit import RateLimit
from autosample.errors import NotAllowed, NotPermitted, SpecError
from autosample.jobs.keys import LOCAL, Caller, Scope, SqlKeyStore
from autosample.jobs.settings import Settings

bearer = HTTPBearer(
    auto_error=False, description="A key that `autosample keys create` made."
)

COOKIE = "autosample_key"
"""Cookie with the key that the user of a browser entered."""

ADMIN = Caller("admin", Scope.ADMIN, "admin")
"""The caller with the key from AUTOSAMPLE_ADMIN_KEY."""


def authenticate(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)] = None,
) -> Caller:
    """Return who makes a request; the second parameter is for the schema alone.

    Raises NotAllowed without a valid key, NotPermitted for a change from another site's
    page, and LimitReached after too many requests.
    """
    check_site(request)
    caller = admit(request, key_of(request))
    rate_limit: RateLimit = request.app.state.rate_limit
    rate_limit.take(caller.key)
    return caller


def key_of(request: Request) -> str | None:
    """Return the key of a request, from its header or from its cookie."""
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    sent = key.strip() if kind.lower() == "bearer" else ""
    return sent or request.cookies.get(COOKIE)


def admit(request: Request, key: str | None) -> Caller:
    """Return the caller with a key, or without one.

    Raises NotAllowed, and NotPermitted where a service without keys is asked under a
    name that is not this machine's: a page of another site may have let its own name
    point here (DNS rebinding).
    """
    state = request.app.state
    caller = caller_of(state.settings, state.keys, key)
    if caller is LOCAL and not _is_own_name(request.url.hostname, state.settings):
        raise NotPermitted(
            f"without keys, this service is asked as localhost and not as"
            f" {request.url.hostname!r}; AUTOSAMPLE_HOSTS names others"
        )
    return caller


def _is_own_name(host: str | None, settings: Settings) -> bool:
    names = {"localhost", *filter(None, settings.hosts.split(","))}
    try:
        return host in names or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def check_site(request: Request) -> None:
    """Raise NotPermitted if another site's page made the browser send a change."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.method not in ("GET", "HEAD") and site not in ("same-origin", "none"):
        raise NotPermitted(f"a page of another site ({site}) may not change anything")


def caller_of(settings: Settings, keys: SqlKeyStore, key: str | None) -> Caller:
    """Return the caller with a key, or without one; raises NotAllowed."""
    admin = settings.admin_key
    if key is None:
        if admin is None and not keys.any():
            return LOCAL
        raise NotAllowed("send a key as `Authorization: Bearer KEY`")
    if admin is not None and compare_digest(
        _hash(admin.get_secret_value()), _hash(key)
    ):
        return ADMIN
    if admin is None and not keys.any():
        return LOCAL
    return keys.caller(key)


def require_scope(scope: Scope) -> Callable[[Caller], Caller]:
    """Return a dependency: the caller, or NotPermitted if their scope is too small."""

    def require(caller: Annotated[Caller, Depends(authenticate)]) -> Caller:
        if not caller.scope.allows(scope):
            raise NotPermitted(
                f"this needs scope {scope}, and the key has only {caller.scope}"
            )
        return caller

    return require


Reader = Annotated[Caller, Depends(require_scope(Scope.READ))]
Submitter = Annotated[Caller, Depends(require_scope(Scope.SUBMIT))]


def _hash(key: str) -> bytes:
    return sha256(key.encode()).digest()


def check_bind(host: str, settings: Settings, keys: SqlKeyStore) -> None:
    """Raise SpecError if others can reach the address while there is no key."""
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
