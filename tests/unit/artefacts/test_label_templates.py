"""Labels that are templates: the values they may take, and whom each of them reaches."""

from __future__ import annotations

import pytest

from harness.artefacts.alertmanager_config import AlertmanagerConfig, read_alertmanager
from harness.artefacts.label_templates import ways_of
from harness.core.source import parse_yaml

ROUTES = """
route:
  receiver: web
  routes:
    - {matchers: [severity="critical"], receiver: pager}
    - {matchers: [team=~"db|cache"], receiver: storage}
    - {matchers: [zone="x"], receiver: web}
receivers: [{name: web}, {name: pager}, {name: storage}]
"""
BRANCHES = "{{ if gt $value 0.9 }}critical{{ else }}warning{{ end }}"


@pytest.fixture(scope="module")
def config() -> AlertmanagerConfig:
    return read_alertmanager(parse_yaml(ROUTES, "alertmanager.yml"))


@pytest.mark.parametrize(
    ("labels", "ways"),
    [
        ({"severity": "critical"}, {}),
        ({"severity": BRANCHES}, {"severity=critical": ("pager",), "severity=warning": ("web",)}),
        ({"severity": "{{ $x := 1 }}" + BRANCHES}, {"severity=critical": ("pager",), "severity=warning": ("web",)}),
        ({"severity": "{{- if $value -}} info {{- else if $x -}} low {{- end -}}"}, {}),
        (
            {"team": "{{ $labels.team }}"},
            {"team=db": ("storage",), "team=cache": ("storage",), "team=anything else": ("web",)},
        ),
        (
            {"severity": "very {{ if $value }}critical{{ end }}"},
            {"severity=critical": ("pager",), "severity=anything else": ("web",)},
        ),
        (
            {"severity": "{{ if $value }}critical{{ end }}"},
            {"severity=critical": ("pager",), "severity=anything else": ("web",)},
        ),
        ({"severity": "critical", "team": "{{ $labels.team }}"}, {}),
        ({"zone": "{{ $labels.zone }}"}, {}),
        ({"else": "{{ $labels.zone }}"}, {}),
    ],
)
def test_each_value_leads_somewhere(config: AlertmanagerConfig, labels: dict, ways: dict) -> None:
    assert ways_of(config, labels) == ways
