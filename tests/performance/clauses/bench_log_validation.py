# ruff: noqa: T201
"""What judging log lines costs. Run by name: ``pytest -s tests/performance/clauses/bench_log_validation.py``.

Target: 200,000 lines per second and core. Printed beside two baselines measured in the same run: parsing the same line
(orjson), and the same rules asked one by one for their reasons. No absolute time is asserted.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import orjson
import pytest

from harness.clauses.validation import Known, Shapes, Validator
from harness.clauses.values import broken_fields
from harness.contract.fields import FieldRule

RULES = {
    path: FieldRule.model_validate(rule)
    for path, rule in {
        "level": ["debug", "info", "warn", "error", "fatal"],
        "time": "timestamp",
        "service": ["shop"],
        "version": "string",
        "env": "string",
        "hostname": "string",
        "pid": "integer",
        "seq": "integer",
        "request_id": {"type": "string", "pattern": "[0-9a-f-]+"},
        "request.method": "string",
        "response.status_code": "integer",
        "duration": "number",
        "msg": "string",
    }.items()
}
LINE = {
    "level": "info",
    "time": "2027-01-15T08:00:00.123Z",
    "service": "shop",
    "version": "1.0.0",
    "env": "production",
    "hostname": "shop-7d4b9c",
    "pid": 71,
    "seq": 12345,
    "request_id": "0f3c9a52-81d0-4c11-8f00-8d2e5a1b7c90",
    "request": {"method": "POST"},
    "response": {"status_code": 200},
    "duration": 0.0123,
    "msg": "request",
}
COUNT, ROUNDS = 20_000, 5


def per_line_s(work: Callable[[], object]) -> float:
    """CPU seconds of one line, the best of a few rounds."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(COUNT):
            work()
        rounds.append((time.process_time() - began) / COUNT)
    return min(rounds)


@pytest.fixture(scope="module")
def baselines() -> dict[str, float]:
    text = orjson.dumps(LINE)
    return {
        "orjson.loads of the line": per_line_s(lambda: orjson.loads(text)),
        "the rules one by one": per_line_s(lambda: list(broken_fields(LINE, RULES))),
    }


def told(name: str, cost_s: float, baselines: dict[str, float]) -> None:
    ratios = ", ".join(f"{cost_s / other:.2f} × {label}" for label, other in baselines.items())
    print(f"\n{name}: {cost_s * 1e6:.2f} µs a line, {1 / cost_s:,.0f} lines per second and core; {ratios}")


def test_thirteen_rules(baselines: dict[str, float]) -> None:
    validator = Validator(RULES)
    assert validator.fits(LINE)
    told("13 rules", per_line_s(lambda: validator.fits(LINE)), baselines)


def test_unknown_fields_and_types(baselines: dict[str, float]) -> None:
    shapes, known = Shapes(), Known(RULES)
    assert all(known.covers(path, value) for path, value in shapes.news(LINE))
    told("shape of a line", per_line_s(lambda: shapes.news(LINE)), baselines)


def test_all_of_it(baselines: dict[str, float]) -> None:
    """The rules of a line, and no field beside them: what every line of a stream goes through."""
    validator, shapes, known = Validator(RULES), Shapes(), Known(RULES)

    def judged() -> bool:
        return validator.fits(LINE) and all(known.covers(path, value) for path, value in shapes.news(LINE))

    assert judged()
    told("rules and unknown fields", per_line_s(judged), baselines)
