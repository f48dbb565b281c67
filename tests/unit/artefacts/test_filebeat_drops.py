"""What a filebeat.yml leaves out on purpose, line by line; an integration test asks a real Filebeat the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.artefacts.filebeat_config import read_filebeat
from harness.artefacts.filebeat_drops import Dropping, Fate, dropping_of
from harness.core.source import parse_yaml

LOG = "/var/log/shop.log"
DECODED = {"decode_json_fields": {"fields": ["message"], "target": "", "overwrite_keys": True}}


def dropping(chain: list[Any], **of_input: Any) -> Dropping:
    entry = {"type": "log", "paths": [LOG], **of_input}
    data = {"filebeat.inputs": [entry], "processors": chain, "output.console": {"pretty": False}}
    return dropping_of(read_filebeat(parse_yaml(json.dumps(data), "filebeat.yml")), [LOG])


def fate(found: Dropping, line: Any) -> bool | None:
    is_json = isinstance(line, dict)
    return found.fate(json.dumps(line) if is_json else line, line if is_json else None).is_dropped


def dropped_when(condition: Any, line: Any) -> bool | None:
    return fate(dropping([DECODED, {"drop_event": {"when": condition}}]), line)


def test_a_file_without_filters_leaves_nothing_out() -> None:
    assert not dropping([DECODED])
    assert dropping([]).fate("anything", None) == Fate(False)


def test_of_another_log_nothing_is_said() -> None:
    data = {"filebeat.inputs": [{"paths": [LOG], "exclude_lines": ["."]}], "output.console": {}}
    assert not dropping_of(read_filebeat(parse_yaml(json.dumps(data), "f.yml")), ["/var/log/other.log"])


@pytest.mark.parametrize(
    ("line", "is_dropped"),
    [("DBG one", True), ("an error of DBG", True), ("INF", True), ("an error", False), ("an error, DEBUG too", True)],
)
def test_included_are_lines_that_match_and_excluded_those_that_match(line: str, is_dropped: bool) -> None:
    found = dropping([], include_lines=["error"], exclude_lines=["^DEBUG", "DBG|DEBUG"])
    assert fate(found, line) is is_dropped


def test_with_a_message_key_line_filters_look_at_that_field_alone() -> None:
    json_options = {"message_key": "msg", "keys_under_root": True}
    found = dropping([], exclude_lines=["secret"], json=json_options)
    assert fate(found, {"msg": "a secret"}) is True
    assert fate(found, {"msg": "none", "other": "secret"}) is False


def test_the_place_in_the_file_is_told() -> None:
    text = f"""\
filebeat.inputs:
  - type: log
    paths: [{LOG}]
    exclude_lines: ["^#"]
processors:
  - drop_event:
      when: {{contains: {{message: healthz}}}}
output.console: {{}}
"""
    found = dropping_of(read_filebeat(parse_yaml(text, "filebeat.yml")), [LOG])
    assert found.fate("# note", None) == Fate(True, "filebeat.yml:4:5: exclude_lines")
    assert found.fate("GET /healthz", None) == Fate(True, "filebeat.yml:6:5: drop_event")


@pytest.mark.parametrize(
    ("condition", "line", "is_dropped"),
    [
        ({"equals": {"level": "debug"}}, {"level": "debug"}, True),
        ({"equals": {"level": "debug"}}, {"level": "info"}, False),
        ({"equals": {"level": "debug"}}, {}, False),
        ({"equals": {"level": "debug"}}, "no json", False),
        ({"equals": {"http.status": 200}}, {"http": {"status": 200}}, True),
        ({"equals": {"http.status": 200}}, {"http.status": 200}, True),
        ({"equals": {"http": {"status": 200}}}, {"http": {"status": 200}}, True),
        ({"equals": {"status": 200}}, {"status": "200"}, False),
        ({"equals": {"cached": True}}, {"cached": True}, True),
        ({"equals": {"cached": True}}, {"cached": 1}, False),
        ({"equals": {"status": 200, "level": "info"}}, {"status": 200, "level": "warn"}, False),
        ({"equals.level": "debug"}, {"level": "debug"}, True),
        ({"contains": {"path": "/health"}}, {"path": "/healthz"}, True),
        ({"contains": {"status": "2"}}, {"status": 200}, False),
        ({"contains": {"message": "/health"}}, {"path": "/healthz"}, True),
        ({"contains": {"message": "/health"}}, {"message": "none", "path": "/healthz"}, False),
        ({"contains": {"tags": "a"}}, {"tags": ["a", "b"]}, None),
        ({"regexp": {"path": "^/health"}}, {"path": "/healthz"}, True),
        ({"regexp": {"path": "^/health$"}}, {"path": "/healthz"}, False),
        ({"regexp": {"path": "[[:digit:]]"}}, {"path": "1"}, None),
        ({"range": {"status": {"gte": 200, "lt": 300}}}, {"status": 204}, True),
        ({"range": {"status": {"gte": 200, "lt": 300}}}, {"status": 300}, False),
        ({"range": {"status.gte": 500}}, {"status": 503.5}, True),
        ({"range": {"status.gt": 500}}, {"status": "503"}, False),
        ({"range": {"status.le": 500}}, {"status": 100}, None),
        ({"has_fields": ["a.b"]}, {"a": {"b": None}}, True),
        ({"has_fields": ["a.b", "c"]}, {"a": {"b": 1}}, False),
        ({"not": {"equals": {"level": "error"}}}, {"level": "info"}, True),
        ({"not.equals.level": "error"}, {"level": "error"}, False),
        ({"or": [{"equals": {"level": "debug"}}, {"equals": {"level": "trace"}}]}, {"level": "trace"}, True),
        ({"and": [{"equals": {"level": "info"}}, {"range": {"took.lt": 1}}]}, {"level": "info", "took": 2}, False),
        ({"network": {"ip": "private"}}, {"ip": "10.0.0.1"}, None),
        ({"and": [{"network": {"ip": "private"}}, {"equals": {"level": "debug"}}]}, {"level": "info"}, False),
        ({"or": [{"network": {"ip": "private"}}, {"equals": {"level": "debug"}}]}, {"level": "debug"}, True),
        ({"equals": {"level": "${LEVEL}"}}, {"level": "debug"}, None),
        ({"equals": {"a": 1}, "contains": {"b": "x"}}, {"a": 1}, None),
        ({"or": {"equals": {"a": 1}}}, {"a": 1}, None),
        ({"contains": {"a": 1}}, {"a": "1"}, None),
        ({"equals": {"a": 1.5}}, {"a": 1.5}, None),
        ({"equals": {"log.file.path": "x"}}, {}, None),
        ({"has_fields": []}, {}, None),
        ({"range": {}}, {}, None),
    ],
)
def test_conditions_hold_as_filebeat_says(condition: Any, line: Any, is_dropped: bool | None) -> None:
    assert dropped_when(condition, line) is is_dropped


def test_a_drop_without_condition_takes_everything() -> None:
    assert fate(dropping([{"drop_event": None}]), "anything") is True


def test_fields_are_there_once_they_were_decoded() -> None:
    drop = {"drop_event.when.equals.level": "debug"}
    assert fate(dropping([drop, DECODED]), {"level": "debug"}) is False
    assert fate(dropping([DECODED, drop]), {"level": "debug"}) is True
    assert fate(dropping([drop], processors=[DECODED]), {"level": "debug"}) is True
    assert fate(dropping([drop], json={"keys_under_root": True}), {"level": "debug"}) is True
    assert fate(dropping([drop], **{"json.keys_under_root": True}), {"level": "debug"}) is True
    assert fate(dropping([drop], parsers=[{"ndjson": {"target": ""}}]), {"level": "debug"}) is True


@pytest.mark.parametrize(
    ("decoding", "field"),
    [
        ({"parsers": [{"ndjson": {"target": "app"}}]}, "app.level"),
        ({"json": {"add_error_key": True}}, "json.level"),
        ({"processors": [{"decode_json_fields": {"fields": ["message"], "target": "app"}}]}, "app.level"),
    ],
)
def test_fields_stand_where_they_were_decoded_to(decoding: dict[str, Any], field: str) -> None:
    found = dropping([{"drop_event": {"when": {"equals": {field: "debug"}}}}], **decoding)
    assert fate(found, {"level": "debug"}) is True
    assert fate(found, {field: "debug"}) is False


def test_what_replaces_the_text_is_not_the_text() -> None:
    in_place = {"decode_json_fields": {"fields": ["message"]}}
    drop = {"drop_event": {"when": {"contains": {"message": "x"}}}}
    assert fate(dropping([in_place, drop]), {"a": "x"}) is None
    assert fate(dropping([drop], json={"keys_under_root": True}), {"a": "x"}) is None
    assert fate(dropping([drop], json={"keys_under_root": True}), {"message": "x"}) is True


def test_fields_and_tags_of_the_file_itself_are_known() -> None:
    drop = {"drop_event": {"when": {"equals": {"fields.kind": "access"}}}}
    assert fate(dropping([drop], fields={"kind": "access"}), "x") is True
    rooted = {"drop_event": {"when": {"equals": {"kind": "access"}}}}
    assert fate(dropping([rooted], fields={"kind": "access"}, fields_under_root=True), "x") is True


@pytest.mark.parametrize(
    "changing",
    [
        {"script": {"lang": "javascript", "source": "function process(event) { event.Put('level', 'x'); }"}},
        {"rename": {"fields": [{"from": "severity", "to": "level"}]}},
        {"add_fields": {"target": "", "fields": {"level": "debug"}}},
        {"drop_fields": {"fields": ["level"]}},
        {"dissect": {"tokenizer": "%{level} %{rest}", "target_prefix": ""}},
        {"something_new": {}},
        {"if": {"equals": {"a": 1}}, "then": [{"drop_fields": {"fields": ["level"]}}]},
    ],
)
def test_what_was_changed_before_cannot_be_told(changing: Any) -> None:
    found = dropping([DECODED, changing, {"drop_event": {"when": {"equals": {"level": "debug"}}}}])
    assert fate(found, {"level": "debug"}) is None


@pytest.mark.parametrize(
    "beside",
    [
        {"timestamp": {"field": "time", "layouts": ["2006"]}},
        {"add_host_metadata": {}},
        {"add_fields": {"target": "project", "fields": {"level": "x"}}},
        {"add_fields": {"fields": {"level": "x"}}},
        {"dissect": {"tokenizer": "%{level} %{rest}"}},
        {"add_tags": {"tags": ["x"]}},
    ],
)
def test_what_changes_other_fields_changes_nothing_here(beside: Any) -> None:
    found = dropping([DECODED, beside, {"drop_event": {"when": {"equals": {"level": "debug"}}}}])
    assert fate(found, {"level": "debug"}) is True


@pytest.mark.parametrize(
    "unseen",
    [
        {"script": {"lang": "javascript", "source": "function process(event) { event.Cancel(); }"}},
        {"script": {"lang": "javascript", "file": "drop.js"}},
        {"rate_limit": {"limit": "10/s"}},
    ],
)
def test_what_drops_as_it_likes_is_not_told_from_a_line(unseen: Any) -> None:
    assert fate(dropping([unseen]), "x") is None


def test_a_branch_drops_under_its_condition() -> None:
    branch = {
        "if": {"equals": {"level": "debug"}},
        "then": [{"drop_event": {"when": {"has_fields": ["noise"]}}}],
        "else": {"if": {"equals": {"level": "trace"}}, "then": {"drop_event": None}},
    }
    found = dropping([DECODED, branch])
    assert fate(found, {"level": "debug", "noise": 1}) is True
    assert fate(found, {"level": "debug"}) is False
    assert fate(found, {"level": "trace"}) is True
    assert fate(found, {"level": "info", "noise": 1}) is False
