"""The reference router, its rules, routes and logs, each with one defect: exactly the right verdicts change."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.tiny.gates import Home
from tests.sabotage.router import PRODUCTION, Router

STORY = "scenarios/inference_errors.yaml"


def unreachable(router: Router) -> None:
    """The warning's threshold is one that no load reaches."""
    router.replace(f"{PRODUCTION}/rules/llm_router_alerts.yml", "[5m])) > 0.1", "[5m])) > 1000")


def renamed(router: Router) -> None:
    """A refactoring of the router renames the metric that two alerts stand on."""
    router.replace("reference_router/metrics.py", '"errors", "Failures, each', '"failures", "Failures, each')


def muted(router: Router) -> None:
    """Whoever reads error.log reads nothing."""
    write = "        target = self.streams[stream]\n"
    router.replace("reference_router/logs.py", write, f'        if stream == "error":\n            return\n{write}')


def rerouted(router: Router) -> None:
    """Critical alerts go where warnings go."""
    critical = 'severity = "critical"]\n      receiver: '
    path = f"{PRODUCTION}/alertmanager.yml"
    router.replace(path, f"{critical}critical-alerts", f"{critical}warning-alerts")


def misnamed(router: Router) -> None:
    """The pipeline calls every error something else than dashboards expect."""
    router.replace(
        f"{PRODUCTION}/filebeat.yml", 'event.Put("event_type", "error")', 'event.Put("event_type", "failure")'
    )


def stray(router: Router) -> None:
    """One request in fifty fails for so long that it is one: with this seed the 39th."""
    load = "load: {rate: 0.5/s, mix: {generate: 8, stream: 2}}"
    phase = f"  - {{name: stray, lasts: 100s, fault: {{inference_errors: 2%}}, {load}}}\n"
    calm = "  - {name: calm, lasts: 20s}\n"  # no request of this phase meets the fault of the next one
    router.replace(STORY, "  - {name: some fail", f"{phase}{calm}  - {{name: some fail")


def misdrawn(router: Router) -> None:
    """Panels with a metric of another name, a wrong unit, a label that does not exist, and a query of nothing."""
    boards = f"{PRODUCTION}/dashboards"
    hits = '"expr": "sum(rate(llm_router_cache_'
    router.replace(f"{boards}/overview.json", f"{hits}hits_total", f"{hits}hit_total")
    path = router.folder / boards / "overview.json"
    panel, *rest = path.read_text(encoding="utf-8").split('"title": "Response time"')
    before, _, after = panel.rpartition('"unit": "s"')
    path.write_text(f'{before}"unit": "ms"{after}"title": "Response time"{rest[0]}', encoding="utf-8")
    router.replace(f"{boards}/system.json", "sum by (type, protocol)", "sum by (kind, protocol)")
    loaded = '"expr": "sum(llm_router_models_loaded{job=\\"llm-router\\", instance='
    router.replace(f"{boards}/overview.json", f'{loaded}~\\"$instance\\"', f'{loaded}\\"llm-router-9:9090\\"')


def together(*defects: Callable[[Router], None]) -> Callable[[Router], None]:
    """All of ``defects`` in one router."""

    def inflict(router: Router) -> None:
        for defect in defects:
            defect(router)

    return inflict


@dataclass(frozen=True)
class Sabotage:
    """A defect, what it violates with words that must be told, what it leaves undecided, and what either way."""

    defect: Callable[[Router], None]
    violated: dict[str, str] = field(default_factory=dict)
    inconclusive: frozenset[str] = field(default_factory=frozenset)
    either: frozenset[str] = field(default_factory=frozenset)


WARNING, CRITICAL = (f"inference_errors::alerts::{name}::" for name in ("HighErrorRate", "CriticalErrorRate"))
ERRORS, LOG = "campaign::metrics::llm_router_errors_total::", "inference_errors::logs::error::"
BOARDS = "campaign::dashboards::LLM Router "
RATE = 'sum by (service) (rate(llm_router_errors_total{job="llm-router"}[5m]))'


def of(alert: str, *promises: str) -> frozenset[str]:
    return frozenset(f"{alert}{promise}" for promise in promises)


UNFIRED = ("fires", "pages", "pages_once", "renders", "resolves")
SABOTAGES = {
    "a threshold that is never reached": Sabotage(
        unreachable,
        {f"{WARNING}pends": f"first missing hop: expression\n{RATE} ranged from 0 to 0."},
        of(WARNING, *UNFIRED, "before_CriticalErrorRate") | of(CRITICAL, "inhibits_HighErrorRate"),
    ),
    "a metric under another name": Sabotage(
        renamed,
        {
            f"{WARNING}pends": f"first missing hop: expression\n{RATE} returned no series at any evaluation",
            f"{CRITICAL}pends": f"first missing hop: expression\n{RATE} returned no series at any evaluation",
            'inference_errors::metrics::sum(llm_router_errors_total{component="engine"})::one_per_failed_request': (
                "first missing hop: metric"
            ),
            f"{ERRORS}exists": "first missing hop: exposition",
            "campaign::metrics::llm_router::declared": "llm_router_failures_total is exposed but not declared",
            f"{BOARDS}System Resources/Error rate::has_data": "A returned nothing",
        },
        of(WARNING, *UNFIRED, "before_CriticalErrorRate")
        | of(CRITICAL, *UNFIRED, "inhibits_HighErrorRate")
        | of(ERRORS, "type", "documented", "named", "labels", "label_values", "filled", "series")
        | of(ERRORS, "monotonic", "from_start", "scraped")
        | of(f"{BOARDS}System Resources/Error rate::", "legend", "plausible")
        | of("inference_errors::load::promql_sum(rate(llm_router_errors_total[5m]))_below_during_baseline::", "holds"),
        # nothing is left to wait for in the last phase: it may end before its first request
        either=of("inference_errors::load::failed_below_during_recovery::", "holds"),
    ),
    "a log that stays empty": Sabotage(
        muted,
        {f"{LOG}one_per_failed_request": "but 0 documents of error\nfirst missing hop: log"},
        of(LOG, "arrives", "carries_request_id_error_name_error_message_error_name_event_type")
        | of(LOG, "keeps_time", "derived", "searchable_in_time")
        | of("inference_errors::load::log_error_count_below_during_baseline::", "holds")
        | of("campaign::logs::error::", "envelope", "no_others", "joins"),
    ),
    # three parts that nothing joins: each tells of its own defect and of no other
    "a route, a derived field and four panels, each with one defect": Sabotage(
        together(rerouted, misnamed, misdrawn),
        {
            f"{CRITICAL}pages": "not critical-alerts\nfirst missing hop: route",
            f"{BOARDS}Overview/Cache hit rate::declared": "llm_router_cache_hit_total is declared nowhere",
            f"{BOARDS}Overview/Response time::unit": "the unit 'ms' shows seconds times 1000",
            f"{BOARDS}System Resources/Active connections::declared": "by (kind): nothing below it has that label",
            f"{BOARDS}Overview/Models loaded::has_data": "A returned nothing",
        }
        | {
            f"inference_errors::logs::{stream}::derived": "is 'failure', not 'error'\nfirst missing hop: Filebeat"
            for stream in ("application", "error")
        },
        of(CRITICAL, "pages_once", "renders", "resolves", "inhibits_HighErrorRate")
        | of(f"{BOARDS}Overview/Cache hit rate::", "has_data", "plausible")
        | of(f"{BOARDS}System Resources/Active connections::", "legend"),
    ),
    "one stray error": Sabotage(stray),
}


@pytest.mark.alone  # the router keeps a core busy, and promises answers within a second
@pytest.mark.parametrize("sabotage", SABOTAGES.values(), ids=SABOTAGES)
def test_exactly_these_verdicts_change(tmp_path: Path, sabotage: Sabotage) -> None:
    home, router = Home(tmp_path / "home", measured=False), Router(tmp_path / "router")
    sabotage.defect(router)
    ended = home.gate(router.folder / "scenarios", within_s=120)
    judged = {clause: verdict for clause, verdict in ended.verdicts.items() if clause not in sabotage.either}
    changed = {clause: verdict for clause, verdict in judged.items() if verdict != "held"}
    expected = dict.fromkeys(sabotage.violated, "violated") | dict.fromkeys(sabotage.inconclusive, "inconclusive")
    assert changed == expected
    assert ended.code == (1 if sabotage.violated else 0), ended.out + ended.err
    for clause, words in sabotage.violated.items():
        assert words in ended.words(clause)
    if sabotage.defect is stray:
        rows = [row for row in map(json.loads, ended.lines("records/request.ndjson")) if row["phase"] == "stray"]
        assert [row["expected"] for row in rows].count(False) == 1
    home.assert_clean(sorted(ended.ports))
