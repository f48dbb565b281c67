"""Production files as they are, bound and run by the real components: everything ends here, nothing goes out."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.artefacts import (
    ALERTMANAGER_FLAGS,
    ANSWERS,
    Clock,
    FilebeatPlace,
    JobBinding,
    Link,
    LogSource,
    Target,
    Topology,
    bind_alertmanager,
    bind_filebeat,
    bind_prometheus,
    bind_rules,
    parse,
    prometheus_flags,
    read_alertmanager,
    read_filebeat,
    read_prometheus,
    read_rules,
    with_recorded_families,
)
from harness.artefacts.filebeat_drops import dropping_of
from harness.contract.joining import Joining
from harness.core.errors import Location
from harness.core.source import Document, load_yaml, parse_yaml
from harness.provision import Tool, ensure
from harness.run.sinks.exposition import ExpositionStandIn
from harness.run.sinks.loop import SinkLoop
from harness.run.sinks.mail import MailSink
from harness.run.sinks.trap import Trap
from harness.run.sinks.web import Answer
from harness.run.sinks.webhooks import WebhookSink

Fixture = Callable[[str], Document]
FIXTURES = Path(__file__).parents[3] / "fixtures" / "artefacts"
# What the cloud library of Alertmanager and proxies would make of this machine's variables.
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


@pytest.fixture(scope="session")
def prometheus() -> Tool:
    return ensure(["prometheus"])["prometheus"]


@pytest.fixture(scope="session")
def alertmanager() -> Tool:
    return ensure(["alertmanager"])["alertmanager"]


@pytest.fixture(scope="session")
def filebeat() -> Tool:
    return ensure(["filebeat"])["filebeat"]


@pytest.fixture
def fixture() -> Callable[[str], Document]:
    return lambda name: load_yaml(FIXTURES / name, shown_as=name)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(*command: str | Path, cwd: Path) -> None:
    """Fail with the tool's own words unless it exits 0."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=30, check=False, env=CLEAN)
    assert done.returncode == 0, done.stdout + done.stderr


def answer(url: str, body: Any = None) -> Any:
    """JSON that ``url`` answers to a GET, or to a POST of ``body``."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as reply:
        text = reply.read()
    return json.loads(text) if text.startswith((b"{", b"[")) else text.decode()


def eventually(holds: Callable[[], bool], log: Path, seconds: float = 15) -> None:
    """Wait until ``holds``; fail with the component's log."""
    deadline = time.monotonic() + seconds
    while not _true(holds):
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.05)


def _true(holds: Callable[[], bool]) -> bool:
    try:
        return holds()
    except OSError:
        return False


@contextmanager
def running(*command: str | Path, cwd: Path) -> Iterator[Path]:
    """A component until the block ends; yields its log."""
    log = cwd / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=out, env=CLEAN)
    try:
        yield log
    finally:
        process.kill()
        process.wait()


CLOCK = Clock(60, frozenset({"process_cpu_seconds_total"}))
METRICS = '# TYPE http_requests_total counter\nhttp_requests_total{code="200"} 5\n'
POD = {
    "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
    "__meta_kubernetes_pod_annotation_prometheus_io_port": "9090",
    "__meta_kubernetes_pod_label_app": "shop",
    "__meta_kubernetes_namespace": "shop",
}


@pytest.fixture
def loop() -> Iterator[SinkLoop]:
    with SinkLoop() as loop:
        yield loop


def trapped(document: Document, trap: Trap) -> Document:
    """The document with every outward host replaced by an address that must not be dialled."""
    text = re.sub(r"[a-z0-9-]+\.(?:internal|example\.com)(?::\d+)?", trap.address, document.text)
    return parse_yaml(text, document.file)


def test_prometheus_runs_a_production_file_and_dials_nobody_else(
    tmp_path: Path, fixture: Fixture, prometheus: Tool, loop: SinkLoop
) -> None:
    trap, stand_in = Trap(loop), ExpositionStandIn(loop, METRICS)
    document = trapped(fixture("prometheus/full.yml"), trap)
    config, port = read_prometheus(document), free_port()
    node, itself = Link.direct(stand_in.address), Link.direct(f"127.0.0.1:{port}")
    topology = Topology(
        jobs={
            "shop": JobBinding((Target(node, production=trap.address),)),
            "kubernetes-pods": JobBinding((Target(node, "10.0.0.7:9090", "10.0.0.7:3000", POD),)),
            "consul": JobBinding(),
            "blackbox": JobBinding(),
            "node": JobBinding((Target(node, "node:9100", path="/metrics"),)),
        },
        addresses={"localhost:9090": itself},
        alertmanager=Link.direct(f"127.0.0.1:{free_port()}"),
        files={"rules/*.yml": ("slo.yml",)},
        absent=frozenset({"remote_write", "remote_read", "/etc/prometheus/scrape.d/*.yml"}),
    )
    rules = fixture("rules/slo.yml")
    clock = with_recorded_families(CLOCK, [read_rules(rules)])
    (tmp_path / "slo.yml").write_text(bind_rules(rules, clock, config).text)
    (tmp_path / "prometheus.yml").write_text(bind_prometheus(document, topology, clock).text)
    accepts(prometheus.extra["promtool"], "check", "config", "prometheus.yml", cwd=tmp_path)
    command = [prometheus.executable, *prometheus_flags(clock, config), f"--web.listen-address={itself.peer}"]
    with running(*command, cwd=tmp_path) as log:
        base = f"http://{itself.peer}/api/v1"
        eventually(lambda: len(_up(base)) == 4 and set(_up(base).values()) == {"1"}, log)
        assert set(_up(base)) == {
            ("shop", trap.address),
            ("kubernetes-pods", "10.0.0.7:9090"),
            ("node", "node:9100"),
            ("prometheus", "localhost:9090"),
        }
        eventually(lambda: _states(base) == {"ok"}, log)
        loaded = answer(f"{base}/status/config")["data"]["yaml"]
        assert 'paged: "yes"' in loaded
        assert 'build: "1.10"' in loaded
        _expressions_are_what_the_server_reads(base, rules, clock)
    assert trap.count == 0


def _up(base: str) -> dict[tuple[str, str], str]:
    found = answer(f"{base}/query?query=up")["data"]["result"]
    return {(each["metric"]["job"], each["metric"]["instance"]): each["value"][1] for each in found}


def _states(base: str) -> set[str]:
    groups = answer(f"{base}/rules")["data"]["groups"]
    return {rule["health"] for group in groups for rule in group["rules"]}


def _expressions_are_what_the_server_reads(base: str, rules: Document, clock: Clock) -> None:
    """The server's own parser agrees with ours on every scaled expression."""
    for rule in read_rules(rules).rules:
        text = clock.expression(rule.query).text
        quoted = urllib.parse.quote(text)
        formatted = answer(f"{base}/format_query?query={quoted}")["data"]
        again = parse(formatted, Location("server"))
        assert again.tree.prettify() == parse(text, Location("ours")).tree.prettify()


def test_alertmanager_delivers_every_kind_of_integration_to_its_sink(
    tmp_path: Path, fixture: Fixture, alertmanager: Tool, loop: SinkLoop
) -> None:
    trap, arrived = Trap(loop), set[tuple[str, str]]()
    web = WebhookSink(loop, lambda got: arrived.add((got.receiver, got.integration)))
    mail = MailSink(loop, lambda got: arrived.add((got.receiver, got.integration)))
    document = trapped(fixture("alertmanager/everything.yml"), trap)
    sinks: dict[tuple[str, str], str] = {}
    for receiver in read_alertmanager(document).receivers:
        for each in receiver.integrations:
            name = f"{each.kind}-{each.index}"
            is_mail = each.kind == "email"
            sinks[receiver.name, name] = mail.address(receiver.name, name) if is_mail else web.url(receiver.name, name)
            if each.kind in ANSWERS:
                reply = Answer(200, ANSWERS[each.kind].encode(), "application/json")
                web.answer(reply, receiver.name, name)
    topology = Topology(sinks=sinks, files={"templates/*.tmpl": ()})
    (tmp_path / "alertmanager.yml").write_text(_always_open(bind_alertmanager(document, topology, CLOCK).text))
    accepts(alertmanager.extra["amtool"], "check-config", "alertmanager.yml", cwd=tmp_path)
    base = f"http://127.0.0.1:{free_port()}"
    command = [alertmanager.executable, *ALERTMANAGER_FLAGS, f"--web.listen-address={base.removeprefix('http://')}"]
    with running(*command, "--config.file=alertmanager.yml", cwd=tmp_path) as log:
        eventually(lambda: answer(f"{base}/-/ready") is not None, log)
        answer(f"{base}/api/v2/alerts", [{"labels": labels, "annotations": {"summary": "s"}} for labels in ALERTS])
        eventually(lambda: arrived == set(sinks), log)
        failed = re.findall(
            r"^alertmanager_notification_requests_failed_total.* (\S+)$", answer(f"{base}/metrics"), re.M
        )
        assert set(failed) == {"0"}
    assert trap.count == 0


ALERTS: list[dict[str, str]] = [
    {"alertname": "Watchdog", "severity": "none"},
    {"alertname": "A", "severity": "critical", "team": "shop"},
    {"alertname": "B", "severity": "warning"},
    {"alertname": "C", "severity": "warning", "team": "mobile"},
    {"alertname": "D", "team": "cloud"},
    {"alertname": "E"},
]


def _always_open(text: str) -> str:
    """Office hours that include now: this test is about addresses, whenever it runs."""
    return text.replace("monday:friday", "sunday:saturday")


@pytest.mark.parametrize("name", ["prometheus/minimal.yml", "prometheus/anchored.yml"])
def test_promtool_accepts_what_was_bound(tmp_path: Path, fixture: Fixture, prometheus: Tool, name: str) -> None:
    local = Link.direct("127.0.0.1:9")
    topology = Topology(addresses={"shop:8080": local}, alertmanager=local, files={"alerts.yml": ("slo.yml",)})
    (tmp_path / "slo.yml").write_text(bind_rules(fixture("rules/slo.yml"), CLOCK).text)
    bound = bind_prometheus(fixture(name), replace(topology), CLOCK)
    (tmp_path / "prometheus.yml").write_text(bound.text)
    accepts(prometheus.extra["promtool"], "check", "config", "prometheus.yml", cwd=tmp_path)
    accepts(prometheus.extra["promtool"], "check", "rules", "slo.yml", cwd=tmp_path)


def test_amtool_routes_as_we_do(tmp_path: Path, fixture: Fixture, alertmanager: Tool) -> None:
    document = fixture("alertmanager/everything.yml")
    (tmp_path / "alertmanager.yml").write_text(document.text)
    config = read_alertmanager(document)
    for labels in [*ALERTS, {"severity": "critical", "team": "lab"}, {"severity": "info", "team": "mobile"}]:
        pairs = [f"{name}={value}" for name, value in labels.items()]
        command: list[Any] = [alertmanager.extra["amtool"], "config", "routes", "test", *pairs]
        done = subprocess.run(
            [*command, "--config.file=alertmanager.yml"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert tuple(done.stdout.strip().split(",")) == config.receivers_for(labels)


@pytest.mark.parametrize("name", ["filebeat/nested.yml", "filebeat/dotted.yml"])
def test_filebeat_says_whose_line_it_is(tmp_path: Path, fixture: Fixture, filebeat: Tool, name: str) -> None:
    document = parse_yaml(_with_file_output(fixture(name).text), name)
    sources = [LogSource(str(tmp_path / f"{cell}.log"), cell, "one", "access") for cell in ("a", "b")]
    for source in sources:
        Path(source.path).write_text(json.dumps({"message": f"hello from {source.cell}"}) + "\n")
    topology = Topology(
        logs={"/var/log/shop/access.log": tuple(sources)},
        files={"/var/spool/events": (str(tmp_path / "out"),)},
        environment={"HOSTNAME": "host"},
        filebeat=FilebeatPlace(str(tmp_path / "data"), str(tmp_path / "logs"), None, {"seccomp.enabled": False}),
        absent=frozenset({"/var/log/shop/access.*.log", "/var/log/shop/error.log"}),
    )
    config = tmp_path / "filebeat.yml"
    config.write_text(bind_filebeat(document, topology).text)
    config.chmod(0o600)
    written = tmp_path / "out" / "events"
    with running(filebeat.executable, "-c", config, "--path.home", tmp_path, "-e", cwd=tmp_path) as log:
        eventually(lambda: len(written.read_text().splitlines()) == 2, log)
    events = [json.loads(line) for line in written.read_text().splitlines()]
    assert sorted(each["harness"]["cell"] for each in events) == ["a", "b"]
    assert all(f"hello from {each['harness']['cell']}" in each["message"] for each in events)
    assert {each["harness"]["stream"] for each in events} == {"access"}


RECORDS = ["2027-01-01 one", "2027-01-01 two\nTraceback:\n  File x\n\nError: no", "2027-01-01 three\n\tat a.B"]


def test_a_filestream_whose_parsers_this_filebeat_passes_over_ships_records(tmp_path: Path, filebeat: Tool) -> None:
    multiline = {"type": "pattern", "pattern": r"^\d{4}-", "negate": True, "match": "after"}
    entry = {"type": "filestream", "id": "a", "paths": ["/var/log/a.log"], "parsers": [{"multiline": multiline}]}
    text = json.dumps({"filebeat.inputs": [entry], "output.file": {"path": "/var/spool/events", "filename": "events"}})
    log_file = tmp_path / "a.log"
    log_file.write_text("\n".join(RECORDS) + "\n")
    place = FilebeatPlace(
        str(tmp_path / "data"), str(tmp_path / "logs"), None, {"seccomp.enabled": False}, parses=False
    )
    topology = Topology(
        logs={"/var/log/a.log": (LogSource(str(log_file), "c", "one", "a"),)},
        files={"/var/spool/events": (str(tmp_path / "out"),)},
        filebeat=place,
    )
    config = tmp_path / "filebeat.yml"
    config.write_text(bind_filebeat(parse_yaml(text, "filebeat.yml"), topology).text)
    config.chmod(0o600)
    written = tmp_path / "out" / "events"
    with running(filebeat.executable, "-c", config, "--path.home", tmp_path, "-e", cwd=tmp_path) as log:
        eventually(lambda: len(written.read_text().splitlines()) == len(RECORDS), log)
    events = [json.loads(line)["message"] for line in written.read_text().splitlines()]
    joining = Joining(re.compile(r"\d{4}-"))
    lines = [line for n, one in enumerate(log_file.read_bytes().splitlines()) for line in joining.add(0.0, "a", n, one)]
    assert events == RECORDS == [entry.text.decode() for entry in (*lines, *joining.end())]


FILTERS = """\
filebeat.inputs:
  - type: log
    paths: [/var/log/a.log]
    include_lines: ['^\\{', '^plain', 'DBG']
    exclude_lines: ['^DBG', 'forgotten(ly)?$']
    fields: {kind: shop}
    tags: [here]
    processors:
      - drop_event.when.contains.message: healthz
processors:
  - decode_json_fields: {fields: [message], target: "", overwrite_keys: true}
  - timestamp: {field: time, layouts: ["2006-01-02T15:04:05.999Z"], ignore_failure: true}
  - drop_event: {when: {equals: {level: debug}}}
  - drop_event: {when: {equals: {http.status: 204}}}
  - drop_event: {when: {and: [{range: {took: {gte: 0, lt: 1}}}, {not: {has_fields: [error]}}]}}
  - drop_event: {when: {or: [{regexp: {user: '^bot-[0-9]+$'}}, {equals: {cached: true}}]}}
  - drop_event: {when: {and: [{equals: {fields.kind: shop}}, {contains: {message: as a field}}]}}
  - if: {equals: {level: trace}}
    then: [{drop_event: {when: {has_fields: [noise]}}}]
    else: [{drop_event: {when: {equals.level: verbose}}}]
output.file: {path: /var/spool/events, filename: events}
"""
WRITTEN: list[Any] = [
    "plain", "DBG plain", "a DBG within", "unasked", "plain but forgottenly", "plain healthz", "plain as a field",
    {"n": 1}, {"n": 2, "level": "debug"}, {"n": 3, "level": "Debug"}, {"n": 4, "path": "/healthz"},
    {"n": 5, "http": {"status": 204}}, {"n": 6, "http.status": 204}, {"n": 7, "http": {"status": "204"}},
    {"n": 8, "took": 0}, {"n": 9, "took": 0.5}, {"n": 10, "took": 1}, {"n": 11, "took": 0.5, "error": "x"},
    {"n": 12, "took": "0.5"}, {"n": 13, "user": "bot-7"}, {"n": 14, "user": "bot-7b"}, {"n": 15, "cached": True},
    {"n": 16, "cached": "true"}, {"n": 17, "message": "as a field"}, {"n": 18, "message": "none"},
    {"n": 19, "level": "trace", "noise": 1}, {"n": 20, "level": "trace"}, {"n": 21, "level": "verbose"},
    {"n": 22, "level": 1}, {"n": 23, "cached": 1}, {"n": 24, "time": "2027-01-15T08:00:00.000Z", "level": "info"},
    {"n": 99, "level": "last"},
]  # fmt: skip


def test_filebeat_leaves_out_what_its_file_is_read_to_leave_out(tmp_path: Path, filebeat: Tool) -> None:
    """Every line has one fate, and the Filebeat of this machine agrees about each."""
    document = parse_yaml(FILTERS, "filebeat.yml")
    found = dropping_of(read_filebeat(document), ["/var/log/a.log"])
    texts = [each if isinstance(each, str) else json.dumps(each) for each in WRITTEN]
    fates = [
        found.fate(text, each if isinstance(each, dict) else None) for text, each in zip(texts, WRITTEN, strict=True)
    ]
    assert None not in {fate.is_dropped for fate in fates}
    log_file = tmp_path / "a.log"
    log_file.write_text("\n".join(texts) + "\n")
    topology = Topology(
        logs={"/var/log/a.log": (LogSource(str(log_file), "c", "one", "a"),)},
        files={"/var/spool/events": (str(tmp_path / "out"),)},
        filebeat=FilebeatPlace(str(tmp_path / "data"), str(tmp_path / "logs"), None, {"seccomp.enabled": False}),
    )
    config = tmp_path / "filebeat.yml"
    config.write_text(bind_filebeat(document, topology).text)
    config.chmod(0o600)
    written = tmp_path / "out" / "events"
    with running(filebeat.executable, "-c", config, "--path.home", tmp_path, "-e", cwd=tmp_path) as log:
        eventually(lambda: '"n":99' in written.read_text(), log)
    offsets = {json.loads(line)["log"]["offset"] for line in written.read_text().splitlines()}
    starts = [sum(len(text) + 1 for text in texts[:index]) for index in range(len(texts))]
    wrong = [
        (text, fate)
        for text, fate, start in zip(texts, fates, starts, strict=True)
        if (start in offsets) == fate.is_dropped
    ]
    assert wrong == []


def _with_file_output(text: str) -> str:
    """The production file with its output turned into one that a test can read without Elasticsearch."""
    data = yaml.safe_load(text)
    for name in ("output", "output.elasticsearch", "output.logstash.enabled", "output.logstash.hosts"):
        data.pop(name, None)
    return str(yaml.safe_dump(data | {"output.file": {"path": "/var/spool/events", "filename": "events"}}))
