"""What holds for every bound artefact: it can be undone, written, read back, and it names nothing foreign."""

import json
import re
from collections.abc import Callable

import pytest

from harness.artefacts import (
    ABSENT,
    BoundArtefact,
    Clock,
    Topology,
    bind_alertmanager,
    bind_filebeat,
    bind_index_template,
    bind_prometheus,
    bind_rules,
    read_prometheus,
    undo,
)
from harness.core.source import Document, parse_yaml

Fixture = Callable[[str], Document]
CLOCK = Clock(60)
ALLOWED = ("clock:", "addresses:", "discovery:", "paths:", "credentials", "polling:", "attribution:", "environment:")
EVERY = (
    "prometheus/full.yml",
    "prometheus/minimal.yml",
    "prometheus/anchored.yml",
    "rules/slo.yml",
    "alertmanager/everything.yml",
    "alertmanager/minimal.yml",
    "filebeat/nested.yml",
    "filebeat/dotted.yml",
    "filebeat/logstash.yml",
    "filebeat/kafka.yml",
    "filebeat/template.json",
)


@pytest.fixture(params=EVERY)
def bound(
    request: pytest.FixtureRequest,
    fixture: Fixture,
    prometheus_topology: Topology,
    alertmanager_topology: Topology,
    filebeat_topology: Topology,
) -> BoundArtefact:
    document = fixture(request.param)
    kind = request.param.split("/")[0]
    if request.param.endswith(".json"):
        return bind_index_template(document)
    if kind == "prometheus":
        return bind_prometheus(document, _extended(prometheus_topology), CLOCK)
    if kind == "rules":
        return bind_rules(document, CLOCK, read_prometheus(fixture("prometheus/full.yml")))
    if kind == "alertmanager":
        return bind_alertmanager(document, alertmanager_topology, CLOCK)
    return bind_filebeat(document, filebeat_topology)


def _extended(topology: Topology) -> Topology:
    shop = topology.addresses["localhost:9090"]
    return Topology(
        jobs=topology.jobs,
        addresses={**topology.addresses, "shop:8080": shop},
        alertmanager=topology.alertmanager,
        files={**topology.files, "alerts.yml": ("slo.yml",)},
        absent=topology.absent,
    )


def test_undoing_the_edits_gives_the_original(bound: BoundArtefact, fixture: Fixture) -> None:
    assert bound.edits
    assert undo(bound) == fixture(bound.file).data


def test_the_text_reads_back_as_the_data(bound: BoundArtefact) -> None:
    assert parse_yaml(bound.text, "again").data == bound.data


def test_every_edit_is_of_an_allowed_kind_and_has_a_place(bound: BoundArtefact) -> None:
    for edit in bound.edits:
        assert edit.why.startswith(ALLOWED), edit
        assert edit.file == bound.file
        assert edit.line > 0
        assert edit.before != edit.after


def test_nothing_foreign_is_left(bound: BoundArtefact) -> None:
    dialled = re.sub(r"runbook\w*: .*|.*href: .*|.*(?:client_url|title_link|target): .*|.*// https.*", "", bound.text)
    dialled = re.sub(r"https://shop\.example\.com/health/live", "", dialled)
    assert not re.search(r"\w://(?!127\.0\.0\.1)", dialled)
    assert "_file:" not in dialled.replace("query_log_file", "")
    assert "/etc/" not in dialled


def test_edits_are_evidence_without_secrets(bound: BoundArtefact) -> None:
    shown = json.dumps([edit.as_data() for edit in bound.edits]) + "\n".join(map(str, bound.edits))
    for secret in (
        "s3cr3t",
        "hunter2",
        "geheim",
        "og-key",
        "legacy-key",
        "abcdef",
        "xoxb",
        "services/T0",
        "ES_API_KEY",
    ):
        assert secret not in shown


def test_binding_is_pure(fixture: Fixture, filebeat_topology: Topology) -> None:
    document = fixture("filebeat/nested.yml")
    before = json.dumps(document.data)
    assert bind_filebeat(document, filebeat_topology) == bind_filebeat(document, filebeat_topology)
    assert json.dumps(document.data) == before


def test_an_edit_prints_its_place_path_and_reason(fixture: Fixture, alertmanager_topology: Topology) -> None:
    edits = bind_alertmanager(fixture("alertmanager/minimal.yml"), alertmanager_topology, CLOCK).edits
    lines = [str(edit) for edit in edits]
    assert (
        'alertmanager/minimal.yml:6:14: receivers[0].webhook_configs[0].url: "http://pager.internal/…" → '
        '"http://127.0.0.1:8000/hook/webhook-0": addresses: the sink of webhook-0 of hook'
    ) in lines
    assert edits[0].before is ABSENT
    assert "before" not in edits[0].as_data()
    assert "(absent)" in lines[0]
