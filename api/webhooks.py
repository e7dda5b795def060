"""Makes signed webhook calls, only to hosts that the operator lists and to public
addresses.

The signature is that of https://www.standardwebhooks.com: HMAC-SHA256 over the id, the
time and the body.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
import threading
import time
from base64 import b64decode, b64encode
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

PATIENCE = 10.0
"""Seconds to wait for an answer."""


CARRIERS = tuple(
    map(
        ipaddress.IPv6Network,
        ("::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
    )
)
"""Networks of IPv6 whose addresses carry one of IPv4."""
PREFIX = "whsec_"
"""Prefix of secrets that are in base64."""


class Refused(Exception):
    """An address that must not be called, or an answer that is no success."""


def check_url(url: str, settings: Settings) -> str:
    """Return a URL if it may be called; raises SpecError that says why it may not."""
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
    """Return an address of the host; raises Refused if one of them is not public."""
    # The call goes to the address that is checked here, not to the name: a name that is
    # changed after the check cannot lead the call to a private address.
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        results = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Refused(f"{parts.hostname} has no address: {error}") from error
    addresses = [str(sockaddr[0]) for *_, sockaddr in results]
    for address in addresses:
        if not (settings.webhook_private or is_public(address)):
            raise Refused(f"{parts.hostname} is at {address}, which is not public")
    return addresses[0]


def is_public(address: str) -> bool:
    """Tell whether an address is one of the public internet.

    Addresses that carry an IPv4 address within (mapped, NAT64, 6to4, Teredo) lead
    wherever that one does, so none of them is.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.is_multicast or not ip.is_global:
        return False
    return ip.version == 4 or not any(ip in network for network in CARRIERS)


def body_of(call: Call) -> bytes:
    """Return the body of a call: the job, its final state and when it ended."""
    fields = {
        "id": str(call.job),
        "state": call.state,
        "finished": datetime.fromtimestamp(call.finished, UTC).isoformat(),
        "job": f"/v1/jobs/{call.job}",
    }
    return json.dumps(fields).encode()


def signature(secret: str, id: str, at: int, body: bytes) -> str:
    """Return the signature, which the receiver computes as well and compares.

    A secret that begins with `whsec_` is in base64, as the libraries of the standard
    have it; of any other the bytes count, and libraries take `whsec_` with its base64.
    """
    coded = secret.startswith(PREFIX)
    key = b64decode(secret.removeprefix(PREFIX)) if coded else secret.encode()
    signed = f"{id}.{at}.".encode() + body
    return "v1," + b64encode(hmac(key, signed, sha256).digest()).decode()


def deliver(call: Call, settings: Settings) -> str:
    """Make a call and return the status; raises Refused or httpx2.HTTPError."""
    assert settings.webhook_secret is not None
    parts, at, body = urlsplit(call.url), int(time.time()), body_of(call)
    address = address_of(parts, settings)
    host = f"[{address}]" if ":" in address else address
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
    # A redirect, or a proxy from the environment, could lead to a private address.
    with httpx2.Client(
        timeout=PATIENCE, follow_redirects=False, trust_env=False
    ) as client:
        answer = client.post(
            f"{parts.scheme}://{host}{port}{parts.path or '/'}{query}",
            content=body,
            headers=headers,
            extensions={"sni_hostname": parts.hostname},
        )
    if answer.status_code >= 300:
        raise Refused(f"answered {answer.status_code}")
    return str(answer.status_code)


def call_all(store: SqlWebhookStore, settings: Settings, stop: threading.Event) -> None:
    """Make the calls that are due, until `stop` is set."""
    while not stop.wait(settings.poll):
        try:
            while not stop.is_set() and (call := store.claim()) is not None:
                _make_call(store, call, settings)
        except SQLAlchemyError:
            _log.exception("the database cannot be reached; trying again")


def _make_call(store: SqlWebhookStore, call: Call, settings: Settings) -> None:
    """Make a call and record its outcome."""
    try:
        answer = deliver(call, settings)
    except (Refused, httpx2.HTTPError, ValueError) as error:
        _log.warning("the webhook of job %s failed: %s", call.job, error)
        store.record_call(call, str(error)[:500], well=False)
    else:
        store.record_call(call, answer, well=True)
