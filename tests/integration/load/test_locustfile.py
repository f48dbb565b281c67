"""The plain Locust file, run as a person runs it, against a real router."""

from __future__ import annotations

import csv
import json
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.run.stack.wait import eventually
from tests.integration.router.conftest import Instance, Running

ROOT = Path(__file__).parents[3]
FILE = ROOT / "scenarios" / "locustfile.py"
FREE = ("--app-port", "0", "--metrics-port", "0", "--admin-port", "0", "--disk-capacity-bytes", "1000000000")


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    running = Running(tmp_path_factory.mktemp("logs"), *FREE, "--speed", "60")
    yield Instance(running.fact())
    running.close()


def start(tmp_path: Path, host: str, *options: str, file: Path = FILE) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "locust", "-f", str(file), "--host", host, "--csv", str(tmp_path / "out")]
    return subprocess.Popen(
        [*command, *options], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def locust(tmp_path: Path, router: Instance, *options: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Run Locust without its web page for two seconds; the rows of its CSV by type and name."""
    process = start(tmp_path, f"http://127.0.0.1:{router.ports['app']}", "--headless", "-t", "2s", *options)
    _, errors = process.communicate(timeout=40)
    assert process.returncode == 0, errors[-2000:]
    with (tmp_path / "out_stats.csv").open() as file:
        rows = {(row["Type"], row["Name"]): row for row in csv.DictReader(file)}
    assert rows.pop(("", "Aggregated"))["Failure Count"] == "0", errors[-2000:]
    return rows


def count(rows: dict[tuple[str, str], dict[str, Any]], *key: str) -> int:
    return int(rows[key[0], key[1]]["Request Count"])


def test_every_request_kind_is_a_user_and_first_tokens_have_rows_of_their_own(router: Instance, tmp_path: Path) -> None:
    before = router.total("http_requests_total")
    rows = locust(tmp_path, router, "-u", "14", "-r", "14", "--processes", "2")
    assert set(rows) == {
        ("POST", "generate"), ("POST", "stream"), ("TTFT", "stream"), ("POST", "ask"), ("POST", "malformed"),
        ("POST", "abandoned"), ("TTFT", "abandoned"), ("GET", "astray"), ("GET", "probe"),
    }  # fmt: skip
    assert float(rows["TTFT", "stream"]["Average Response Time"]) < float(
        rows["POST", "stream"]["Average Response Time"]
    )
    # each was sent once: what Locust was still waiting for at its end is not in its tables
    ended = sum(int(row["Request Count"]) for (sort, name), row in rows.items() if sort != "TTFT" and name != "probe")
    assert ended <= router.total("http_requests_total") - before <= ended + 14
    ids = Counter(line["request_id"] for line in router.lines("access"))
    assert max(ids.values()) == 1, "two processes name their requests differently"


def test_the_open_loop_plays_a_story_at_its_own_times(router: Instance, tmp_path: Path) -> None:
    rows = locust(tmp_path, router, "OpenLoop", "--shape", "spike_within_capacity", "--speed", "60")
    assert set(rows) == {("POST", "generate"), ("OPEN", "generate")}
    # 0.2 requests per production second are 12 a second; those of the last moment have no answer yet
    assert count(rows, "OPEN", "generate") == count(rows, "POST", "generate")
    assert 12 <= count(rows, "OPEN", "generate") <= 26


def test_a_shape_and_tags_choose_how_many_users_of_which_kind(router: Instance, tmp_path: Path) -> None:
    rows = locust(
        tmp_path, router, "-u", "40", "-r", "40", "--tags", "malformed", "--shape", "ramp", "--shape-period", "4"
    )
    assert set(rows) == {("POST", "malformed")}
    # half of the way up in two seconds: 20 at most where all at once would have sent 80
    assert 1 <= count(rows, "POST", "malformed") < 40


def test_a_host_that_the_profile_does_not_name_gets_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, "http://192.0.2.1:3000", "--headless", "-t", "2s", "-u", "1")
    _, errors = process.communicate(timeout=40)
    assert process.returncode == 1
    assert "profile.yaml:2:1: 192.0.2.1 is not loopback and no ceiling allows sending to it" in errors
    assert not (tmp_path / "out_stats.csv").read_text()


def test_at_a_ceiling_nothing_more_is_sent_and_it_is_said(router: Instance, tmp_path: Path) -> None:
    # A ceiling also holds for a host that would be allowed without one, which lets loopback stand in here.
    for folder in ("scenarios", "fixtures/llm_router"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    with (tmp_path / "fixtures/llm_router/profile.yaml").open("a") as profile:
        profile.write("load: {allow: {127.0.0.1: {requests: 20, for: 1m wall}}}\n")
    file, before = tmp_path / "scenarios" / "locustfile.py", router.total("http_requests_total", status_code="400")
    options = ("MalformedUser", "--headless", "-t", "3s", "-u", "15", "-r", "15")
    process = start(tmp_path, f"http://127.0.0.1:{router.ports['app']}", *options, file=file)
    _, errors = process.communicate(timeout=40)
    assert router.total("http_requests_total", status_code="400") - before == 20
    assert errors.count("127.0.0.1 was sent 20 requests; its ceiling is 20 requests in 60 s") == 1


def test_the_web_page_lets_users_and_shapes_be_picked(router: Instance, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    host, web = f"http://127.0.0.1:{router.ports['app']}", f"http://127.0.0.1:{port}"
    process = start(tmp_path, host, "--class-picker", "--web-host", "127.0.0.1", "--web-port", str(port))
    try:
        page = eventually(lambda: _get(f"{web}/"), what="the web page", within_s=15, retry_on=(OSError,))
        assert all(word in page for word in ("OpenLoop", "MalformedUser", "normal_load", "Shape"))
        form = b"user_count=4&spawn_rate=4&user_classes=OpenLoop&shape_class=Shape&shape=steady&host=" + host.encode()
        assert json.loads(_get(f"{web}/swarm", form))["success"]
        eventually(lambda: "OPEN" in _get(f"{web}/stats/requests") or None, what="rows of the open loop", within_s=15)
    finally:
        process.terminate()
        process.communicate(timeout=15)


def _get(url: str, form: bytes | None = None) -> str:
    with urllib.request.urlopen(url, data=form, timeout=5) as answer:
        return str(answer.read().decode())
