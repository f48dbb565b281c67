"""Notices as the real amtool renders them: what is wrong is named, and what only looks wrong is left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from harness.artefacts.alertmanager_config import read_alertmanager
from harness.artefacts.integrations import INTEGRATIONS
from harness.artefacts.notice_texts import texts_of
from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.core.source import load_yaml
from harness.virtual.answers import FiredAlert
from harness.virtual.notice_words import rendered_cells
from harness.virtual.rendering import Group, Renderer
from tests.integration.virtual.test_offline_routes import EVERYTHING

LABELS = {"alertname": "Full", "disk": "/var", "severity": "page"}
FULL = FiredAlert(LABELS, {"summary": "Disk <full> & slow", "runbook": "https://wiki/full#disk"})
OTHER = FiredAlert({**LABELS, "disk": "/tmp"}, {"summary": "Disk fuller", "runbook": "https://wiki/full#disk"})
SUBJECT = "[{{ .Status }}] {{ .GroupLabels.alertname }}"
CONTRACT = """\
harness: contract/1
service: disks
artefacts: {prometheus: prometheus.yml, alertmanager: alertmanager.yml}
alerts:
  Full: {means: A disk is full., runbook: full.md}
"""
PROFILE = """\
harness: profile/1
subject: disks
start: {running: {app: 1}}
ports: [app]
ready: {port: app, path: /}
"""
Said = Callable[..., str]


@pytest.fixture
def said(tmp_path: Path, amtool: Path) -> Said:
    """What is wrong with the notice of a disk that is full, in the words of one integration; empty: nothing."""

    def ask(settings: dict, template: str = "", promise: str = "", alerts=(FULL,), kind: str = "slack") -> str:
        receiver = {"name": "ops", f"{kind}_configs": [settings]}
        route = {"receiver": "ops", "group_by": ["alertname"]}
        config = {"route": route, "receivers": [receiver], "templates": ["*.tmpl"] if template else []}
        files = {
            "alertmanager.yml": yaml.safe_dump(config), "ours.tmpl": template, "contract.yaml": CONTRACT + promise,
            "prometheus.yml": "rule_files: [rules.yml]\n",
            "rules.yml": "groups: [{name: g, rules: [{alert: Full, expr: vector(1)}]}]\n",
            "profile.yaml": PROFILE,
            "campaign.yaml": "harness: campaign/1\nprofile: profile.yaml\ncontract: contract.yaml\n",
        }  # fmt: skip
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        campaign = load_campaign([tmp_path])
        (cell,) = rendered_cells(campaign, read_production(campaign), amtool, {"Full": alerts})
        assert cell.verdict == ("violated" if cell.why else "held")
        return cell.why

    return ask


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ .CommonAnnotations.summary }}", ""),
        ("{{ .CommonAnnotations.sumary }}", "its text is empty"),
        ("Disk: {{ .CommonLabels.disc }}", "its text prints the label disc, which is empty"),
        ('Disk: {{ index .CommonLabels "a disk" }}.', "its text prints the label a disk, which is empty"),
        ("On {{ .GroupLabels.disk }}", "its text prints the group label disk, which is empty"),
        ("Do {{ (index .Alerts 0).Annotations.action }}", "its text prints the annotation action, which is empty"),
        ("On it{{ with .CommonAnnotations.chart }}: {{ . }}{{ end }}", ""),
        ("{{ if .CommonLabels.team }}Team {{ .CommonLabels.team }}{{ else }}Nobody's{{ end }}", ""),
        ("{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}", ""),
        ("{{ .Nonsense }}", "a template fails: "),
        ("{{ printf \"%d\" .CommonLabels.disk }}", "its text: a verb of its template got a value of the wrong type"),
        ("{{ \"{{ .CommonLabels.disk }}\" }}", "its text: it holds '{{'"),
    ],
)  # fmt: skip
def test_a_text_is_read_as_people_read_it(said: Said, text: str, problem: str) -> None:
    told = said({"channel": "#ops", "send_resolved": True, "title": SUBJECT, "text": text})
    assert told.startswith(f"slack: {problem}") if problem else told == ""


def test_recovery_must_not_read_like_the_page(said: Said) -> None:
    fixed = {"channel": "#ops", "title": "ALARM {{ .GroupLabels.alertname }}", "text": "see {{ .ExternalURL }}"}
    assert said(fixed | {"send_resolved": True}) == "slack: the notice of recovery reads like the page"
    assert said(fixed | {"send_resolved": False}) == "", "nobody is told of recovery"
    assert said({"routing_key": "x", "description": "{{ .GroupLabels.alertname }}"}, kind="pagerduty") == ""


def test_what_the_notice_of_recovery_alone_leaves_out_is_found(said: Said) -> None:
    text = "{{ range .Alerts.Firing }}{{ .Annotations.summary }}{{ end }}"
    assert (
        said({"channel": "#ops", "send_resolved": True, "title": SUBJECT, "text": text}) == "slack: its text is empty"
    )


def test_two_alerts_of_one_group_have_less_in_common(said: Said) -> None:
    settings = {"channel": "#ops", "title": SUBJECT, "text": "{{ .CommonAnnotations.summary }}"}
    assert said(settings, alerts=(FULL, OTHER)) == "slack: its text is empty"
    tell = "notices: {tell: [summary]}\n"
    each = settings | {"text": "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ end }}"}
    assert said(each, promise=tell, alerts=(FULL, OTHER)) == ""
    first = settings | {"text": "{{ (index .Alerts 0).Annotations.summary }}"}
    assert said(first, promise=tell, alerts=(FULL, OTHER)) == "slack: it does not tell the summary: Disk fuller"


def test_what_the_contract_says_must_be_told(said: Said) -> None:
    mail = {"to": "a@example.test", "from": "b@example.test", "smarthost": "mail:25"}
    tell = "notices: {tell: [summary, runbook, severity]}\n"
    assert said(mail, promise=tell, kind="email") == "", (
        "the mail of Alertmanager's own tells everything, escaped as HTML"
    )
    assert said({"channel": "#ops"}, promise=tell) == "slack: it does not tell the summary: Disk <full> & slow"
    lame = FiredAlert(LABELS, {"summary": "Full"})
    assert said(mail, promise=tell, alerts=(lame,), kind="email") == "email: the alert has no runbook"
    lost = FiredAlert(LABELS, {"summary": "Full", "runbook": "https://wiki/empty"})
    told = said(mail, promise=tell, alerts=(lost,), kind="email")
    assert told == "email: its runbook is https://wiki/empty; the contract says full.md"


def test_templates_of_a_file_are_read(said: Said) -> None:
    ours = '{{ define "ours" }}{{ .CommonAnnotations.summary }} on {{ .CommonLabels.host }}{{ end }}'
    settings = {"channel": "#ops", "title": SUBJECT, "text": '{{ template "ours" . }}'}
    assert said(settings, ours) == "slack: its text prints the label host, which is empty"
    assert said(settings, ours.replace(".host", ".disk")) == ""
    assert said(settings).startswith("slack: a template fails: "), "it is defined nowhere"


def test_every_kind_of_integration_is_rendered_with_its_defaults(amtool: Path) -> None:
    """What we take for Alertmanager's own templates is there, and reads without a mark."""
    document = load_yaml(EVERYTHING)
    group, renderer = Group("ops", (FULL,), {"alertname": "Full"}), Renderer(amtool, ())
    kinds = set()
    for receiver in read_alertmanager(document).receivers:
        for each in receiver.integrations:
            kinds.add(each.kind)
            texts = [text for text in texts_of(document, each) if not text.is_written]
            assert all("{{" not in words for words in renderer.rendered(texts, group)), each.kind
    assert kinds == set(INTEGRATIONS)
