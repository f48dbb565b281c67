"""Records of several lines in filebeat.yml: shipped soon, by keys that the Filebeat which runs here heeds."""

from dataclasses import replace
from typing import Any

import pytest

from harness.artefacts import Topology, bind_filebeat
from harness.artefacts.edits import undo
from harness.core.errors import ConfigError
from harness.core.source import parse_yaml

HEAD = "filebeat.inputs:\n- type: TYPE\n  id: shop\n  paths: [/var/log/shop/error.log]\n"
TAIL = "output.elasticsearch.hosts: [x]\n"
MULTILINE = "{type: pattern, pattern: '^\\s', match: after}"
SOON = {"type": "pattern", "pattern": "^\\s", "match": "after", "timeout": "1s"}


def bound(topology: Topology, kind: str, text: str, *, parses: bool = False) -> list[dict[str, Any]]:
    assert topology.filebeat is not None
    topology = replace(topology, filebeat=replace(topology.filebeat, parses=parses))
    document = parse_yaml(HEAD.replace("TYPE", kind) + text + TAIL, "fb.yml")
    result = bind_filebeat(document, topology)
    assert undo(result) == document.data
    inputs: list[dict[str, Any]] = result.data["filebeat.inputs"]
    assert len(inputs) == 2
    return inputs


@pytest.mark.parametrize(
    "text", [f"  multiline: {MULTILINE}\n", "  multiline.type: pattern\n  multiline.pattern: '^\\s'\n"]
)
def test_the_last_record_is_shipped_soon(filebeat_topology: Topology, text: str) -> None:
    first = bound(filebeat_topology, "log", text)[0]
    assert first.get("multiline", {}).get("timeout") == "1s" or first["multiline.timeout"] == "1s"


def test_parsers_are_kept_where_filebeat_heeds_them(filebeat_topology: Topology) -> None:
    first = bound(filebeat_topology, "filestream", f"  parsers:\n  - multiline: {MULTILINE}\n", parses=True)[0]
    assert (first["type"], first["parsers"]) == ("filestream", [{"multiline": SOON}])


def test_where_it_does_not_its_log_input_does_the_same(filebeat_topology: Topology) -> None:
    text = (
        "  prospector.scanner.check_interval: 10s\n  close: {reader.on_eof: true}\n  parsers:\n"
        f"  - ndjson: {{target: '', overwrite_keys: true, message_key: log}}\n  - multiline: {MULTILINE}\n"
    )
    for each in bound(filebeat_topology, "filestream", text):
        assert each["type"] == "log"
        assert each["json"] == {"keys_under_root": True, "overwrite_keys": True, "message_key": "log"}
        assert each["multiline"] == SOON
        assert each["scan_frequency"] == "50ms"
        assert not {"parsers", "close", "prospector.scanner.check_interval"} & each.keys()


@pytest.mark.parametrize(
    ("parsers", "told"),
    [
        (f"[{{multiline: {MULTILINE}}}, {{ndjson: {{}}}}]", "cannot do what multiline and then ndjson does"),
        ("[{container: {stream: all}}]", "cannot do what container does"),
        ("[{ndjson: {target: app}}]", "cannot do what ndjson with the target 'app' does"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(filebeat_topology: Topology, parsers: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){told}.*backend containers") as caught:
        bound(filebeat_topology, "filestream", f"  parsers: {parsers}\n")
    assert str(caught.value).startswith("fb.yml:5:")
