"""Fifty mixed requests against a real process: ledger, counters and log lines agree one to one."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

GENERATE = "/api/generate"


def _ask(one: Any, request_id: str, body: Any, method: str = "POST", path: str = GENERATE) -> tuple[str, int, bytes]:
    headers = {"x-request-id": request_id, "content-type": "application/json", "authorization": "Bearer s3cr3t"}
    return request_id, *one.call(method, path, body, headers=headers)


def _hang_up(one: Any, request_id: str) -> tuple[str, int, bytes]:
    """Send a request that takes seconds and close the socket once it is being worked on."""
    body = json.dumps({"prompt": request_id, "options": {"max_tokens": 4096, "stream": request_id.endswith("s")}})
    head = f"POST {GENERATE} HTTP/1.1\r\nHost: x\r\nx-request-id: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", one.ports["app"])) as client:
        client.sendall((head + body).encode())
        while not any(line.get("request_id") == request_id for line in one.lines("application", "inference started")):
            time.sleep(0.01)
    return request_id, 499, b""


def _drive(one: Any) -> list[tuple[str, int, bytes]]:
    ledger = []
    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(_ask, one, f"good-{n}", {"prompt": f"p{n}"}) for n in range(15)]
        streams = {"stream": True}
        jobs += [pool.submit(_ask, one, f"stream-{n}", {"prompt": f"s{n}", "options": streams}) for n in range(6)]
        jobs += [pool.submit(_ask, one, f"bad-{n}", {"prompt": ""}) for n in range(5)]
        jobs += [pool.submit(_ask, one, f"lost-{n}", None, "GET", f"/lost/{n}?token=s3cr3t") for n in range(4)]
        jobs += [pool.submit(_ask, one, f"wrong-{n}", None, "GET") for n in range(2)]
        jobs += [pool.submit(_hang_up, one, f"gone-{n}{'s' * (n % 2)}") for n in range(5)]
        ledger += [job.result() for job in jobs]
    ledger += [_ask(one, f"again-{n}", {"prompt": f"p{n}"}) for n in range(6)]
    assert one.call("POST", "/faults", {"inference_errors": {"ratio": 0.5}}, server="admin")[0] == 200
    ledger += [_ask(one, f"ill-{n}", {"prompt": f"i{n}"}) for n in range(8)]
    healed = json.loads(one.call("DELETE", "/faults/inference_errors", server="admin")[1])["healed"]
    assert healed["inference_errors"]["applied"] == 4
    return ledger


def test_ledger_counters_and_logs_agree(one: Any, until: Any) -> None:
    ledger = _drive(one)
    until(lambda: one.total("http_requests_total") == len(ledger))
    sent = Counter(status for _, status, _ in ledger)
    assert sent == {200: 15 + 6 + 6 + 4, 400: 5, 404: 4, 405: 2, 499: 5, 500: 4}
    for status, number in sent.items():
        assert one.total("http_requests_total", status_code=str(status)) == number
        assert one.total("http_request_duration_seconds_count", status_code=str(status)) == number
    assert one.total("inference_total", status="success", cached="true") == 6
    assert one.total("inference_total", status="success", cached="false") == 25
    assert one.total("inference_total", status="aborted") == 5
    assert one.total("inference_total", status="error") == one.total("errors_total", type="inference") == 4
    assert one.total("inference_duration_seconds_count") == 40
    assert one.total("errors_total") == 5 + 4 + 2 + 4
    assert one.total("cache_hits_total") == 6
    assert one.total("cache_misses_total") == 34
    assert one.total("queue_processing_seconds_count") == 34
    assert one.total("queue_size") == 0
    until(lambda: one.total("active_connections") == 0)
    _logs_agree(one, ledger)
    _tokens_agree(one, ledger)


def _logs_agree(one: Any, ledger: list[tuple[str, int, bytes]]) -> None:
    access = {line["request_id"]: line["response"]["status_code"] for line in one.lines("access")}
    assert len(one.lines("access")) == len(ledger)
    assert access == {request_id: status for request_id, status, _ in ledger}
    errors = {line["request_id"]: line["error"]["name"] for line in one.lines("error")}
    assert len(one.lines("error")) == one.total("errors_total")
    assert errors.keys() == {request_id for request_id, status, _ in ledger if status not in (200, 499)}
    assert {errors[request_id] for request_id in errors if request_id.startswith("ill")} == {"InferenceFailed"}
    ended = one.lines("application", "inference completed") + one.lines("application", "inference failed")
    assert len(ended) == one.total("inference_total") == len(one.lines("application", "inference started"))
    assert len(one.lines("application", "generation completed")) == 31
    assert len(one.lines("application", "generation failed")) == 9
    audit = Counter(line["event"] for line in one.lines("audit"))
    assert audit == {"inference_start": 40, "inference_complete": 31, "inference_error": 9, "model_load": 2}
    for stream in ("application", "access", "error", "audit", "metrics"):
        lines = one.lines(stream)
        assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
        assert "s3cr3t" not in str(lines)


def _tokens_agree(one: Any, ledger: list[tuple[str, int, bytes]]) -> None:
    answers = [json.loads(body)["data"] for request_id, status, body in ledger if status == 200 and body[:1] == b"{"]
    streams = [body.decode().split("\n\n")[-3] for _, status, body in ledger if status == 200 and body[:1] == b"d"]
    answers += [json.loads(event.removeprefix("data: "))["data"] for event in streams]
    assert len(answers) == 31
    seen = sum(answer["tokens"] for answer in answers if not answer["cached"])
    aborted = sum(line["inference"]["tokens"] for line in one.lines("application", "inference failed"))
    assert one.total("tokens_generated_total") == seen + aborted
    logged = sum(
        line["metric"]["value"] for line in one.lines("metrics") if line["metric"]["name"] == "tokens_generated"
    )
    assert logged == seen + aborted
