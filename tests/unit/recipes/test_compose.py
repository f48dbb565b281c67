"""The Compose file: what Compose accepts, every file that it mounts, and one place that derives the fields."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from harness.provision.images import read_images

LLM_ROUTER = Path(__file__).parents[3] / "fixtures" / "llm_router"
PRODUCTION = LLM_ROUTER / "production"
SCHEMA = json.loads((Path(__file__).parent / "data" / "compose.json").read_text())


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((LLM_ROUTER / "docker-compose.yml").read_text())
    return found


def services(compose: dict[str, Any], profile: str) -> dict[str, Any]:
    """What runs with one profile."""
    found = compose["services"].items()
    return {name: service for name, service in found if profile in service.get("profiles", [profile])}


def test_it_keeps_the_specification_of_compose(compose: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(compose)


def test_a_mistake_would_be_found(compose: dict[str, Any]) -> None:
    wrong = {**compose, "services": {"a": {"image": "b", "volumnes": []}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(wrong)


def test_every_mounted_file_is_there_and_is_read_only(compose: dict[str, Any]) -> None:
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    files = [mount.split(":") for mount in mounts if mount.startswith(".")]
    assert len(files) > 10
    for source, _, mode in files:
        assert (LLM_ROUTER / source).exists(), source
        assert mode == "ro"


def test_every_port_is_published_on_loopback(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_have_the_versions_that_the_gate_takes(compose: dict[str, Any]) -> None:
    gate = dict(entry.image.split(":") for entry in read_images({}).values())
    found = dict(service["image"].split(":") for service in compose["services"].values())
    assert {name: found[name] for name in gate if name in found} == {name: gate[name] for name in gate if name in found}
    assert {"prom/prometheus", "prom/alertmanager", "elasticsearch", "elastic/filebeat"} <= found.keys()


@pytest.mark.parametrize(("profile", "derives"), [("filebeat", "filebeat.yml"), ("logstash", "logstash/pipeline.conf")])
def test_fields_are_derived_in_one_place_with_either_profile(
    compose: dict[str, Any], profile: str, derives: str
) -> None:
    mounted = str([service.get("volumes") for service in services(compose, profile).values()])
    both = {"filebeat.yml", "logstash/pipeline.conf"}
    assert {name for name in both if f"./production/{name}:" in mounted} == {derives}


def test_every_target_of_prometheus_is_a_service(compose: dict[str, Any]) -> None:
    text = (PRODUCTION / "prometheus.yml").read_text() + (PRODUCTION / "targets" / "llm-router.yml").read_text()
    names = {
        target.partition(":")[0]
        for line in re.findall(r"targets: \[(.+)\]", text)
        for target in re.findall(r'"(.+?)"', line)
    }
    assert names - {"localhost"} <= compose["services"].keys()


def copies_of(text: str, pattern: str) -> list[tuple[str, str]]:
    """Source and target of every copy, in order, with dots between the names."""
    dotted = ((re.sub(r"\]\[", ".", source).strip("[]"), target) for source, target in re.findall(pattern, text))
    return [(source, target) for source, target in dotted if source != target and "@" not in target]


def test_logstash_derives_what_filebeat_derives_in_the_same_order() -> None:
    filebeat = copies_of((PRODUCTION / "filebeat.yml").read_text(), r'copy\("(.+?)", "(.+?)"\)')
    logstash = copies_of((PRODUCTION / "logstash" / "pipeline.conf").read_text(), r'copy => \{ "(.+?)" => "(.+?)" \}')
    assert len(filebeat) == 13
    assert logstash == filebeat


def test_logstash_makes_the_same_categories_ids_and_indices() -> None:
    filebeat = (PRODUCTION / "filebeat.yml").read_text()
    logstash = (PRODUCTION / "logstash" / "pipeline.conf").read_text()
    assert re.findall(r"> (\d+)", filebeat) == re.findall(r"> (\d+) \{", logstash) == ["10", "5"]
    for category in ("slow", "medium", "fast"):
        assert f'"{category}"' in filebeat
        assert f'"performance_category" => "{category}"' in logstash
    kinds = re.findall(r'event_type", "(\w+)"', filebeat)
    assert kinds == re.findall(r'"event_type" => "(\w+)"', logstash) == ["error", "inference", "model"]
    identity = re.search(r'"@metadata._id", \[(.+?)\]\.join\("-"\)', filebeat)
    assert identity
    parts = [re.sub(r'event\.Get\("(\w+)"\)', r"\1", part) for part in identity[1].split(", ")]
    named = re.search(r'\[_id\]" => "(.+?)" \}', logstash)
    assert named
    assert re.findall(r"%\{(?:\[@metadata\]\[)?(\w+)\]?\}", named[1]) == parts
    assert "llm-router-%{+yyyy.MM.dd}" in filebeat
    assert "llm-router-%{+YYYY.MM.dd}" in logstash


def test_raw_lines_come_from_the_same_files() -> None:
    whole, raw = (yaml.safe_load((PRODUCTION / name).read_text()) for name in ("filebeat.yml", "logstash/filebeat.yml"))
    assert raw["filebeat.inputs"][0]["paths"] == whole["filebeat.inputs"][0]["paths"]
    assert "processors" not in raw, "fields are derived in one place"


def test_kibana_reads_the_elasticsearch_of_the_stack(compose: dict[str, Any]) -> None:
    kibana, elasticsearch = (compose["services"][name] for name in ("kibana", "elasticsearch"))
    assert kibana["environment"]["ELASTICSEARCH_HOSTS"] == "http://elasticsearch:9200"
    assert kibana["image"].rpartition(":")[2] == "8.8.0"
    assert "9200" in str(elasticsearch)
