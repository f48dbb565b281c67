"""Defects in alertmanager.yml and its templates: who is told of an alert, when, in which words; what silences it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["NOTICE_KINDS", "RENDERED", "ROUTED"]

Rule = dict[str, Any]
Config = dict[str, Any]
Defect = Callable[[Path, tuple[Rule, ...]], dict[str, str]]
"""Makes a defect in the copy of production in a folder; answers the alerts that it concerns, with what was changed."""
_CONFIG: Final = "alertmanager.yml"
_TEMPLATE: Final = "templates/llm_router.tmpl"
_WATCHDOG: Final = "Watchdog"
_ONE_WAY: Final = {"MailDeliveryFails": "monitoring-by-chat", "ChatDeliveryFails": "monitoring-by-mail"}


def _configured(what: str, change: Callable[[Config, tuple[Rule, ...]], Iterable[str]]) -> Defect:
    def make(folder: Path, alerts: tuple[Rule, ...]) -> dict[str, str]:
        document = yaml.safe_load((folder / _CONFIG).read_text())
        concerned = list(change(document, alerts))
        (folder / _CONFIG).write_text(yaml.safe_dump(document, sort_keys=False, width=10_000))
        return dict.fromkeys(concerned, what)

    return make


def _names(alerts: tuple[Rule, ...]) -> list[str]:
    return [rule["alert"] for rule in alerts]


def _people(alerts: tuple[Rule, ...]) -> list[str]:
    """All alerts that people read of."""
    return [name for name in _names(alerts) if name != _WATCHDOG]


# --- routes


def _route(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
    stray = [{"matchers": [f'alertname = "{rule["alert"]}"'], "receiver": "default"} for rule in alerts]
    document["route"]["routes"] = [*stray, *document["route"]["routes"]]
    return _names(alerts)


def _goes_on(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
    more = {"matchers": ['alertname != ""'], "receiver": "default", "continue": True}
    document["route"]["routes"].insert(0, more)
    return _names(alerts)


def _order(document: Config, _alerts: tuple[Rule, ...]) -> list[str]:
    document["route"]["routes"].reverse()
    return list(_ONE_WAY)


def _continued(document: Config, _alerts: tuple[Rule, ...]) -> list[str]:
    for route in document["route"]["routes"]:
        route["continue"] = True
    return list(_ONE_WAY)


def _setting(**changed: Any) -> Callable[[Config, tuple[Rule, ...]], list[str]]:
    """Settings of the root; the watchdog's route has a repeat_interval of its own."""

    def change(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
        document["route"].update(changed)
        return _people(alerts) if "repeat_interval" in changed else _names(alerts)

    return change


def _watchdog_rarely(document: Config, _alerts: tuple[Rule, ...]) -> list[str]:
    document["route"]["routes"][0]["repeat_interval"] = "10m"
    return [_WATCHDOG]


# --- inhibition


def _inhibited(alerts: tuple[Rule, ...]) -> list[str]:
    """Warnings that have a critical alert beside them."""
    critical = {rule["labels"].get("problem") for rule in alerts if rule["labels"]["severity"] == "critical"}
    warnings = [rule for rule in alerts if rule["labels"]["severity"] == "warning"]
    return [rule["alert"] for rule in warnings if rule["labels"]["problem"] in critical]


def _equal(*labels: str) -> Callable[[Config, tuple[Rule, ...]], list[str]]:
    def change(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
        document["inhibit_rules"][0]["equal"] = list(labels)
        return _inhibited(alerts)

    return change


def _any_problem(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
    _equal("service")(document, alerts)
    of_service = {rule["labels"].get("service") for rule in alerts if rule["labels"]["severity"] == "critical"}
    warnings = [rule for rule in alerts if rule["labels"]["severity"] == "warning"]
    return [rule["alert"] for rule in warnings if rule["labels"].get("service") in of_service]


def _none_inhibited(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
    document["inhibit_rules"] = []
    return _inhibited(alerts)


def _too_broad(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
    """Every alert is silenced by one of another problem."""
    for index, rule in enumerate(alerts):
        problem = rule["labels"].get("problem")
        other = next(each for each in alerts[index:] + alerts if each["labels"].get("problem") != problem)
        source, target = f'alertname = "{other["alert"]}"', f'alertname = "{rule["alert"]}"'
        document["inhibit_rules"].append({"source_matchers": [source], "target_matchers": [target]})
    return _names(alerts)


# --- receivers


def _integrations(document: Config) -> list[tuple[str, Config]]:
    return [
        (key, each)
        for receiver in document["receivers"]
        for key, found in receiver.items()
        if key.endswith("_configs")
        for each in found
    ]


def _without(key: str) -> Callable[[Config, tuple[Rule, ...]], list[str]]:
    def change(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
        for receiver in document["receivers"]:
            receiver.pop(key, None)
        one_way = {"slack_configs": "monitoring-by-mail", "email_configs": "monitoring-by-chat"}[key]
        return [name for name in _people(alerts) if _ONE_WAY.get(name) != one_way]

    return change


def _misdirected(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
    for _key, each in _integrations(document):
        each.update({name: f"{each[name]}.example.org" for name in ("to", "channel") if name in each})
        each.update({name: each[name].replace("example.test", "example.org") for name in ("url",) if name in each})
    return _names(alerts)


def _recovery(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
    for _key, each in _integrations(document):
        each["send_resolved"] = not each["send_resolved"]
    return _names(alerts)


def _field(**changed: str | None) -> Callable[[Config, tuple[Rule, ...]], list[str]]:
    """One field of every mail and every message: another text, or left out."""

    def change(document: Config, alerts: tuple[Rule, ...]) -> list[str]:
        for key, each in _integrations(document):
            if key != "webhook_configs":
                each.update({name: text for name, text in changed.items() if text is not None})
                for name in (name for name, text in changed.items() if text is None):
                    each.pop(name)
        return _people(alerts)

    return change


# --- templates


def _template(before: str, after: str) -> Defect:
    def make(folder: Path, alerts: tuple[Rule, ...]) -> dict[str, str]:
        path = folder / _TEMPLATE
        text = path.read_text()
        assert before in text, before
        path.write_text(text.replace(before, after))
        return dict.fromkeys(_people(alerts), f"{before} → {after or 'nothing'}")

    return make


ROUTED: Final[dict[str, Defect]] = {
    "route": _configured("routed to default", _route),
    "route goes on": _configured("default is told as well", _goes_on),
    "route order": _configured("the routes in reverse", _order),
    "route continue": _configured("continue: true everywhere", _continued),
    "inhibition lost": _configured("equal: [problem, service, severity]", _equal("problem", "service", "severity")),
    "inhibition removed": _configured("no inhibit_rules", _none_inhibited),
    "inhibition of any service": _configured("equal: [problem]", _equal("problem")),
    "inhibition of any problem": _configured("equal: [service]", _any_problem),
    "inhibition too broad": _configured("inhibited by an alert of another problem", _too_broad),
}
_TOLD: Final[dict[str, Defect]] = {
    "group_by merges services": _configured("group_by: [alertname]", _setting(group_by=["alertname"])),
    "group_by splits": _configured("group_by: [...]", _setting(group_by=["..."])),
    "group_wait": _configured("group_wait: 1m", _setting(group_wait="1m")),
    "group_interval": _configured("group_interval: 5m", _setting(group_interval="5m")),
    "repeat_interval": _configured("repeat_interval: 4h", _setting(repeat_interval="4h")),
    "repeat_interval of the watchdog": _configured("repeat_interval: 10m", _watchdog_rarely),
    "receiver without chat": _configured("no slack_configs", _without("slack_configs")),
    "receiver without mail": _configured("no email_configs", _without("email_configs")),
    "receiver misdirected": _configured("another address, channel or host", _misdirected),
    "send_resolved": _configured("send_resolved turned round", _recovery),
}
RENDERED: Final[dict[str, Defect]] = {
    "template field misspelt": _template(".Annotations.description", ".Annotations.desription"),
    "template label misspelt": _template(".Labels.severity", ".Labels.sevrity"),
    "template group label misspelt": _template(".GroupLabels.service", ".GroupLabels.servise"),
    "template field dropped": _template("{{ .Annotations.description }}\n", ""),
    "template runbook dropped": _template("Runbook: {{ .Annotations.runbook }}\n", ""),
    "template unrendered": _template("{{ .Labels.severity }}", '{{ "{{ .Labels.severity }}" }}'),
    "template of one state": _template("{{ .Status | toUpper }}", "FIRING"),
    "template empty": _template("{{ range .Alerts }}", "{{ range slice .Alerts 0 0 }}"),
    "template fails": _template(".Labels.severity", ".Labels.severity.name"),
    "template verb": _template("{{ .Labels.severity }}", '{{ printf "%d" .Labels.severity }}'),
    "field empty": _configured("text: ''", _field(text="")),
    "field lost": _configured("no text", _field(text=None)),
    "field of no template": _configured("text: Something is wrong", _field(text="Something is wrong")),
}
NOTICE_KINDS: Final[dict[str, Defect]] = {**ROUTED, **_TOLD, **RENDERED}
