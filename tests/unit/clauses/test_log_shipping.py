"""Lines that production leaves out on purpose need not arrive, and may not; the contract may say it otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.log_shipping import Shipping, shipping_of
from harness.clauses.model import Clause
from harness.clauses.production import read_pipeline
from harness.clauses.telemetry import telemetry
from harness.contract import load_campaign
from harness.evidence.records import CellFinished, CellStarted, Document, IndexMapping, LogLine
from harness.evidence.store import Evidence

T = 1_800_000_000.0
FILES = {
    "campaign.yaml": "harness: campaign/1\nprofile: profile.yaml\ncontract: contract.yaml\n",
    "profile.yaml": """\
harness: profile/1
subject: s
start: {command: ["true"]}
ports: [app]
ready: {port: app}
logs: {app: "{logs}/app.log", audit: "{logs}/audit.log"}
stands_for:
  - {logs: /var/log/s/app.log, stream: app}
  - {logs: /var/log/s/audit.log, stream: audit}
""",
    "filebeat.yml": """\
filebeat.inputs:
  - {type: log, paths: [/var/log/s/audit.log]}
  - type: log
    paths: [/var/log/s/app.log]
    exclude_lines: ["healthz"]
processors:
  - decode_json_fields: {fields: [message], target: ""}
  - drop_event.when.equals.level: debug
output.elasticsearch: {hosts: [e]}
""",
    "story.yaml": """\
harness: scenario/1
story: It runs.
phases:
  - {name: all, lasts: 1m}
expect:
  - log app: {fields: [n]}
""",
    "contract.yaml": """\
harness: contract/1
service: s
artefacts: {filebeat: filebeat.yml}
logs:
  event_time: time
  identity: [pid, n]
  streams:
    app: {}
    audit: {}
""",
}


def clauses(folder: Path, **changed: str) -> dict[str, Clause]:
    """Clauses by their name and promise; files are named by the part before the dot."""
    for name, text in FILES.items():
        (folder / name).write_text(changed.get(name.partition(".")[0], text))
    return {f"{each.name} {each.promise}": each for each in compile_campaign(load_campaign([folder]))}


def line(n: int, **fields: Any) -> LogLine:
    said = {"pid": 1, "n": n, "time": f"2027-01-15T08:00:0{n}.000Z", **fields}
    return LogLine("story", T, "app", "s-0", "app.log", n, said, json.dumps(said))


def document(n: int, **fields: Any) -> Document:
    return Document("story", T, "i", f"d{n}", "app", {"pid": 1, "n": n, **fields})


def judge(clause: Clause, *records: Any) -> Any:
    frame = [CellStarted("story", T, 1.0, 1.0, 1.0, ("s-0",)), CellFinished("story", T + 60, True)]
    return clause.judge(Evidence([*frame, *records], planned=("story",)))


WRITTEN = (line(1), line(2, level="debug"), line(3, path="/healthz"), line(4, level="info"))


def test_what_the_file_leaves_out_is_not_missed(tmp_path: Path) -> None:
    found = judge(clauses(tmp_path)["app arrives"], *WRITTEN, document(1), document(4))
    assert found.verdict == "held"
    assert "2 lines, 2 documents" in found.message
    assert "1 by filebeat.yml:8:5: drop_event" in found.message
    assert "1 by filebeat.yml:5:5: exclude_lines" in found.message


@pytest.mark.parametrize("arrived", [(1,), (1, 2, 4), (1, 2), (4, 3)])
def test_what_is_left_out_may_not_arrive_and_the_rest_must(tmp_path: Path, arrived: tuple[int, ...]) -> None:
    found = judge(clauses(tmp_path)["app arrives"], *WRITTEN, *map(document, arrived))
    assert found.verdict == "violated"


def test_a_contract_that_wants_every_line_names_the_place_that_drops_some(tmp_path: Path) -> None:
    strict = FILES["contract.yaml"].replace("  streams:", "  not_shipped: []\n  streams:")
    found = judge(clauses(tmp_path, contract=strict)["app arrives"], *WRITTEN, document(1), document(4))
    assert found.verdict == "violated"
    assert "1 of them are left out by filebeat.yml:8:5: drop_event" in found.details
    whole = map(document, (1, 2, 3, 4))
    assert judge(clauses(tmp_path, contract=strict)["app arrives"], *WRITTEN, *whole).verdict == "held"


def test_the_word_of_a_stream_counts_more_than_that_of_all(tmp_path: Path) -> None:
    said = FILES["contract.yaml"].replace("    app: {}", "    app: {not_shipped: [{level: debug}, {path: /healthz}]}")
    said = said.replace("  streams:", "  not_shipped: []\n  streams:")
    found = judge(clauses(tmp_path, contract=said)["app arrives"], *WRITTEN, document(1), document(4))
    assert found.verdict == "held"
    assert "2 by not_shipped of the contract left out" in found.message


def test_what_nobody_can_tell_is_not_decided_and_names_the_line_to_write(tmp_path: Path) -> None:
    script = "processors:\n  - script: {lang: javascript, source: 'function process(event) { event.Cancel() }'}\n"
    unclear = FILES["filebeat.yml"].replace("processors:\n", script)
    found = judge(clauses(tmp_path, filebeat=unclear)["app arrives"], *WRITTEN, *map(document, (1, 2, 3, 4)))
    assert found.verdict == "inconclusive"
    assert "filebeat.yml:7:5: script" in found.message
    assert any("not_shipped: [{level: debug}]" in each for each in found.details)


def test_a_stream_of_which_nothing_is_shipped_proves_nothing(tmp_path: Path) -> None:
    found = judge(clauses(tmp_path)["app arrives"], line(1, level="debug"))
    assert found.verdict == "open"
    assert "all 1 lines of app are left out by" in found.message


def test_a_field_of_the_identity_that_the_pipeline_drops_tells_no_lines_apart(tmp_path: Path) -> None:
    table = clauses(tmp_path)
    plain = [Document("story", T, "i", f"d{n}", "app", {"n": n}) for n in (1, 4)]
    assert judge(table["app arrives"], line(1), line(4), *plain).verdict == "held"
    assert judge(table["app arrives"], line(1), line(3), *plain).verdict == "violated"


def test_the_time_of_an_event_whose_field_is_dropped_is_asked_of_its_line(tmp_path: Path) -> None:
    table = clauses(tmp_path)
    kept = document(1, **{"@timestamp": "2027-01-15T08:00:01.000Z"})
    late = document(1, **{"@timestamp": "2027-01-15T09:00:01.000Z"})
    assert judge(table["app keeps_time"], line(1), kept).verdict == "held"
    assert judge(table["app keeps_time"], line(1), late).verdict == "violated"
    assert judge(table["app keeps_time"], kept).verdict == "open"


def test_each_stream_has_the_filters_of_its_own_input(tmp_path: Path) -> None:
    clauses(tmp_path)
    campaign = load_campaign([tmp_path])
    pipeline = read_pipeline(campaign)
    healthy = line(3, path="/healthz")
    assert not shipping_of(campaign, pipeline, "app").is_due(healthy)
    assert shipping_of(campaign, pipeline, "audit").is_due(healthy)
    assert not shipping_of(campaign, pipeline, "audit").is_due(line(2, level="debug"))


def test_values_of_text_are_what_they_read_as() -> None:
    text = LogLine("story", T, "app", "s-0", "app.log", 1, {"code": "200"}, "code=200")
    assert not Shipping(promised=[{"code": 200}], is_text=True).is_due(text)
    assert Shipping(promised=[{"code": 200}]).is_due(text)


@pytest.mark.parametrize(
    ("index", "timestamp", "verdict"),
    [
        ("s-2027.01.15", "2027-01-15T23:59:59.999Z", "held"),
        ("s-2027.01.15", "2027-01-16T00:30:00.000+01:00", "held"),
        ("s-2027.01.15", "2027-01-16T00:00:00.000Z", "violated"),
        ("s-2027.01", "2027-01-15T08:00:00.000Z", "violated"),
        ("s-2027.01.15", "never", "violated"),
    ],
)
def test_a_document_is_in_the_index_of_its_day(tmp_path: Path, index: str, timestamp: str, verdict: str) -> None:
    by_day = FILES["contract.yaml"].replace("  streams:", '  stored_in: "s-%Y.%m.%d"\n  streams:')
    clause = clauses(tmp_path, contract=by_day)["app stored_in"]
    found = Document("story", T, index, "d1", "app", {"pid": 1, "n": 1, "@timestamp": timestamp})
    assert judge(clause, found).verdict == verdict
    assert judge(clause).verdict == "open"


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"n": "long", "options": "object"}, "held"),
        ({"n": "long", "optional.a": "keyword"}, "held"),
        ({"n": "long", "options.temperature": "float", "options.b": "long"}, "violated"),
    ],
)
def test_what_clients_choose_is_no_field_of_the_index(tmp_path: Path, fields: dict[str, str], verdict: str) -> None:
    stored = FILES["contract.yaml"].replace("  streams:", "  free_fields: stored\n  streams:")
    free = stored.replace("app: {}", "app: {events: {begun: {fields: {options: object}}}}")
    clause = clauses(tmp_path, contract=free)["index free_fields"]
    assert judge(clause, IndexMapping("story", T, "s-1", fields)).verdict == verdict
    assert judge(clause).verdict == "open"
    assert "index free_fields" not in clauses(tmp_path, contract=stored)
    assert "index free_fields" not in clauses(tmp_path)


def test_a_load_run_counts_no_line_as_lost_that_is_left_out_on_purpose(tmp_path: Path) -> None:
    clauses(tmp_path)
    frame = [CellStarted("story", T, 1.0, 1.0, 1.0, ("s-0",)), CellFinished("story", T + 60, True)]
    evidence = Evidence([*frame, *WRITTEN, document(1)], planned=("story",))
    told = telemetry(load_campaign([tmp_path]), evidence, "story")
    assert (told["lines"], told["documents"], told["documents_lost"]) == (2, 1, 1)
