"""Signed calls at a job's end, to hosts that the operator lists, at public addresses.

Signed as https://www.standardwebhooks.com has it: HMAC-SHA256 over id, time and body.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
import threading
import time
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from hmac import new as hmac
from urllib.parse import SplitResult, urlsplit

import httpx2
from sqlalchemy.exc import SQLAlchemyError

from autosample.errors import SpecError
from autosample.jobs.settings import Settings
from autosample.jobs.webhooks import Call, SqlWebhookStore

_log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds for an answer


class Refused(Exception):
    """An address that is not to be called."""


def check_url(url: str, settings: Settings) -> str:
    """Return a URL that may be called; raises SpecError saying why it may not."""
    parts = urlsplit(url)
    hosts = [host.strip() for host in settings.webhook_hosts.split(",") if host.strip()]
    if settings.webhook_secret is None or not hosts:
        raise SpecError(
            "this service makes no calls: its operator sets AUTOSAMPLE_WEBHOOK_HOSTS"
            " and AUTOSAMPLE_WEBHOOK_SECRET"
        )
    schemes = ("https", "http") if settings.webhook_private else ("https",)
    if parts.scheme not in schemes or parts.username or parts.password:
        raise SpecError(f"webhook must be an https address without a user, not {url!r}")
    if parts.hostname not in hosts:
        raise SpecError(
            f"webhook host {parts.hostname!r} is not one of those that may be called:"
            f" {', '.join(hosts)}"
        )
    return url


def address_of(parts: SplitResult, settings: Settings) -> str:
    """Return an address of the host; raises Refused if any of them is not public.

    The call goes to this very address: a name that changes in between gains nothing.
    """
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Refused(f"{parts.hostname} has no address: {error}") from error
    addresses = [str(each[4][0]) for each in found]
    for each in addresses:
        if not (settings.webhook_private or ipaddress.ip_address(each).is_global):
            raise Refused(f"{parts.hostname} is at {each}, which is not public")
    return addresses[0]


def body_of(call: Call) -> bytes:
    told = {
        "id": str(call.job),
        "state": call.state,
        "finished": datetime.fromtimestamp(call.finished, UTC).isoformat(),
        "job": f"/v1/jobs/{call.job}",
    }
    return json.dumps(told).encode()


def signature(secret: str, id: str, at: int, body: bytes) -> str:
    """Return what whoever is called computes, too, and compares."""
    signed = f"{id}.{at}.".encode() + body
    return "v1," + b64encode(hmac(secret.encode(), signed, sha256).digest()).decode()


def deliver(call: Call, settings: Settings) -> str:
    """Make a call; returns the status, raises Refused or an error of the transport."""
    assert settings.webhook_secret is not None
    parts, at, body = urlsplit(call.url), int(time.time()), body_of(call)
    address = address_of(parts, settings)
    shown = f"[{address}]" if ":" in address else address
    port = f":{parts.port}" if parts.port else ""
    query = f"?{parts.query}" if parts.query else ""
    secret = settings.webhook_secret.get_secret_value()
    headers = {
        "Host": f"{parts.hostname}{port}",
        "Content-Type": "application/json",
        "webhook-id": call.id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret, call.id, at, body),
    }
    # A redirect could lead anywhere, and so could a proxy of the environment.
    with httpx2.Client(
        timeout=PATIENCE, follow_redirects=False, trust_env=False
    ) as client:
        answer = client.post(
            f"{parts.scheme}://{shown}{port}{parts.path or '/'}{query}",
            content=body,
            headers=headers,
            extensions={"sni_hostname": parts.hostname},
        )
    if answer.status_code >= 300:
        raise Refused(f"answered {answer.status_code}")
    return str(answer.status_code)


def call_all(store: SqlWebhookStore, settings: Settings, stop: threading.Event) -> None:
    """Make the calls that are due, until told to stop."""
    while not stop.wait(settings.poll):
        try:
            while not stop.is_set() and (call := store.claim()) is not None:
                _one(store, call, settings)
        except SQLAlchemyError:
            _log.exception("the database cannot be asked; trying again")


def _one(store: SqlWebhookStore, call: Call, settings: Settings) -> None:
    try:
        told = deliver(call, settings)
    except (Refused, httpx2.HTTPError, ValueError) as error:
        _log.warning("webhook of job %s: %s", call.job, error)
        store.record_call(call, str(error)[:500], well=False)
    else:
        store.record_call(call, told, well=True)
