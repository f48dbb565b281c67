"""Release archives from a local page: verified against the checksums beside them, and never a reason to wait."""

from __future__ import annotations

import hashlib
import io
import platform
import socket
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.core.errors import ConfigError, MachineError
from harness.provision import ensure, releases
from harness.provision.process import CancelledError
from harness.provision.sets import NATIVE
from harness.provision.store import Store
from harness.provision.work import Work

ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
NAME = f"alertmanager-0.31.1.{sys.platform}-{ARCH}"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder laid out like a release page, and the address that serves it."""
    root = tmp_path / "page"
    folder = root / "prometheus/alertmanager/releases/download/v0.31.1"
    folder.mkdir(parents=True)

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def publish(folder: Path, *names: str, lie: bool = False, data: bytes | None = None) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in names:
            text = f"#!/bin/sh\necho '{name}, version 0.31.1'\n".encode()
            member = tarfile.TarInfo(f"{NAME}/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    content = buffer.getvalue() if data is None else data
    (folder / f"{NAME}.tar.gz").write_bytes(content)
    digest = "0" * 64 if lie else hashlib.sha256(content).hexdigest()
    (folder / "sha256sums.txt").write_text(f"{'1' * 64}  other.tar.gz\n{digest}  {NAME}.tar.gz\n")


def test_a_release_is_fetched_verified_and_unpacked(machine, page: tuple[Path, str]) -> None:
    folder, base = page
    publish(folder, "LICENSE", "alertmanager", "amtool")
    settings = machine.settings(release_base=base)
    tool = ensure(["alertmanager"], settings=settings, progress=machine.said.append)["alertmanager"]
    assert tool.source == f"cache, release archive {NAME}.tar.gz"
    assert sorted(path.name for path in tool.executable.parent.iterdir()) == ["alertmanager", "amtool"]
    assert machine.calls() == []


def test_a_wrong_checksum_stops_everything(machine, page: tuple[Path, str]) -> None:
    folder, base = page
    publish(folder, "alertmanager", "amtool", lie=True)
    with pytest.raises(MachineError, match="published is 000") as caught:
        ensure(["alertmanager"], settings=machine.settings(release_base=base), progress=machine.said.append)
    assert "HARNESS_RELEASES" in caught.value.remedy
    assert machine.calls() == []


def test_a_release_that_is_not_published_there_is_built(machine, page: tuple[Path, str]) -> None:
    _, base = page
    ensure(["alertmanager", "toxiproxy"], settings=machine.settings(release_base=base), progress=machine.said.append)
    assert any(line.endswith("tar.gz there, building it") for line in machine.said)
    assert len(machine.calls()) == 2


def test_a_listed_archive_that_is_gone_is_named(machine, page: tuple[Path, str]) -> None:
    folder, base = page
    publish(folder, "alertmanager", "amtool")
    (folder / f"{NAME}.tar.gz").unlink()
    with pytest.raises(MachineError, match="cannot be fetched"):
        ensure(["alertmanager"], settings=machine.settings(release_base=base), progress=machine.said.append)


def test_an_archive_without_the_binary_or_no_archive_at_all_is_named(machine, page: tuple[Path, str]) -> None:
    folder, base = page
    publish(folder, "alertmanager")
    with pytest.raises(MachineError, match="does not hold amtool"):
        ensure(["alertmanager"], settings=machine.settings(release_base=base), progress=machine.said.append)
    publish(folder, data=b"<html>not found</html>")
    with pytest.raises(MachineError, match="no readable archive"):
        ensure(["alertmanager"], settings=machine.settings(release_base=base), progress=machine.said.append)


def test_a_long_download_reports_and_can_be_cancelled(machine, page, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, base = page
    publish(folder, "alertmanager", "amtool")
    monkeypatch.setattr(releases, "_REPORT_EVERY_S", 0.0)
    work = Work(machine.settings(release_base=base), Store(machine.cache), machine.said.append)
    assert releases.fetch(NATIVE.by_name["alertmanager"], work)
    assert machine.said[0].startswith(f"fetching {NAME}.tar.gz … ")
    work.cancelled.set()
    with pytest.raises(CancelledError):
        releases.fetch(NATIVE.by_name["alertmanager"], work)


def test_a_release_page_that_does_not_answer_costs_a_moment(machine) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{closed.getsockname()[1]}"
    started = time.monotonic()
    ensure(["alertmanager"], settings=machine.settings(release_base=base), progress=machine.said.append)
    assert time.monotonic() - started < 2
    assert f"the release page {base} does not answer: building instead" in machine.said


def test_a_release_page_that_hangs_costs_three_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "_PROBE_S", 0.3)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        started = time.monotonic()
        assert not releases.is_reachable(f"http://127.0.0.1:{mute.getsockname()[1]}")
        assert time.monotonic() - started < 1


def test_no_address_is_no_release_page_and_a_wrong_one_is_refused() -> None:
    assert not releases.is_reachable("")
    with pytest.raises(ConfigError, match="no http address"):
        releases.is_reachable("file:///etc")
