"""When a story has come to rest: gauges stand where they promise, and Prometheus has looked again."""

from __future__ import annotations

from typing import Any

import pytest

from harness.run.observe.targets import ExpositionTarget
from harness.run.rest import RestBarrier, ScrapedBarrier
from harness.run.stack.wait import NotYet

TEXT = '# TYPE held gauge\nheld{kind="a"} 0\nheld{kind="b"} %d\nheldback 7\n'


class Answers:
    """A server that answers everything with one text."""

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, [""]

    def send(self, _method: str, path: str, **_: Any) -> Answers:
        self.asked.append(path)
        return self

    def require_ok(self) -> Answers:
        return self

    def federate(self, selector: str) -> str:
        self.asked.append(selector)
        return self.text


def test_gauges_rest_when_every_series_does(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Answers(TEXT % 0)
    monkeypatch.setattr("harness.run.rest.server_of", lambda *_args, **_how: (server, "/metrics"))
    barrier = RestBarrier([ExpositionTarget("s-0", "http://127.0.0.1:1/metrics")], {"held": 0.0})
    assert barrier.check() == "held came to rest"
    server.text = TEXT % 3
    with pytest.raises(NotYet, match=r'held\{kind="b"\} of s-0 stands at 3'):
        barrier.check()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# TYPE a untyped\na 1 1001\nb 2 1002\n", ""),
        ("a 1 1001\nb 2 1000\n", "1 of 2 series were not scraped again"),
        ("", "0 of 0 series"),
    ],
)
def test_prometheus_has_looked_again(text: str, problem: str) -> None:
    server: Any = Answers(text)
    barrier = ScrapedBarrier(server, "{a}", 1.0)
    if problem:
        with pytest.raises(NotYet, match=problem):
            barrier.check()
    else:
        assert barrier.check() == "2 series were scraped again"
    assert server.asked[-1] == "{a}"
    assert barrier.text == text
