"""Calls at a job's end: signed, again until they arrive, and never into our network."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from hmac import new as hmac
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import update
from standardwebhooks import Webhook

from api.main import create_app
from api.webhooks import Refused, address_of, check_url, is_public, signature
from autosample.errors import SpecError
from autosample.jobs.settings import Settings
from autosample.jobs.state import Failure
from autosample.jobs.tables import jobs as jobs_table
from autosample.jobs.tables import now
from tests.unit.api.calls import claimed, dataset, is_problem, store

SECRET = "a very secret word"


class Heard(HTTPServer):
    """Whoever is called; answers with the statuses it was given, then 204."""

    calls: list[tuple[dict[str, str], bytes]]
    answers: list[int]


class Handler(BaseHTTPRequestHandler):
    server: Heard

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.calls.append((headers, raw))
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def called() -> Iterator[Heard]:
    server = Heard(("127.0.0.1", 0), Handler)
    server.calls, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(
        home=tmp_path / "home",
        poll=0.05,
        webhook_hosts="hooks.example.org, localhost",
        webhook_secret=SecretStr(SECRET),
        webhook_private=True,
    )
    with TestClient(create_app(settings)) as client:
        yield client


def submit(client: TestClient, url: str) -> Any:
    body = {"dataset": dataset(client)}
    return client.post("/v1/jobs", json=body, params={"webhook": url})


def wait_for_calls(called: Heard, count: int) -> None:
    until = time.monotonic() + 10
    while len(called.calls) < count and time.monotonic() < until:
        time.sleep(0.02)
    assert len(called.calls) == count


def webhook_events(client: TestClient, id: str, count: int) -> list[dict[str, Any]]:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = client.get(f"/v1/jobs/{id}/events?after=0").json()["events"]
        told = [event["data"] for event in found if event["kind"] == "webhook"]
        if len(told) >= count:
            return told
        time.sleep(0.02)
    raise AssertionError(f"no {count} webhook events")


def test_the_end_of_a_job_is_told_once_and_signed(
    client: TestClient, called: Heard
) -> None:
    url = f"http://localhost:{called.server_port}/end?of=job"
    id = submit(client, url).json()["id"]
    assert called.calls == []
    store(client).fail(claimed(client), Failure(reason="data", detail="bad"))
    wait_for_calls(called, 1)
    headers, raw = called.calls[0]
    assert json.loads(raw)["id"] == id
    assert json.loads(raw)["state"] == "failed"
    assert headers["host"] == f"localhost:{called.server_port}"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + raw
    version, _, sent = headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert b64decode(sent) == hmac(SECRET.encode(), signed, sha256).digest()
    [event] = webhook_events(client, id, 1)
    assert event == {"delivered": True, "answer": "204", "call": 1}
    time.sleep(0.3)
    assert len(called.calls) == 1


def test_a_call_that_fails_is_made_again_and_no_redirect_is_followed(
    client: TestClient, called: Heard
) -> None:
    called.answers = [500, 302]
    id = submit(client, f"http://localhost:{called.server_port}/").json()["id"]
    client.post(f"/v1/jobs/{id}/cancel")
    for count in (1, 2, 3):
        wait_for_calls(called, count)
        webhook_events(client, id, count)
        with store(client).engine.begin() as db:
            db.execute(update(jobs_table).values(webhook_after=now() - 1))
    told = webhook_events(client, id, 3)
    assert [each["answer"] for each in told] == ["answered 500", "answered 302", "204"]
    assert len({headers["webhook-id"] for headers, _ in called.calls}) == 1


def test_only_listed_hosts_are_called(client: TestClient) -> None:
    for url in (
        "https://evil.example.org/",
        "https://hooks.example.org.evil.example/",
        "https://hooks.example.org@evil.example/",
        "ftp://hooks.example.org/",
        "hooks.example.org",
        "https://",
    ):
        is_problem(submit(client, url), 422, "spec")
    assert submit(client, "https://hooks.example.org/x").status_code == 202


def test_without_hosts_or_secret_no_webhook_is_taken(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="makes no calls"):
        check_url("https://hooks.example.org/", Settings(home=tmp_path))


def test_names_that_lead_into_our_network_are_refused(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, webhook_hosts="localhost", webhook_secret=SecretStr("s" * 16)
    )
    with pytest.raises(SpecError, match="https"):
        check_url("http://localhost/", settings)
    for host in ("localhost", "127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]"):
        with pytest.raises(Refused, match="not public"):
            address_of(urlsplit(f"https://{host}/"), settings)


def test_the_signature_is_that_of_the_standard() -> None:
    """Computed with openssl: printf 'i.5.b' | openssl dgst -sha256 -hmac k -binary."""
    want = hmac(b"k", b"i.5.b", sha256).digest()
    assert b64decode(signature("k", "i", 5, b"b").partition(",")[2]) == want


@pytest.mark.parametrize("coded", [True, False])
def test_the_library_of_the_standard_verifies_the_signature(coded: bool) -> None:
    plain = b64encode(b"a secret of many bytes").decode()
    secret = f"whsec_{plain}" if coded else "a secret of many bytes"
    at, body = int(time.time()), b'{"id": "x"}'
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret, "msg_1", at, body),
    }
    Webhook(f"whsec_{plain}").verify(body.decode(), headers)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::",
        "2001:0:a00:1::", "192.0.2.1", "198.18.0.1", "240.0.0.1",
    ],
)  # fmt: skip
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)
