"""Filebeat's counters as the real Filebeat tells them."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from harness.provision import ensure
from harness.run.clients.filebeat import FilebeatClient
from harness.run.clients.http import Http, HttpFault

CONFIG = """
filebeat.inputs: [{{type: log, paths: ['{folder}/app.log'], scan_frequency: 50ms, backoff: 50ms, max_backoff: 50ms}}]
queue.mem.flush.timeout: 50ms
output.file: {{path: '{folder}/out', filename: events}}
http: {{enabled: true, host: 127.0.0.1, port: {port}}}
seccomp.enabled: false
logging.to_files: false
"""


def test_every_line_that_was_delivered_is_acknowledged(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "filebeat.yml").write_text(CONFIG.format(folder=tmp_path, port=port))
    (tmp_path / "filebeat.yml").chmod(0o600)
    (tmp_path / "app.log").write_text('{"n": 1}\n' * 25)
    argv = [str(ensure(["filebeat"])["filebeat"].executable), "-c", "filebeat.yml", "--path.home", str(tmp_path)]
    client = FilebeatClient(Http(f"http://127.0.0.1:{port}"))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=tmp_path, stdout=log, stderr=log)
    try:
        counters = _until_acked(client, 25.0)
    finally:
        process.kill()
        process.wait()
    assert counters["output_acked"] == 25.0, (tmp_path / "log").read_text()[-2000:]
    assert (counters["output_dropped"], counters["output_failed"], counters["pipeline_active"]) == (0.0, 0.0, 0.0)
    assert counters["pipeline_published"] >= 25.0
    assert counters["open_files"] == 1.0


def _until_acked(client: FilebeatClient, wanted: float) -> dict[str, float]:
    deadline, counters = time.monotonic() + 15, dict[str, float]()
    while counters.get("output_acked", 0.0) < wanted and time.monotonic() < deadline:
        time.sleep(0.05)
        try:
            counters = client.counters()
        except HttpFault:
            continue
    return counters
