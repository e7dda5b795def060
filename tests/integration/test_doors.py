"""What cannot be written, bound or reached is told in one line, before any work."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from autosample.bundle.place import check_place, save_somewhere
from autosample.client import Client
from autosample.errors import BundleError, ServiceError


def run(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "autosample", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"AUTOSAMPLE_HOME": str(cwd / "home")} | env,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("out", ["/proc/nope/bundle", "file/x", "file", "full"])
def test_a_folder_that_cannot_be_written_is_refused_before_the_search(
    out: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "a.csv").write_text("user,item\n1,2\n2,3\n")
    done = run("search", "a.csv", "--out", out, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert out in done.stderr
    assert "read" not in done.stdout


def test_the_check_of_a_folder_leaves_nothing(tmp_path: Path) -> None:
    check_place(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    (tmp_path / "c").mkdir()
    check_place(tmp_path / "c")
    assert (tmp_path / "c").is_dir()


def test_what_cannot_be_written_where_asked_is_kept_elsewhere(tmp_path: Path) -> None:
    asked = tmp_path / "gone" / "bundle"

    def save(folder: Path) -> None:
        if folder == asked:
            raise OSError(28, "No space left on device")
        folder.mkdir()
        (folder / "x").touch()

    place, reason = save_somewhere(save, asked)
    assert (place / "x").exists()
    assert "No space left" in str(reason)


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_cannot_be_is_refused(port: str, tmp_path: Path) -> None:
    done = run("serve", "--no-worker", f"--port={port}", cwd=tmp_path)
    assert done.returncode == 2
    assert "--port" in done.stderr


def test_a_port_in_use_and_a_home_that_cannot_be_written_are_named(
    tmp_path: Path,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("serve", "--no-worker", "--port", port, cwd=tmp_path)
    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1" in done.stderr
    done = run("serve", "--no-worker", cwd=tmp_path, AUTOSAMPLE_HOME="/proc/nope")
    assert done.returncode == 2
    assert "AUTOSAMPLE_HOME" in done.stderr


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks://127.0.0.1:9", "?"])
def test_no_proxy_stands_before_this_machine(
    name: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, proxy)
    for url in ("http://127.0.0.1:8000", "http://localhost", "http://[::1]:1"):
        Client(url).close()


@pytest.mark.parametrize("proxy", ["socks://127.0.0.1:9", "socks5://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_one_line(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(ServiceError, match="ALL_PROXY"):
        Client("http://autosample.example")


def test_nothing_is_made_where_nothing_may_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="cannot be written"):
        check_place(tmp_path / "file" / "x")
