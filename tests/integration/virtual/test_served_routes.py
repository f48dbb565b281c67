"""Who would be told and what silences it, as the file says and as a running Alertmanager does it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson

from harness.artefacts import ALERTMANAGER_FLAGS, Clock, Topology, bind_alertmanager, read_alertmanager
from harness.artefacts.alertmanager_config import AlertmanagerConfig
from harness.artefacts.routing import InhibitRule
from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.core.source import Document, load_yaml
from harness.run.clients.alertmanager import AlertmanagerClient
from harness.run.clients.http import Http
from harness.run.sinks.loop import SinkLoop
from harness.run.sinks.mail import MailSink
from harness.run.sinks.webhooks import WebhookSink
from harness.virtual.routes import amtool_receivers
from harness.virtual.subjects import examined_alerts, rule_set
from tests.integration.clients.conftest import free_port, running

ROOT = Path(__file__).parents[3]
NASTY = Path(__file__).parent / "data" / "routes" / "alertmanager.yml"
ROUTER = ROOT / "fixtures" / "llm_router" / "production" / "alertmanager.yml"
Labels = Mapping[str, str]
VALUES: Mapping[str, Sequence[str]] = {
    "alertname": ("HostDown", "ClusterDown", "ClusterSlow", "Maintenance"),
    "severity": ("", "critical", "criticality", "page", "warning", "warn", "info", "not critical"),
    "team": ("", "db", "dx", "lab", "laboratory"),
    "service": ("", "payments", "shop", "shops", "payroll"),
    "region": ("", "eu-1", "eu-", 'us, "west"', "us"),
    "rehearsal": ("", "yes", "no"),
    "bereich.name": ("", "käse", "kase", "brot"),
    "team name": ("", "a", "b", "ab"),
    "équipe": ("", "paie", "prêt"),
    "note": ("", "on call", "on"),
    "path": ("", "/a/x.log", "/a/xlog", "/b/a/x.log"),
}


@dataclass(frozen=True, slots=True)
class Served:
    """What the server says of one alert: its receivers, its groups by receiver, and what silences it."""

    receivers: tuple[str, ...]
    groups: Mapping[str, frozenset[tuple[str, str]]]
    silenced_by: tuple[Labels, ...]


class Server:
    def __init__(self, client: AlertmanagerClient) -> None:
        self._client = client

    def post(self, alerts: Sequence[Labels], *, over: bool = False) -> None:
        """Tell it that ``alerts`` fire, or that they do not any more."""
        now = time.time()
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 1 if over else now + 600))
        begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 60))
        body = orjson.dumps([{"labels": labels, "startsAt": begun, "endsAt": ends} for labels in alerts])
        reply = self._client.http.send(
            "POST", "/api/v2/alerts", body=body, headers={"content-type": "application/json"}
        )
        assert reply.ok, reply.text

    def told(self, alerts: Sequence[Labels]) -> list[Served]:
        """What it says of ``alerts`` once it holds just these, in groups as well."""
        deadline, wanted = time.monotonic() + 15, Counter(map(_key, alerts))
        while True:
            held, groups = self._client.alerts(), self._client.groups()
            grouped = {_key(each["labels"]) for group in groups for each in group["alerts"]}
            if Counter(_key(each["labels"]) for each in held) == wanted and wanted.keys() <= grouped:
                return self._served(alerts, held, groups)
            assert time.monotonic() < deadline, (len(held), len(grouped), len(alerts))
            time.sleep(0.05)

    def _served(self, alerts: Sequence[Labels], held: list[Any], groups: list[Any]) -> list[Served]:
        by_labels = {_key(each["labels"]): each for each in held}
        by_print = {each["fingerprint"]: each["labels"] for each in held}
        where: dict[str, dict[str, frozenset[tuple[str, str]]]] = {}
        for group in groups:
            for each in group["alerts"]:
                where.setdefault(_key(each["labels"]), {})[group["receiver"]["name"]] = _set(group["labels"])
        return [
            Served(
                tuple(each["name"] for each in by_labels[_key(labels)]["receivers"]),
                where[_key(labels)],
                tuple(by_print[name] for name in by_labels[_key(labels)]["status"]["inhibitedBy"]),
            )
            for labels in alerts
        ]


def _key(labels: Labels) -> str:
    return orjson.dumps(dict(labels), option=orjson.OPT_SORT_KEYS).decode()


def _set(labels: Labels) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


@contextmanager
def serving(document: Document, folder: Path) -> Iterator[Server]:
    """A real Alertmanager on the file, every integration of which ends in a sink of ours."""
    with SinkLoop() as loop:
        web, mail = WebhookSink(loop, lambda _: None), MailSink(loop, lambda _: None)
        sinks: dict[tuple[str, str], str] = {}
        for receiver in read_alertmanager(document).receivers:
            for each in receiver.integrations:
                name, sink = f"{each.kind}-{each.index}", mail.address if each.kind == "email" else web.url
                sinks[receiver.name, name] = sink(receiver.name, name)
        templates = {"templates/*.tmpl": (str(ROUTER.parent / "templates" / "llm_router.tmpl"),)}
        bound = bind_alertmanager(document, Topology(sinks=sinks, files=templates), Clock(1))
        (folder / "alertmanager.yml").write_text(bound.text)
        port = free_port()
        client = AlertmanagerClient(Http(f"http://127.0.0.1:{port}"))
        listen = (f"--web.listen-address=127.0.0.1:{port}", *ALERTMANAGER_FLAGS, "--config.file=alertmanager.yml")
        with running("alertmanager", *listen, ready=client.ready, cwd=folder):
            yield Server(client)


def agreed(server: Server, config: AlertmanagerConfig, firing: Sequence[Labels]) -> list[Served]:
    """Our reading of the file, for alerts that all fire at once, is what the server does; answers what it says.

    It learns of alerts that silence others a little later than of the alerts.
    """
    deadline = time.monotonic() + 10
    while True:
        served = server.told(firing)
        wrong = [each for each in zip(firing, served, strict=True) if not agrees(config, firing, *each)]
        if not wrong:
            return served
        assert time.monotonic() < deadline, wrong[0]
        time.sleep(0.05)


def agrees(config: AlertmanagerConfig, firing: Sequence[Labels], labels: Labels, said: Served) -> bool:
    """Whether the server tells the receivers, in the groups, and silences by the alerts that the file says."""
    groups: dict[str, list[frozenset[tuple[str, str]]]] = {}
    for each in config.routes_for(labels):
        groups.setdefault(each.receiver, []).append(_set(each.group_labels(labels)))
    certain, possible = silenced(config, labels, firing)
    return (
        config.receivers_for(labels) == tuple(dict.fromkeys(said.receivers))
        and groups.keys() == said.groups.keys()
        and all(found in groups[name] for name, found in said.groups.items())
        and certain <= bool(said.silenced_by) <= possible
        and all(config.inhibited_by(labels, [source]) for source in said.silenced_by)
    )


def silenced(config: AlertmanagerConfig, labels: Labels, firing: Sequence[Labels]) -> tuple[bool, bool]:
    """Whether an alert is silenced for certain, and whether it may be, while all of ``firing`` fire.

    Of all sources with the same equal labels Alertmanager keeps one. Where that one matches both sides of the rule, as
    the alert itself does, it silences nothing, and neither do the others, which could.
    """
    rules = [(rule, [each for each in firing if rule.inhibits(each, labels)]) for rule in config.inhibit_rules]
    effective = [(rule, sources) for rule, sources in rules if sources]
    certain = any(len(sources) == len(kept(rule, labels, firing)) for rule, sources in effective)
    return certain, bool(effective)


def kept(rule: InhibitRule, labels: Labels, firing: Sequence[Labels]) -> list[Labels]:
    """The sources of a rule that have the equal labels of ``labels``."""
    return [
        each
        for each in firing
        if all(matcher.accepts(each.get(matcher.name, "")) for matcher in rule.source)
        and all(each.get(name, "") == labels.get(name, "") for name in rule.equal)
    ]


def rounds(server: Server, config: AlertmanagerConfig, alerts: Sequence[Labels], random: Random) -> Iterator[int]:
    """Compare while all fire, then while fewer and fewer do; answers how many were silenced each time."""
    firing = list(alerts)
    server.post(firing)
    while len(firing) > 4:
        served = agreed(server, config, firing)
        yield sum(bool(each.silenced_by) for each in served)
        over = random.sample(firing, len(firing) // 2)
        server.post(over, over=True)
        firing = [each for each in firing if each not in over]
        server.post(firing)  # as Prometheus does again and again: the source that is kept may be over


def any_labels(random: Random, count: int) -> list[dict[str, str]]:
    """Label sets of every mixture; a label that is empty is not there."""
    found: dict[str, dict[str, str]] = {}
    while len(found) < count:
        labels = {name: random.choice(values) for name, values in VALUES.items()}
        full = {name: value for name, value in labels.items() if value}
        found[_key(full)] = full
    return list(found.values())


def test_our_reading_of_an_odd_file_is_what_the_server_does(tmp_path: Path) -> None:
    document, random = load_yaml(NASTY), Random(4)
    config = read_alertmanager(document)
    alerts = any_labels(random, 150)
    assert {name for labels in alerts for name in config.receivers_for(labels)} == {
        each.name for each in config.receivers
    }, "every receiver is reached by some alert"
    with serving(document, tmp_path) as server:
        counts = list(rounds(server, config, alerts, random))
    assert counts[0] > len(alerts) / 4 > counts[-1], counts


def test_amtool_agrees_on_the_odd_file(amtool: Path) -> None:
    config = read_alertmanager(load_yaml(NASTY))
    for labels in any_labels(Random(7), 20):
        assert amtool_receivers(amtool, NASTY, labels) == config.receivers_for(labels), labels


def test_the_router_is_told_of_as_offline(tmp_path: Path) -> None:
    """Every alert of the router, on two services at once: one's critical alert silences its own warning alone."""
    campaign = load_campaign([ROOT / "scenarios" / "campaign.yaml"])
    production, document = read_production(campaign), load_yaml(ROUTER)
    config, external = read_alertmanager(document), rule_set(production).external_labels
    rules = [each.static_labels for each in examined_alerts(campaign, production)]
    alerts = [{"service": name, **external, **labels} for name in ("one", "two") for labels in rules]
    one = [each for each in alerts if not (each["service"] == "two" and each["severity"] == "critical")]
    once = list({_key(each): each for each in one}.values())
    with serving(document, tmp_path) as server:
        server.post(once)
        served = agreed(server, config, once)
    told = {(labels["alertname"], labels["service"]): said for labels, said in zip(once, served, strict=True)}
    assert told["HighErrorRate", "one"].silenced_by[0]["alertname"] == "CriticalErrorRate"
    assert told["HighErrorRate", "two"].silenced_by == ()
