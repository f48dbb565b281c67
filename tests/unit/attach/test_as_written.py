"""What runs against what is written: each difference is told, and what could not be read is no verdict."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.clauses.as_written import TOLD, compile_as_written, routing_of
from harness.clauses.attached import ATTACHED, Reach, attached_clauses
from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Judgement, Need
from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.evidence.records import (
    AlertSnapshot,
    CellFinished,
    CellStarted,
    LoadedRule,
    Reading,
    Record,
    Routing,
    RuleState,
    Unmet,
)
from harness.evidence.store import Evidence
from harness.run.attach.watching import Watch, told_fault
from harness.run.clients.http import HttpFault
from tests.unit.attach.conftest import ROOT, TINY

T = 1_800_000_000.0
RULE, ROUTES = "TinyFailing::as_written", "routing::as_written"
DELIVERY, ON = "delivery::agrees", "TinyFailing::is_on"
LOADED = LoadedRule(
    ATTACHED,
    T,
    "tiny",
    "TinyFailing",
    "alert",
    "sum(rate(tiny_failures_total[40s])) > 0.1",
    20.0,
    0.0,
    {"severity": "critical", "service": "tiny"},
    {
        "summary": "Tiny fails {{ $value | humanize }} requests per second",
        "description": "More than one request in ten seconds failed for twenty seconds.",
    },
)
FIRING = RuleState(ATTACHED, T, "tiny", "TinyFailing", "firing", "ok", "", T)
ACTIVE = AlertSnapshot(ATTACHED, T, {"alertname": "TinyFailing"}, "f", "active", T)


@pytest.fixture
def campaign(tiny: Path) -> Path:
    contract = tiny / "contract.yaml"
    contract.write_text(contract.read_text().replace("    fires_in: failing\n", "    always: true\n"))
    return tiny


def judged(folder: Path, clause: str, records: Iterable[Record], *, over: bool = True) -> Judgement:
    campaign = load_campaign([folder])
    clauses = {c.id: c for c in compile_as_written(campaign, read_production(campaign), ATTACHED)}
    ended = [CellFinished(ATTACHED, T, completed=True)] if over else []
    evidence = Evidence([CellStarted(ATTACHED, T, 1.0, 1.0, 1.0), *records, *ended], (ATTACHED,))
    return clauses[f"campaign::alerts::{clause}"].judge(evidence)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"expression": "sum(rate(tiny_failures_total[40s])) > 0.2"}, "it evaluates"),
        ({"expression": "what only a newer server knows ~~"}, "it evaluates"),
        ({"for_s": 60.0}, "for is 1m, written is 20s"),
        ({"keep_firing_for_s": 30.0}, "keep_firing_for is 30s, written is 0s"),
        ({"labels": {"severity": "page"}}, "its labels are"),
        ({"annotations": {"summary": "it fails"}}, "other annotations than written: description, summary"),
        ({"group": "other"}, "Prometheus has no TinyFailing in the group tiny"),
    ],
)
def test_a_rule_that_was_changed(campaign: Path, change: dict[str, Any], words: str) -> None:
    judgement = judged(campaign, RULE, [replace(LOADED, **change)])
    assert judgement.verdict == "violated"
    assert words in judgement.message


def test_a_rule_as_written_and_one_that_nobody_read(campaign: Path) -> None:
    assert judged(campaign, RULE, [LOADED]).verdict == "held"
    assert judged(campaign, RULE, []).verdict == "open"


def config(**changes: Any) -> Routing:
    document = yaml.safe_load((TINY / "production" / "alertmanager.yml").read_text())
    return Routing(ATTACHED, T, routing_of({**document, **changes}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"receivers": [{"name": "on-call"}]}, "receiver on-call is nobody, written is webhook"),
        ({"global": {"resolve_timeout": "1m"}}, "resolve_timeout is 1m, written is 5m"),
        (
            {"inhibit_rules": [{"source_matchers": ["a=b"], "target_matchers": ["c=d"], "equal": ["e"]}]},
            "inhibit_rules[0] is",
        ),
        (
            {"route": {"receiver": "on-call", "routes": [{"matchers": ["a=b"], "continue": True}]}},
            "route.group_by is , written is alertname, service",
        ),
    ],
)
def test_routing_that_was_changed(campaign: Path, changes: dict[str, Any], words: str) -> None:
    judgement = judged(campaign, ROUTES, [config(**changes)])
    assert judgement.verdict == "violated"
    assert words in judgement.message


def test_routing_as_written_and_what_cannot_be_understood(campaign: Path) -> None:
    assert judged(campaign, ROUTES, [config()]).verdict == "held"
    assert judged(campaign, ROUTES, []).verdict == "open"
    broken = judged(campaign, ROUTES, [Routing(ATTACHED, T, {"route": {"receiver": "nobody"}, "receivers": []})])
    assert (broken.verdict, "cannot be understood" in broken.message) == ("open", True)


def test_routing_keeps_nothing_that_opens_a_receiver() -> None:
    kept = routing_of(
        {
            "global": {"smtp_auth_password": "secret", "resolve_timeout": "5m"},
            "route": {"receiver": "a"},
            "receivers": [{"name": "a", "slack_configs": [{"api_url": "https://secret", "send_resolved": True}]}],
        }
    )
    assert kept == {
        "global": {"resolve_timeout": "5m"},
        "route": {"receiver": "a"},
        "receivers": [{"name": "a", "slack_configs": [{"send_resolved": True}]}],
    }


def test_an_alert_that_is_always_on(campaign: Path) -> None:
    assert judged(campaign, ON, [FIRING, ACTIVE]).verdict == "held"
    assert "Alertmanager does not hold it" in judged(campaign, ON, [FIRING]).message
    assert judged(campaign, ON, [FIRING, ACTIVE], over=False).verdict == "open"


def test_delivery(campaign: Path) -> None:
    known = Reading(ATTACHED, T, "prometheus", TOLD, 1.0)
    quiet = replace(FIRING, state="inactive")
    assert judged(campaign, DELIVERY, [quiet, known]).verdict == "held"
    assert judged(campaign, DELIVERY, [quiet]).verdict == "open"
    assert judged(campaign, DELIVERY, [known]).verdict == "open"
    # one that came between two reads may be on its way
    assert judged(campaign, DELIVERY, [quiet, replace(FIRING, t=T + 1), known]).verdict == "held"
    assert judged(campaign, DELIVERY, [FIRING, replace(ACTIVE, state="gone")]).verdict == "violated"


def test_rules_that_nobody_could_read_are_not_missing() -> None:
    """A Prometheus that does not answer has not forgotten its rules."""
    campaign = load_campaign([TINY])
    armed = next(c for c in compile_campaign(campaign) if c.promise == "armed")
    records = [CellStarted("failing", T, 1.0, 1.0, 1.0), CellFinished("failing", T, completed=True)]
    assert armed.judge(Evidence(records)).verdict == "violated"
    assert armed.judge(Evidence([*records, Unmet("failing", T, "rules", "no answer")])).verdict == "open"


def test_every_clause_of_the_router_is_judged_or_says_why_not() -> None:
    campaign = load_campaign([ROOT / "scenarios"])
    clauses = attached_clauses(campaign, compile_campaign(campaign), Reach())
    judged = [clause for clause in clauses if not clause.not_applicable]
    assert {clause.plane for clause in judged} == {"metrics", "logs", "endpoints", "health", "alerts"}
    assert all(clause.cells == (ATTACHED,) for clause in judged)
    needs = {need.kind for clause in judged for need in clause.needs}
    assert needs == {"expositions", "lines", "answers", "rules", "loaded", "routing", "alerts", "series"}


def test_an_endpoint_that_would_be_written_to_is_left_alone(tiny: Path) -> None:
    contract = tiny / "contract.yaml"
    contract.write_text(contract.read_text().replace("    path: /healthz\n", "    path: /healthz\n    method: POST\n"))
    campaign = load_campaign([tiny])
    clauses = {c.id: c for c in attached_clauses(campaign, compile_campaign(campaign), Reach())}
    assert clauses["campaign::endpoints::health::answers"].not_applicable == "attach only reads, and sends no POST"


class Silent:
    """A reader whose server never answers."""

    server, needs, once = "Prometheus", (Need("rules"),), False

    def read(self, now: float) -> Iterable[Record]:
        raise HttpFault("GET", "http://p/api", reason="refused")


def test_a_cancelled_watch_ends_at_once() -> None:
    cancel, seen = threading.Event(), list[Record]()
    cancel.set()
    assert Watch((Silent(),), seen.append, lambda: T, cancel).run() is False
    assert seen == []


def test_faults_say_who_has_to_mend_what() -> None:
    assert told_fault("Thanos", HttpFault("GET", "http://t", status=503)) == "Thanos: GET http://t: answered 503"
