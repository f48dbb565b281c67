# ruff: noqa: T201
"""What Elasticsearch costs: ``pytest -s -o python_files=bench_*.py tests/performance/stack/bench_elasticsearch.py``.

CPU seconds of one node, each against a baseline of the same run: its start with the archive of loaded classes against
a start without, and the same lines in requests as small as 50 ms gather against five times as many in each.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from harness.provision import Tool, elasticsearch_command, ensure
from harness.run.stack.procfs import cpu_s
from harness.run.stack.wait import eventually

LINES, FEW = 4000, 10
DOCUMENT = {"level": "info", "msg": "request completed", "count": 3, "latency": 0.5, "path": "/v1/generate"}


@pytest.fixture(scope="module")
def tool() -> Tool:
    return ensure(["elasticsearch"])["elasticsearch"]


@contextmanager
def node(tool: Tool, folder: Path) -> Iterator[tuple[int, str]]:
    """A node that listens: its process, and its address."""
    with (folder / "node.log").open("wb") as log:
        process = subprocess.Popen(elasticsearch_command(tool, folder / "home", {}), stdout=log, stderr=log)
    try:
        ports = folder / "home" / "logs" / "http.ports"
        eventually(ports.exists, what="the node to listen", within_s=60, every_s=0.02)
        yield process.pid, ports.read_text(encoding="utf-8").split()[0]
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def start_s(tool: Tool, folder: Path) -> float:
    folder.mkdir()
    with node(tool, folder) as (pid, _):
        return cpu_s(pid)


def indexing_s(tool: Tool, folder: Path, per_request: int) -> float:
    folder.mkdir()
    line = f'{{"create":{{"_index":"lines"}}}}\n{json.dumps(DOCUMENT)}\n'
    with node(tool, folder) as (pid, address):
        began = cpu_s(pid)
        connection = http.client.HTTPConnection(address, timeout=30)
        for _ in range(LINES // per_request):
            connection.request("POST", "/_bulk", line * per_request, {"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            assert not json.loads(answer.read())["errors"]
        connection.close()
        return cpu_s(pid) - began


def test_a_start_with_the_archive_costs_less(tool: Tool, tmp_path: Path) -> None:
    assert "archive" in tool.extra
    without = replace(tool, extra={name: path for name, path in tool.extra.items() if name != "archive"})
    baseline = start_s(without, tmp_path / "without")
    spent = start_s(tool, tmp_path / "with")
    print(f"\na start with the archive of loaded classes: {spent / baseline:.2f} of the {baseline:.2f} CPU-s without")
    assert spent < baseline


def test_lines_that_gather_cost_less(tool: Tool, tmp_path: Path) -> None:
    baseline = indexing_s(tool, tmp_path / "few", FEW)
    spent = indexing_s(tool, tmp_path / "many", 5 * FEW)
    print(f"\n{LINES} lines, {5 * FEW} in a request: {spent / baseline:.2f} of the {baseline:.2f} CPU-s by {FEW}")
    assert spent < baseline
