"""Campaigns that the reference is held against."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.model import Clause
from harness.contract import load_campaign

ROOT = Path(__file__).parents[3]

CONTRACT = """\
harness: contract/1
service: tiny
artefacts:
  prometheus: production/prometheus.yml
  alertmanager: production/alertmanager.yml
  filebeat: production/filebeat.yml
coverage: {require: [alerts fire, alerts stay quiet, panel], waived: {alert TinySlow: nobody looks}}
metrics:
  prefix: tiny_
  also_at: health
  families:
    requests_total: {type: counter, labels: {code: ["200", "500"]}, from_start: all, at_most: 2}
    held: {type: gauge, rests_at: 0, moves: true}
    request_seconds: {type: histogram, buckets: [0.001, 0.01, 0.1, 1]}
logs:
  other_fields: forbidden
  joined_by: request_id
  event_time: time
  stored_in: tiny-%Y.%m.%d
  free_fields: stored
  identity: [seq]
  derived: {took: duration}
  streams:
    requests:
      events: {request: {fields: {code: integer, request_id: string, time: timestamp, seq: integer, options: object}}}
      other_events: forbidden
endpoints:
  health: {port: app, path: /healthz, answers: {200: {}}}
  ready: {port: app, path: /ready, answers: {200: {}}}
answers: {work: {200: {id: string}}}
health:
  service:
    endpoint: health
    state_at: /status
    codes: {healthy: 200, failing: 200}
    checks_at: /checks
    checks: [disk]
    caused_by: {failing: [disk]}
    gauge: tiny_health
  readiness: {endpoint: ready, state_at: /status, codes: {healthy: 200, failing: 200}}
budgets: {exposition: 100ms wall, exposition_bytes: 100000}
alerts:
  TinyFailing: {means: It fails., reaches: on-call, also_told: chat, always: true}
  TinySlow: {means: It is slow., reaches: on-call, yields_to: TinyFailing}
monitoring:
  hops:
    prometheus: {cut_in: cutting, noticed_by: TinyFailing}
    webhook: {cut_in: cutting, noticed_by: TinySlow}
"""
CUTTING = """\
harness: scenario/1
story: Prometheus dies.
phases:
  - {name: dead, until: noticed, cut: {prometheus: killed, webhook: refused}}
  - {name: back, until: recovered}
"""
STORY = """\
harness: scenario/1
story: Everything that a story can expect.
phases:
  - {name: baseline, lasts: 10m, load: {rate: 1/s, mix: {work: 1}}}
  - {name: failing, until: TinyFailing paged, fault: {failures: 100%}, load: {rate: 1/s, mix: {work: 1}}}
  - {name: recovery, until: all resolved}
may_fire: [TinySlow]
quiet: [TinyFailing]
expect:
  - alert TinyFailing: {pages: on-call, before: TinySlow, inhibits: TinySlow}
  - log requests: {events: one per failed work, fields: [request_id, error.name], at: lines}
  - log requests: {events: one per request, where: {level: info}}
  - metric sum(tiny_requests_total): {counts: one per successful request}
  - metric sum by (code) (tiny_requests_total): {counts: one per request, by: {code: status}}
  - metric sum(tiny_requests_total) * 4: {counts: work units of successful work}
  - metric sum(tiny_request_seconds_sum): {counts: seconds of request, within: 50%}
  - series: {during: failing}
  - metric sum(tiny_requests_total) * 1: {rises_in: failing, above: 0.5, during: failing}
  - metric sum(tiny_requests_total) * 2: {above: 10, below: 200}
  - metric sum(tiny_requests_total) * 3: {below: 300, during: baseline}
  - health service: {is: healthy, during: baseline}
  - health service: {becomes: failing}
  - health service: {proves: pairs}
  - load: {all_answered: true, during: baseline}
  - load: {fails: 100%, during: failing}
thresholds:
  - response p95 of work < 1s wall
  - promql sum(tiny_requests_total) * 4 < 5
  - log requests count < 5
  - not saturated
  - alert TinyFailing is quiet during baseline
"""


def clauses_of(path: Path) -> tuple[Clause, ...]:
    return compile_campaign(load_campaign([path]))


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clause, ...]:
    """Clauses of a campaign that makes every kind of promise."""
    folder = tmp_path_factory.mktemp("everything")
    tiny = ROOT / "fixtures" / "tiny"
    shutil.copytree(tiny / "production", folder / "production")
    for name in ("profile.yaml", "campaign.yaml"):
        shutil.copy(tiny / name, folder)
    (folder / "contract.yaml").write_text(CONTRACT)
    with (folder / "profile.yaml").open("a") as profile:
        profile.write("canaries: [key]\n")
    (folder / "everything.yaml").write_text(STORY)
    (folder / "cutting.yaml").write_text(CUTTING)
    rules = folder / "production" / "rules.yml"
    rule = {"alert": "TinySlow", "expr": "sum(rate(tiny_request_seconds_sum[40s])) > 1"}
    rules.write_text(rules.read_text() + f"      - {rule}\n")
    with (folder / "production" / "alertmanager.yml").open("a") as receivers:
        receivers.write("  - name: chat\n")
    return (*clauses_of(folder), *clauses_of(_running(tmp_path_factory.mktemp("running"))))


def _running(folder: Path) -> Path:
    """The tiny campaign, about a subject that runs already and has no logs here."""
    shutil.copytree(ROOT / "fixtures" / "tiny", folder, dirs_exist_ok=True)
    profile = (folder / "profile.yaml").read_text()
    profile = re.sub(r"(?ms)^start:.*?(?=^ports:)", "start: {running: {app: 8080}}\n", profile)
    profile = re.sub(r"(?m)^logs:\n.*\n", "", profile)
    (folder / "profile.yaml").write_text(re.sub(r"(?m)^  - \{logs: .*\n", "", profile))
    return folder


@pytest.fixture(scope="session")
def fixture_clauses() -> tuple[Clause, ...]:
    """Clauses of the two campaigns of this repository."""
    return (*clauses_of(ROOT / "fixtures" / "tiny"), *clauses_of(ROOT / "scenarios"))
