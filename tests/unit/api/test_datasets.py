"""Uploads, and every way to get them wrong."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.unit.api.calls import (
    CSV,
    dataset,
    is_problem,
    submit,
    upload,
)


@pytest.mark.apart
def test_an_upload_tells_what_is_in_it(client: TestClient) -> None:
    response = upload(client)
    assert response.status_code == 201
    body = response.json()
    assert response.headers["Location"] == f"/v1/datasets/{body['id']}"
    assert (body["name"], body["stats"]["users"]) == ("a.csv", 30)
    assert client.get(response.headers["Location"]).json() == body
    assert client.get("/v1/datasets").json() == {"datasets": [body]}


def test_the_same_bytes_and_options_give_the_same_data_set(client: TestClient) -> None:
    first, again = upload(client).json(), upload(client).json()
    assert first == again
    assert upload(client, k_core=2).json()["id"] != first["id"]


@pytest.mark.apart
def test_a_validation_file_comes_along_with_a_test_file(client: TestClient) -> None:
    files = {
        "file": ("train.txt", b"1 10 11\n2 12 10\n"),
        "test_file": ("test.txt", b"1 12\n"),
        "valid_file": ("valid.txt", b"2 11\n"),
    }
    stats = client.post("/v1/datasets", files=files).json()["stats"]
    assert (stats["test_pairs"], stats["valid_pairs"]) == (1, 1)
    del files["test_file"]
    refused = client.post("/v1/datasets", files=files)
    assert refused.status_code == 422
    assert "needs a test file beside it" in refused.json()["detail"]


@pytest.mark.apart
def test_a_test_file_comes_along(client: TestClient) -> None:
    files = {
        "file": ("train.txt", b"1 10 11\n2 12 10\n"),
        "test_file": ("test.txt", b"1 12\n"),
    }
    stats = client.post("/v1/datasets", files=files).json()["stats"]
    assert (stats["pairs"], stats["test_pairs"]) == (4, 1)


def test_gzip_is_read_as_what_it_holds(client: TestClient) -> None:
    response = upload(client, gzip.compress(CSV.encode()), name="a.csv.gz")
    assert response.json()["stats"]["pairs"] == upload(client).json()["stats"]["pairs"]


def test_a_deleted_data_set_is_gone(client: TestClient) -> None:
    id = dataset(client)
    assert client.delete(f"/v1/datasets/{id}").status_code == 204
    is_problem(client.get(f"/v1/datasets/{id}"), 404, "unknown-dataset")
    is_problem(client.delete(f"/v1/datasets/{id}"), 404, "unknown-dataset")


def test_a_data_set_in_use_stays(client: TestClient) -> None:
    id = submit(client).json()["spec"]["dataset"]
    is_problem(client.delete(f"/v1/datasets/{id}"), 409, "in-use")


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "a.csv", "is empty"),
        ("a,b\n1,2\n", "a.csv", "no user column"),
        (b"user,item\n1,\xff\n", "a.csv", "not UTF-8"),
        ("nope", "a.parquet", "not a readable Parquet"),
        ("user,item\n1,\n", "a.csv", "'item' is missing in row 1"),
        ("user,item\n1,2,3\n", "a.csv", "a.csv is not readable as a table: line 2"),
        ("user,item\n1,1\n1,2\n2,1\n", "a.csv", "every one of the 2 items"),
        ("user,item\n1,1\n", "a.csv", "at least two"),
    ],
)
def test_a_bad_file_is_named_and_nothing_is_kept(
    client: TestClient, content: str | bytes, name: str, message: str
) -> None:
    body = is_problem(upload(client, content, name), 422, "data")
    assert message in body["detail"]
    assert client.get("/v1/datasets").json() == {"datasets": []}


@pytest.mark.parametrize("options", ["{", '{"k_kore": 2}', '{"k_core": -1}', "[]"])
def test_bad_options_are_named(client: TestClient, options: str) -> None:
    files = {"file": ("a.csv", CSV.encode())}
    response = client.post("/v1/datasets", files=files, data={"options": options})
    assert "options" in is_problem(response, 422, "spec")["detail"]


def test_an_upload_without_a_file_is_a_problem(client: TestClient) -> None:
    body = is_problem(client.post("/v1/datasets"), 422, "validation")
    assert body["errors"][0]["pointer"] == "#/file"


def test_a_body_over_the_limit_is_refused_by_its_length(client: TestClient) -> None:
    is_problem(upload(client, "x" * 300_000), 413, "too-large")


def test_a_body_over_the_limit_is_refused_while_it_is_read(client: TestClient) -> None:
    def chunks() -> Any:
        head = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        )
        yield head
        for _ in range(40):
            yield b"x" * 10_000

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post("/v1/datasets", content=chunks(), headers=kind)
    is_problem(response, 413, "too-large")


def test_a_spec_is_not_megabytes(client: TestClient) -> None:
    response = client.post("/v1/jobs", json={"dataset": "x" * 1_100_000})
    is_problem(response, 413, "too-large")
