"""Train the class-data archive of Elasticsearch: use a node once and keep the classes that it loaded."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from harness.core.errors import MachineError
from harness.provision.elasticsearch import elasticsearch_command
from harness.provision.tool import Tool

__all__ = ["train"]

_READY_S = 60.0
_POLL_S = 0.02
_CLOSE_S = 60.0

_TEMPLATE = {
    "index_patterns": ["training-*"],
    "template": {
        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
        "mappings": {
            "dynamic": False,
            "properties": {
                "@timestamp": {"type": "date"},
                "message": {"type": "text"},
                "level": {"type": "keyword"},
                "duration": {"type": "float"},
                "count": {"type": "long"},
                "error": {"properties": {"name": {"type": "keyword"}}},
            },
        },
    },
}
_DOCUMENT = {
    "@timestamp": "2026-01-01T00:00:00.000Z",
    "message": "one line",
    "level": "info",
    "duration": 0.5,
    "count": 3,
    "error": {"name": "none"},
}
_SEARCH = {
    "query": {
        "bool": {
            "filter": [{"range": {"@timestamp": {"gte": "2025-01-01"}}}, {"exists": {"field": "count"}}],
            "must": [{"match": {"message": "line"}}, {"terms": {"level": ["info", "error"]}}],
        }
    },
    "sort": [{"@timestamp": "asc"}],
    "aggs": {"levels": {"terms": {"field": "level"}}, "longest": {"max": {"field": "duration"}}},
}


def train(tool: Tool, bench: Path) -> Path:
    """Start a node in ``bench``, use it, stop it; returns the new archive inside ``bench``.

    The archive is an empty file if this Java makes none. Raises ``MachineError`` if the node does not work.
    """
    archive = bench / "classes.jsa"
    options = (f"-XX:ArchiveClassesAtExit={archive}",)
    untrained = replace(tool, extra={name: path for name, path in tool.extra.items() if name != "archive"})
    argv = elasticsearch_command(untrained, bench / "home", {}, jvm_options=options)
    log = bench / "node.log"
    with log.open("wb") as output:
        node = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            _use(_wait_for_address(bench / "home", node, log))
            node.terminate()
            node.wait(timeout=_CLOSE_S)
        except (OSError, http.client.HTTPException, subprocess.TimeoutExpired) as error:
            raise _failed(log, str(error)) from None
        finally:
            if node.poll() is None:
                os.killpg(node.pid, signal.SIGKILL)
                node.wait()
    archive.touch()
    return archive


def _wait_for_address(home: Path, node: subprocess.Popen[bytes], log: Path) -> str:
    ports = home / "logs" / "http.ports"
    deadline = time.monotonic() + _READY_S
    while not ports.exists():
        if node.poll() is not None or time.monotonic() > deadline:
            raise _failed(log, "it did not listen")
        time.sleep(_POLL_S)
    return ports.read_text(encoding="utf-8").split()[0]


def _failed(log: Path, reason: str) -> MachineError:
    tail = " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
    return MachineError(
        f"Elasticsearch did not start for the first time: {reason}: {tail}",
        remedy="check `java -version` and free memory (about 400 MB), or set HARNESS_JAVA_BINARY",
    )


def _use(address: str) -> None:
    bulk = "".join(f'{{"create":{{"_index":"training-1"}}}}\n{json.dumps(_DOCUMENT)}\n' for _ in range(20))
    for method, path, body in (
        ("GET", "/", ""),
        ("PUT", "/_index_template/training", json.dumps(_TEMPLATE)),
        ("PUT", "/training-1", ""),
        ("POST", "/_bulk", bulk),
        ("POST", "/training-1/_refresh", ""),
        ("GET", "/training-1/_count", ""),
        ("POST", "/training-1/_search", json.dumps(_SEARCH)),
        ("GET", "/_cluster/health", ""),
        ("DELETE", "/training-1", ""),
    ):
        _ask(address, method, path, body)


def _ask(address: str, method: str, path: str, body: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        kind = "application/x-ndjson" if path == "/_bulk" else "application/json"
        connection.request(method, path, body or None, {"Content-Type": kind})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    finally:
        connection.close()
    if answer.status >= 300:
        raise MachineError(f"Elasticsearch answered {method} {path} with {answer.status}: {text[:300]}")
