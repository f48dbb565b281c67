"""filebeat.yml and the index template: polling, attribution, output, and everything that would phone home."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.artefacts import Link, Topology, bind_filebeat, bind_index_template
from harness.artefacts.dotted import find, value_at
from harness.core.errors import ConfigError
from harness.core.source import Document, parse_yaml

Fixture = Callable[[str], Document]


def bind(text: str, topology: Topology) -> object:
    return bind_filebeat(parse_yaml(text, "fb.yml"), topology).data


def test_inputs_are_repeated_per_instance_and_marked(fixture: Fixture, filebeat_topology: Topology) -> None:
    inputs = bind_filebeat(fixture("filebeat/nested.yml"), filebeat_topology).data["filebeat"]["inputs"]
    assert [each["paths"] for each in inputs] == [
        ["/run/c1/access.log"],
        ["/run/c2/access.log"],
        ["/run/c1/error.log"],
        ["/run/c2/error.log"],
    ]
    assert inputs[1]["processors"] == [
        {"add_tags": {"tags": ["web"]}},
        {"add_fields": {"target": "harness", "fields": {"cell": "c2", "instance": "one", "stream": "access"}}},
    ]
    assert {each["scan_frequency"] for each in inputs} == {"50ms"}
    assert inputs[0]["json"] == {"keys_under_root": True, "overwrite_keys": True}
    assert inputs[3]["multiline"] == {"pattern": "^\\s", "match": "after", "timeout": "1s"}


def test_edits_of_copies_point_at_the_input_that_they_copy(fixture: Fixture, filebeat_topology: Topology) -> None:
    edits = bind_filebeat(fixture("filebeat/nested.yml"), filebeat_topology).edits
    lines = {edit.line for edit in edits if edit.why.startswith("polling") and "inputs" in edit.path}
    assert lines == {3, 11, 15, 18}


def test_filestreams_keep_apart(fixture: Fixture, filebeat_topology: Topology) -> None:
    inputs = bind_filebeat(fixture("filebeat/dotted.yml"), filebeat_topology).data["filebeat.inputs"]
    assert [each["id"] for each in inputs][:2] == ["shop-access-c1-one-access", "shop-access-c2-one-access"]
    assert inputs[0]["prospector.scanner.check_interval"] == "50ms"
    assert inputs[0]["backoff.max"] == "50ms"


def test_the_output_is_the_local_one(fixture: Fixture, filebeat_topology: Topology) -> None:
    data = bind_filebeat(fixture("filebeat/nested.yml"), filebeat_topology).data
    assert data["output"]["elasticsearch"] == {
        "hosts": ["http://127.0.0.1:9200"],
        "index": "shop-%{+yyyy.MM.dd}",
        "bulk_max_size": 500,
        "backoff.init": "50ms",
        "backoff.max": "50ms",
    }
    assert data["queue.mem.flush.timeout"] == "50ms"


def test_dotted_settings_are_found_where_they_stand(fixture: Fixture, filebeat_topology: Topology) -> None:
    data = bind_filebeat(fixture("filebeat/dotted.yml"), filebeat_topology).data
    assert data["queue.mem"] == {"events": 2048, "flush.timeout": "50ms"}
    assert data["output.elasticsearch"]["hosts"] == ["http://127.0.0.1:9200"]
    assert data["output.elasticsearch"]["pipeline"] == "shop"
    assert "output.logstash.hosts" not in data
    assert "cloud.id" not in data
    assert "instrumentation" not in data
    assert data["setup.ilm.enabled"] is False
    assert data["name"] == "host"
    assert (data["http.host"], data["http.port"], data["path.data"]) == ("127.0.0.1", 5066, "/run/data")
    assert data["seccomp.enabled"] is False


def test_what_would_phone_home_goes(fixture: Fixture, filebeat_topology: Topology) -> None:
    bound = bind_filebeat(fixture("filebeat/nested.yml"), filebeat_topology)
    names = [next(iter(each)) for each in bound.data["processors"]]
    assert names == ["add_host_metadata", "decode_json_fields", "timestamp", "script"]
    assert "monitoring" not in bound.data
    assert bound.data["setup"] == {
        "ilm": {"enabled": False},
        "template": {"name": "shop", "pattern": "shop-*", "enabled": False},
    }
    assert len([warning for warning in bound.warnings if "modules" in warning or "lifecycle" in warning]) == 2


def test_other_outputs_need_a_stand_in(fixture: Fixture, filebeat_topology: Topology) -> None:
    data = bind_filebeat(fixture("filebeat/logstash.yml"), filebeat_topology).data
    assert data["output.logstash"] == {"hosts": ["127.0.0.1:5044"], "backoff.init": "50ms", "backoff.max": "50ms"}
    for name, kind in (("logstash", "logstash"), ("kafka", "kafka")):
        with pytest.raises(ConfigError, match=f"nothing stands for the output '{kind}'"):
            bind_filebeat(fixture(f"filebeat/{name}.yml"), replace(filebeat_topology, outputs={}))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("filebeat.inputs: [{type: kafka, hosts: ['k:1']}]", "kind 'kafka' reads no files"),
        ("filebeat.inputs: [{type: log, paths: [/var/log/x.log]}]", "'/var/log/x.log' is bound to no file"),
        ("filebeat.modules: [{module: nginx}]", "filebeat.modules adds inputs"),
        ("filebeat.autodiscover: {providers: [{type: docker}]}", "filebeat.autodiscover adds inputs"),
        ("filebeat.config.inputs: {path: /etc/x}", "filebeat.config.inputs adds inputs"),
        ("processors: [{script: {lang: javascript, file: /etc/x.js}}]", "script '/etc/x.js' is bound to no file"),
        ("tags: ['${SECRET}']\nname: '${NAME:?must be set}'", "refers to '${NAME:?must be set}'"),
        ("fancy.endpoint: https://away.example.com/", "'https://away.example.com/', which nothing binds"),
    ],
)
def test_refusals(text: str, problem: str, filebeat_topology: Topology) -> None:
    with pytest.raises(ConfigError) as caught:
        bind(text + "\noutput.elasticsearch.hosts: [x]", filebeat_topology)
    assert problem in str(caught.value)


def test_absence_on_purpose(filebeat_topology: Topology) -> None:
    absent = frozenset({"filebeat.modules", "/var/log/x.log"})
    text = (
        "filebeat.modules: [{module: a}]\nfilebeat.inputs: [{type: log, paths: [/var/log/x.log]}]\noutput.console: {}"
    )
    data = bind(text, replace(filebeat_topology, absent=absent))
    assert isinstance(data, dict)
    assert data["filebeat.inputs"] == []
    assert "filebeat.modules" not in data
    assert data["output.console"] == {}


def test_an_output_folder_is_bound_like_any_path(filebeat_topology: Topology) -> None:
    text = "output.file: {path: /var/spool/events, filename: out}"
    with pytest.raises(ConfigError, match="'/var/spool/events' is bound to no folder"):
        bind(text, filebeat_topology)
    data = bind(text, replace(filebeat_topology, files={"/var/spool/events": ("/run/out",)}))
    assert isinstance(data, dict)
    assert data["output.file"] == {"path": "/run/out", "filename": "out"}


def test_scripts_by_file_and_no_place(filebeat_topology: Topology) -> None:
    topology = replace(filebeat_topology, files={"/etc/x.js": ("/run/x.js",)}, filebeat=None)
    data = bind("processors: [{script: {file: /etc/x.js}}]\noutput.elasticsearch: {hosts: [x]}", topology)
    assert isinstance(data, dict)
    assert data["processors"] == [{"script": {"file": "/run/x.js"}}]
    assert "path.data" not in data


def test_a_place_without_statistics(filebeat_topology: Topology) -> None:
    assert filebeat_topology.filebeat is not None
    place = replace(filebeat_topology.filebeat, http=None)
    data = bind("output.elasticsearch: {hosts: [x]}", replace(filebeat_topology, filebeat=place))
    assert isinstance(data, dict)
    assert "http.enabled" not in data


def test_defaults_of_references(filebeat_topology: Topology) -> None:
    data = bind("name: '${NODE:n1}-${HOSTNAME}'\noutput.elasticsearch: {hosts: [x]}", filebeat_topology)
    assert isinstance(data, dict)
    assert data["name"] == "n1-host"


@pytest.mark.parametrize("text", ['{"index_patterns": ["a"]}', "index_patterns: [a]\ntemplate: {mappings: {}}"])
def test_attribution_is_declared_in_the_template(text: str) -> None:
    bound = bind_index_template(parse_yaml(text, "t.json"))
    assert bound.data["template"]["mappings"]["properties"]["harness"]["properties"].keys() == {
        "cell",
        "instance",
        "stream",
    }
    assert bound.text.startswith("{") is text.startswith("{")


def test_dotted_names_in_every_spelling() -> None:
    data = {"a": {"b.c": 1}, "a.b": {"d": 2}, "e": None}
    assert find(data, "a.b.c") == ("a", "b.c")
    assert value_at(data, ("a.b", "d")) == 2
    assert find(data, "a.b.x") is None
    assert find(data, "e.f") is None


def test_a_link_may_differ_by_side() -> None:
    assert Link("proxy:1", "127.0.0.1:2") != Link.direct("proxy:1")
