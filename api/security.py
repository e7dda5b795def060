"""Who may ask: one key from the environment; without it, this machine alone."""

from __future__ import annotations

import ipaddress
from hashlib import sha256
from hmac import compare_digest
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from autosample.errors import NotAllowed, SpecError
from autosample.jobs.settings import Settings

bearer = HTTPBearer(auto_error=False, description="The admin key")


def require_key(
    request: Request,
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> None:
    """Let a request pass whose key is right, or any where there is no key."""
    settings: Settings = request.app.state.settings
    if settings.admin_key is None:
        return
    if sent is None:
        raise NotAllowed("send the key as `Authorization: Bearer KEY`")
    wanted = _hashed(settings.admin_key.get_secret_value())
    if not compare_digest(wanted, _hashed(sent.credentials)):
        raise NotAllowed("this key is not known here")


def _hashed(key: str) -> bytes:
    return sha256(key.encode()).digest()


def check_bind(host: str, settings: Settings) -> None:
    """Raise SpecError on an address that others reach while there is no key."""
    if settings.admin_key is not None or host == "localhost":
        return
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise SpecError(
            f"{host} can be reached by others; set AUTOSAMPLE_ADMIN_KEY to a secret, or"
            " bind to 127.0.0.1"
        )
