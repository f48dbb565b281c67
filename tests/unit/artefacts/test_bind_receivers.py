"""alertmanager.yml: every integration ends in its sink; nothing secret is kept; routing is untouched."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.artefacts import BoundArtefact, Clock, Topology, bind_alertmanager, read_alertmanager
from harness.core.errors import ConfigError
from harness.core.source import Document, parse_yaml

Fixture = Callable[[str], Document]
CLOCK = Clock(60)
ADDRESS_KEYS = ("url", "api_url", "webhook_url", "smarthost")


@pytest.fixture
def everything(fixture: Fixture, alertmanager_topology: Topology) -> BoundArtefact:
    return bind_alertmanager(fixture("alertmanager/everything.yml"), alertmanager_topology, CLOCK)


def receiver(bound: BoundArtefact, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in bound.data["receivers"] if each["name"] == name)
    return found


def test_every_integration_ends_in_its_own_sink(everything: BoundArtefact, alertmanager_topology: Topology) -> None:
    ends = [
        entry[key]
        for each in everything.data["receivers"]
        for kind, entries in each.items()
        if kind != "name"
        for entry in entries
        for key in ADDRESS_KEYS
        if key in entry
    ]
    expected = [sink for (name, _integration), sink in alertmanager_topology.sinks.items() if name != "hook"]
    assert sorted(ends) == sorted(expected)


def test_credentials_go_and_mandatory_ones_become_placeholders(everything: BoundArtefact) -> None:
    critical = receiver(everything, "critical")
    assert critical["email_configs"][0] == {
        "to": "oncall@example.com",
        "smarthost": "127.0.0.1:2525",
        "headers": {"Subject": "[{{ .Status | toUpper }}] {{ .CommonLabels.alertname }}"},
        "require_tls": False,
    }
    assert critical["pagerduty_configs"][0]["routing_key"] == "bound"
    assert critical["slack_configs"][0]["http_config"] == {}
    assert "app_token" not in critical["slack_configs"][1]
    assert receiver(everything, "chat")["webex_configs"][0]["http_config"] == {
        "authorization": {"credentials": "bound"}
    }
    assert receiver(everything, "cloud")["sns_configs"][0]["sigv4"]["access_key"] == "bound"
    assert everything.data["global"] == {
        "resolve_timeout": "5s",
        "smtp_from": "alerts@example.com",
        "wechat_api_corp_id": "corp",
    }


def test_kinds_with_a_fixed_address_become_webhooks(everything: BoundArtefact) -> None:
    critical, archive = receiver(everything, "critical"), receiver(everything, "archive")
    assert len(critical["pagerduty_configs"]) == 1
    assert critical["webhook_configs"] == [{"url": "http://127.0.0.1:8000/critical/pagerduty-1", "send_resolved": True}]
    assert archive["pushover_configs"] == []
    assert archive["webhook_configs"][1]["url"].endswith("/archive/pushover-0")
    assert len([warning for warning in everything.warnings if "its payload is not proved" in warning]) == 2


def test_times_and_their_defaults(everything: BoundArtefact, fixture: Fixture, alertmanager_topology: Topology) -> None:
    route = everything.data["route"]
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("167ms", "167ms", "1m")
    assert route["routes"][0]["group_wait"] == "0s"
    minimal = bind_alertmanager(fixture("alertmanager/minimal.yml"), alertmanager_topology, CLOCK).data
    assert minimal["global"] == {"resolve_timeout": "5s"}
    assert minimal["route"] == {
        "receiver": "hook",
        "group_wait": "500ms",
        "group_interval": "5s",
        "repeat_interval": "4m",
    }
    untouched = bind_alertmanager(fixture("alertmanager/minimal.yml"), alertmanager_topology, Clock(1)).data
    assert untouched["route"] == {"receiver": "hook"}


def test_the_calendar_is_warned_of(everything: BoundArtefact) -> None:
    assert [warning for warning in everything.warnings if "wall calendar" in warning]


def test_routing_is_that_of_production(everything: BoundArtefact, fixture: Fixture) -> None:
    before = read_alertmanager(fixture("alertmanager/everything.yml"))
    after = read_alertmanager(parse_yaml(everything.text, "bound.yml"))
    for labels in (
        {"severity": "critical", "team": "shop"},
        {"severity": "warning"},
        {"alertname": "Watchdog", "severity": "none"},
    ):
        assert before.receivers_for(labels) == after.receivers_for(labels)
    assert everything.data["templates"] == ["t.tmpl"]
    assert "{{ .CommonAnnotations.summary }}" in everything.text


def test_every_unbound_integration_is_named(fixture: Fixture, alertmanager_topology: Topology) -> None:
    sinks = {key: sink for key, sink in alertmanager_topology.sinks.items() if key[0] != "critical"}
    with pytest.raises(ConfigError) as caught:
        bind_alertmanager(fixture("alertmanager/everything.yml"), replace(alertmanager_topology, sinks=sinks), CLOCK)
    for name in ("email-0", "pagerduty-0", "pagerduty-1", "slack-0", "slack-1"):
        assert f"nothing stands for {name} of the receiver 'critical'" in str(caught.value)
    assert "slack-0 of the receiver 'warning'" not in str(caught.value)


def test_unknown_kinds_are_refused_with_a_hint() -> None:
    text = "route: {receiver: a}\nreceivers: [{name: a, slak_configs: [{api_url: 'http://x.example.com'}]}]"
    with pytest.raises(ConfigError, match="'slak' is unknown here did you mean 'slack'"):
        bind_alertmanager(parse_yaml(text, "am.yml"), Topology(), CLOCK)


def test_addresses_in_unknown_places_are_refused(alertmanager_topology: Topology) -> None:
    text = "route: {receiver: a}\nreceivers: [{name: a}]\nglobal: {relay: 'relay.example.com:25'}"
    with pytest.raises(ConfigError, match="relay names the address"):
        bind_alertmanager(parse_yaml(text, "am.yml"), alertmanager_topology, CLOCK)


def test_chat_ids_from_files_are_replaced() -> None:
    text = "route: {receiver: a}\nreceivers: [{name: a, telegram_configs: [{bot_token: x, chat_id_file: /etc/c}]}]"
    sinks = {("a", "telegram-0"): "http://127.0.0.1:1/a/telegram-0"}
    bound = bind_alertmanager(parse_yaml(text, "am.yml"), Topology(sinks=sinks), CLOCK)
    assert bound.data["receivers"][0]["telegram_configs"][0]["chat_id"] == 1
