"""Defects that real gateways had, in the reference router: exactly the verdicts change that they should.

A short story with every odd kind of request: generations that succeed and fail, bad requests, strays and streams that
their reader leaves. Defects that have nothing to do with each other are planted together: each violates its own
clauses, and every other clause is held, so that one gate shows what a gate for each would show.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.tiny.gates import Home
from tests.sabotage.router import Router

STORY = (Path(__file__).parent / "data" / "odd.yaml").read_text(encoding="utf-8")
INFERENCES, ERRORS = ("odd::metrics::sum{}(llm_router_" + name for name in ("inference_total", "errors_total"))
SUCCESSES = INFERENCES.format(" by (model) ") + '{status="success"})::one_per_successful_generate_by_model'
FAILURES = INFERENCES.format(" by (model) ") + '{status="error"})::one_per_failed_generate_by_model'
ABORTS = INFERENCES.format("") + '{status="aborted"})::one_per_aborted_request'
ENGINE = ERRORS.format("") + '{component="engine"})::one_per_failed_generate'
CLIENT = ERRORS.format("") + '{component="http"}) - sum(llm_router_errors_total{type="not_found"})::one_per_malformed'
FAMILY = "campaign::metrics::llm_router_"
RECORDER = "reference_router/recorder.py"


@dataclass(frozen=True)
class Sabotage:
    """A text of the router and what stands there instead; what it violates with words that must be told."""

    file: str
    before: str
    after: str
    violated: dict[str, str]


SABOTAGES = {
    "a placeholder where the model is not known yet": Sabotage(
        RECORDER,
        "pair = (run.model, run.strategy)",
        'pair = (run.model if status == "success" else "unknown", run.strategy)',
        {
            FAILURES: "unknown: grew by",
            **{
                f"{FAMILY}{name}::filled": 'model="unknown"'
                for name in ("inference_total", "inference_duration_seconds", "tokens_generated_total")
            },
        },
    ),
    "a failure blamed on another model": Sabotage(
        RECORDER,
        "pair = (run.model, run.strategy)",
        'pair = ("spark-1b" if status == "error" else run.model, run.strategy)',
        {FAILURES: "spark-1b: grew by"},
    ),
    "an abort that counts as a success": Sabotage(
        RECORDER,
        '"aborted" if isinstance(error, ClientGone) else "error"',
        '"success" if isinstance(error, ClientGone) else "error"',
        {ABORTS: "grew by 0, but there were", SUCCESSES: "ember-7b: grew by"},
    ),
    "a client's fault that counts as the engine's": Sabotage(
        "reference_router/errors.py",
        '400, "BAD_REQUEST", "validation", "http", "warning"',
        '400, "BAD_REQUEST", "inference", "engine", "error"',
        {
            ENGINE: "first missing hop: metric",
            CLIENT: "grew by 0, but there were",
            f"{FAMILY}errors_total::from_start": 'type="validation"} does not exist from the start',
        },
    ),
    "a label that breaks every series": Sabotage(
        "reference_router/exposition.py",
        '    return f"{sample.name}{{{labels}}} " if labels',
        '    if "_cache_hits" in sample.name:\n        labels += \',pod="a"\'\n'
        '    return f"{sample.name}{{{labels}}} " if labels',
        {
            f"{FAMILY}cache_hits_total::labels": "carries the labels cache_type, pod, not the labels cache_type",
            "campaign::metrics::metrics json::agrees": "but metrics json does not hold it",
        },
    ),
    "one request that counts twice": Sabotage(
        RECORDER,
        "        self.metrics.http_requests.labels(*labels).inc()\n",
        "        self.metrics.http_requests.labels(*labels).inc(2 if end.status == 400 else 1)\n",
        {
            "odd::metrics::sum by (status_code) (llm_router_http_requests_total)::one_per_request_by_status_code": (
                "400: grew by"
            ),
        },
    ),
    "a gauge that forgets who left": Sabotage(
        RECORDER,
        "        self.metrics.connections.labels(kind, protocol).dec()\n",
        '        if kind != "stream":\n            self.metrics.connections.labels(kind, protocol).dec()\n',
        {f"{FAMILY}active_connections::rests": 'active_connections{protocol="sse",type="stream"} stands at'},
    ),
}


HTTP = "reference_router/http/operations.py"
SABOTAGES |= {
    "buckets of another release": Sabotage(
        "reference_router/metrics.py",
        "CONNECTION_BUCKETS_S = (1, 10, 30, 60, 300, 600, 1800, 3600)",
        "CONNECTION_BUCKETS_S = (1, 10, 30, 60, 300, 600, 1800)",
        {f"{FAMILY}connection_duration_seconds::buckets": "its buckets are 1 10 30 60 300 600 1800 inf"},
    ),
    "a process metric that is gone": Sabotage(
        "reference_router/process.py",
        '        yield _gauge("process_open_fds", "Open file descriptors.", _open_fds())\n',
        "        _open_fds()\n",
        {f"{FAMILY}process_open_fds::exists": "is not exposed by odd/llm-router-0"},
    ),
    "a page for people without its number of metrics": Sabotage(
        HTTP,
        '            "metric_count": self._exposed.family_count(),\n',
        "",
        {"campaign::endpoints::debug::answers": "metric_count is absent"},
    ),
    "health without its version": Sabotage(
        HTTP,
        '            "version": self._settings.version,\n            "checks"',
        '            "checks"',
        {"campaign::endpoints::health::answers": "version is absent"},
    ),
}
TOGETHER = (
    (
        "a placeholder where the model is not known yet",
        "a gauge that forgets who left",
        "one request that counts twice",
        "a label that breaks every series",
        "buckets of another release",
    ),
    (
        "a failure blamed on another model",
        "an abort that counts as a success",
        "a client's fault that counts as the engine's",
        "a process metric that is gone",
        "a page for people without its number of metrics",
        "health without its version",
    ),
)


def test_every_defect_is_planted_once_and_none_hides_another() -> None:
    assert sorted(name for names in TOGETHER for name in names) == sorted(SABOTAGES)
    for names in TOGETHER:
        violated = [clause for name in names for clause in SABOTAGES[name].violated]
        assert len(violated) == len(set(violated))


@pytest.mark.parametrize("names", TOGETHER, ids=[names[0] for names in TOGETHER])
def test_exactly_these_verdicts_change(tmp_path: Path, names: tuple[str, ...]) -> None:
    home, router = Home(tmp_path / "home"), Router(tmp_path / "router", "odd.yaml", STORY)
    for name in names:
        router.replace(SABOTAGES[name].file, SABOTAGES[name].before, SABOTAGES[name].after)
    # whether a loaded machine keeps the schedule is not what is asked here
    router.replace("fixtures/llm_router/contract.yaml", "lateness_p99: 50ms wall", "lateness_p99: 2s wall")
    # one short story does not fill every panel of a board
    ended = home.gate(router.folder / "scenarios", "-k", "not dashboards", within_s=120)
    changed = {clause: ended.words(clause) for clause in ended.of("violated")}
    expected = {clause: words for name in names for clause, words in SABOTAGES[name].violated.items()}
    assert changed.keys() == expected.keys(), ended.out + ended.err
    for clause, words in expected.items():
        assert words in changed[clause]
    home.assert_clean(sorted(ended.ports))
