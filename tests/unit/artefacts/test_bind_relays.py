"""Probes: the exporter is the local one, and it is told to ask local addresses, never those of production."""

import re
from dataclasses import replace

import pytest

from harness.artefacts import Clock, JobBinding, Link, Target, Topology, bind_prometheus
from harness.core.errors import ConfigError
from harness.core.source import parse_yaml

TEXT = """\
scrape_configs:
- job_name: probes
  metrics_path: /probe
  static_configs: [{targets: ["TARGET"]}]
  relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {source_labels: [__param_target], target_label: instance}
  - {target_label: __address__, replacement: "blackbox:9115"}
"""
EXPORTER = Link.direct("127.0.0.1:4001")
SHOP = {"shop:8080": Link.direct("127.0.0.1:4002")}
BY_JOB = Topology(jobs={"probes": JobBinding((Target(EXPORTER),))}, addresses=SHOP, asking=frozenset({EXPORTER.peer}))
BY_ADDRESS = Topology(addresses={**SHOP, "blackbox:9115": EXPORTER}, asking=frozenset({EXPORTER.peer}))


def asked(topology: Topology, target: str) -> dict[str, str]:
    """What a target's labels are behind all rules, by a small reading of relabelling."""
    bound = bind_prometheus(parse_yaml(TEXT.replace("TARGET", target), "prometheus.yml"), topology, Clock(30.0))
    labels = {"__address__": target}
    for rule in bound.data["scrape_configs"][0]["relabel_configs"]:
        value = ";".join(labels.get(name, "") for name in rule.get("source_labels", ()))
        found = re.fullmatch(rule.get("regex", "(.*)"), value)
        if rule.get("action") == "keep":
            assert found, labels
        elif found:
            template = re.sub(r"\$\{?(\d)\}?", r"\\g<\1>", rule.get("replacement", "$1"))
            labels[rule["target_label"]] = found.expand(template)
    return labels


@pytest.mark.parametrize("topology", [BY_JOB, BY_ADDRESS])
@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("https://shop:8080/health?a=b", "http://127.0.0.1:4002/health?a=b"),
        ("shop:8080", "127.0.0.1:4002"),
    ],
)
def test_the_local_exporter_asks_the_local_service(topology: Topology, target: str, told: str) -> None:
    labels = asked(topology, target)
    assert (labels["__address__"], labels["__param_target"]) == ("127.0.0.1:4001", told)
    assert labels["instance"] == target, "labels stay those of production"


def test_a_local_service_behind_tls_is_asked_by_https() -> None:
    topology = replace(BY_JOB, schemes={"shop:8080": "https"})
    assert asked(topology, "http://shop:8080/x")["__param_target"] == "https://127.0.0.1:4002/x"


def test_an_exporter_that_is_a_program_never_asks_production() -> None:
    with pytest.raises(ConfigError, match="the exporter of the job 'probes' would ask 'http://away/', which nothing"):
        asked(BY_JOB, "http://away/")


def test_a_text_that_stands_for_an_exporter_asks_nobody() -> None:
    topology = Topology(jobs=BY_JOB.jobs)
    assert asked(topology, "http://away/")["__param_target"] == "http://away/"


def test_what_is_left_out_on_purpose_is_no_problem() -> None:
    topology = Topology(jobs=BY_JOB.jobs, asking=BY_JOB.asking, absent=frozenset({"away"}))
    assert asked(topology, "http://away/")["__address__"] == "127.0.0.1:4001"
