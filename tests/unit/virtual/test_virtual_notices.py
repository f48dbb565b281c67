"""How people are told, against what the contract promises: decided from the files, without any tool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.artefacts.alertmanager_config import read_alertmanager
from harness.artefacts.notice_texts import address_of, texts_of
from harness.clauses.blemishes import blemish
from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.contract.notices import Notices
from harness.core.errors import ConfigError
from harness.core.source import parse_yaml
from harness.virtual.answers import FiredAlert
from harness.virtual.notices import notice_cells
from harness.virtual.rendering import Group
from harness.virtual.subjects import examined_alerts
from harness.virtual.told import as_fired

ALERTMANAGER: dict[str, Any] = {
    "route": {"receiver": "ops", "group_by": ["alertname"], "group_wait": "10s"},
    "receivers": [
        {
            "name": "ops",
            "slack_configs": [{"channel": "#ops", "send_resolved": True}, {"channel": "#all", "send_resolved": True}],
            "webhook_configs": [{"url": "http://user:secret@hooks.example.test/T0/secret"}],
        }
    ],
}
RULE = {
    "alert": "Full",
    "expr": "vector(1)",
    "labels": {"severity": "page"},
    "annotations": {"summary": "{{ $value }}%"},
}
PROMISE = """\
harness: contract/1
service: disks
artefacts: {prometheus: prometheus.yml, alertmanager: alertmanager.yml}
alerts:
  Full: {means: A disk is full., carries: {severity: page}}
"""
PROFILE = """\
harness: profile/1
subject: disks
start: {running: {app: 1}}
ports: [app]
ready: {port: app, path: /}
"""
FILES = {
    "profile.yaml": PROFILE,
    "campaign.yaml": "harness: campaign/1\nprofile: profile.yaml\ncontract: contract.yaml\n",
    "prometheus.yml": "global: {external_labels: {region: eu}}\nrule_files: [rules.yml]\n",
    "rules.yml": yaml.safe_dump({"groups": [{"name": "g", "rules": [RULE]}]}),
    "alertmanager.yml": yaml.safe_dump(ALERTMANAGER),
}


def told(folder: Path, promise: str = "", labels: dict[str, str] | None = None) -> tuple[str, str]:
    """What the cell says that production does, and why it is violated."""
    for name, text in (FILES | {"contract.yaml": PROMISE + promise}).items():
        (folder / name).write_text(text)
    campaign = load_campaign([folder])
    alert = FiredAlert({"alertname": "Full", "severity": "page", **(labels or {})}, {})
    (cell,) = notice_cells(
        campaign, read_production(campaign), {"Full": [alert], "Stray": [FiredAlert({"alertname": "S"}, {})]}
    )
    assert cell.verdict == ("violated" if cell.why else "held")
    return cell.does, cell.why


def test_what_production_does_is_told_without_a_secret(tmp_path: Path) -> None:
    assert told(tmp_path) == (
        "slack 1 #ops, slack 2 #all, webhook hooks.example.test; grouped by alertname; "
        "first after 10s, more after 5m, again after 4h", "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("promise", "why"),
    [
        ("notices: {grouped_by: [alertname], first_after: 10s, more_after: 5m, again_after: 4h, recovery: true}", ""),
        ("notices: {grouped_by: [alertname, disk]}", "grouped by alertname; should: alertname, disk"),
        ("notices: {first_after: 30s}", "the first comes after 10s; should: 30s"),
        ("notices: {more_after: 10s}", "more come after 5m; should: 10s"),
        ("notices: {again_after: 1h}", "they come again after 4h; should: 1h"),
        ("notices: {recovery: false}",
         "slack 1 is told of recovery; slack 2 is told of recovery; webhook is told of recovery"),
        ('receivers: {ops: {slack: ["#all", "#ops"], webhook: hooks.example.test}}', ""),
        ('receivers: {ops: {slack: "#ops", email: a@example.test}}',
         "slack tells #all, #ops; should: #ops; email tells nobody; should: a@example.test; "
         "webhook tells hooks.example.test; should: nobody"),
    ],
)  # fmt: skip
def test_each_difference_is_named(tmp_path: Path, promise: str, why: str) -> None:
    assert told(tmp_path, promise + "\n")[1] == why


def test_labels_that_others_build_on_are_held(tmp_path: Path) -> None:
    assert told(tmp_path, labels={"severity": "ticket"})[1] == "it carries another severity than page"


def test_a_receiver_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no receiver 'opps'"):
        told(tmp_path, "receivers: {opps: {slack: '#ops'}}\n")


def test_an_alert_says_otherwise_than_all() -> None:
    general = Notices(tell=["summary"], recovery=True)
    assert general.with_own(Notices(recovery=False)) == Notices(tell=["summary"], recovery=False)
    assert general.with_own(Notices(tell=[])) == Notices(tell=[], recovery=True)


def test_an_alert_that_never_fired_stands_there_as_it_is_written(tmp_path: Path) -> None:
    told(tmp_path)
    campaign = load_campaign([tmp_path])
    known = examined_alerts(campaign, read_production(campaign))
    (written,) = as_fired(known, {}, {"region": "eu"})["Full"]
    assert written == FiredAlert({"region": "eu", "alertname": "Full", "severity": "page"}, {"summary": "…%"})
    fired = FiredAlert({"alertname": "Full", "disk": "/var"}, {"summary": "97%"})
    assert as_fired(known, {"Full": [fired]}, {})["Full"] == (fired,)


def test_fields_are_found_wherever_they_hold_a_template_and_defaults_where_none_is_written() -> None:
    mail = {"to": "a", "headers": {"Subject": "{{ .Status }}", "X-Team": "ops"}, "html": ""}
    chat = {"channel": "#a", "fields": [{"title": "T", "value": "{{ .Status }}"}], "color": '{{ "x" }}'}
    duty = {"routing_key": "k", "description": "{{ .Status }}"}
    receiver = {"name": "r", "email_configs": [mail], "slack_configs": [chat], "pagerduty_configs": [duty]}
    document = parse_yaml(yaml.safe_dump({"route": {"receiver": "r"}, "receivers": [receiver]}), "am.yml")
    found = {each.kind: texts_of(document, each) for each in read_alertmanager(document).receivers[0].integrations}
    assert [text.name for text in found["email"]] == ["headers.Subject"], "html is switched off, the subject written"
    assert [text.name for text in found["slack"]] == ["color", "fields.0.value", "text", "fallback"]
    assert [text.is_for_people for text in found["slack"]] == [False, True, True, True]
    assert found["slack"][2].template == '{{ template "slack.default.text" . }}'
    assert found["pagerduty"][1].template == '{{ template "pagerduty.default.instances" .Alerts.Firing }}'
    addresses = [address_of(document, each) for each in read_alertmanager(document).receivers[0].integrations]
    assert sorted(addresses) == ["", "#a", "a"]


def test_templates_see_what_alerts_have_in_common() -> None:
    one = FiredAlert({"alertname": "A", "disk": "/"}, {"summary": "s", "runbook": "r"})
    two = FiredAlert({"alertname": "A", "disk": "/var"}, {"summary": "t", "runbook": "r"})
    group = Group("ops", (one, two), {"alertname": "A"})
    data = group.data()
    assert (data["commonLabels"], data["commonAnnotations"]) == ({"alertname": "A"}, {"runbook": "r"})
    assert group.lacks("group label", "disk")
    assert not group.lacks("label", "disk")
    assert group.with_value("annotation", "x", "1").data()["commonAnnotations"] == {"runbook": "r", "x": "1"}
    assert group.with_value("label", "x", "1").data()["alerts"][1]["labels"]["x"] == "1"
    assert group.with_value("group label", "x", "1").data()["groupLabels"] == {"alertname": "A", "x": "1"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("100% of {a} is 5%! (bad)", ""),
        ("<no value>", "it holds '<no value>'"),
        ("%!d(string=x)", "a verb of its template got a value of the wrong type"),
    ],
)
def test_marks_of_templates_are_told_from_words(text: str, found: str) -> None:
    assert blemish(text) == found
