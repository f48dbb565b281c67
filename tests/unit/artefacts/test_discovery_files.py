"""Discovery files beside production's configuration are read and bound as they are; others are live discovery."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.artefacts import Clock, JobBinding, Link, Target, Topology, bind_prometheus, read_prometheus, undo
from harness.artefacts.prometheus_config import TargetGroup, read_targets
from harness.core.errors import ConfigError
from harness.core.source import parse_yaml

TEXT = """\
scrape_configs:
  - job_name: shop
    file_sd_configs:
      - files: [targets/*.yml]
    static_configs:
      - {targets: ["shop-0:9090"], labels: {zone: a}}
"""
TARGETS = """\
- targets: ["shop-1:9090", "shop-2:9090"]
  labels: {service: shop}
- {targets: ["shop-3:9090"]}
"""
GROUPS = read_targets(parse_yaml(TARGETS, "targets/shop.yml"))
TOPOLOGY = Topology(
    jobs={"shop": JobBinding((Target(Link.direct("127.0.0.1:4001")), Target(Link.direct("127.0.0.1:4002"))))},
    files={"targets/*.yml": ("/run/targets/shop.yml",)},
    discovered={"targets/*.yml": GROUPS},
)


def test_target_groups_are_read() -> None:
    assert (
        TargetGroup(("shop-1:9090", "shop-2:9090"), {"service": "shop"}),
        TargetGroup(("shop-3:9090",), {}),
    ) == GROUPS


def test_targets_of_files_are_written_targets_with_their_labels() -> None:
    (job,) = read_prometheus(parse_yaml(TEXT, "prometheus.yml"), TOPOLOGY.discovered).jobs
    assert job.discovery.static_targets == ("shop-0:9090", "shop-1:9090", "shop-2:9090", "shop-3:9090")
    assert job.discovery.labels == {"zone": "a", "service": "shop"}
    assert job.discovery.live_kinds == ()


def test_a_file_that_is_not_there_is_live_discovery() -> None:
    (job,) = read_prometheus(parse_yaml(TEXT, "prometheus.yml")).jobs
    assert (job.discovery.static_targets, job.discovery.live_kinds) == (("shop-0:9090",), ("file_sd",))


def test_the_files_are_bound_to_copies_and_their_addresses_lead_to_local_nodes() -> None:
    document = parse_yaml(TEXT, "prometheus.yml")
    bound = bind_prometheus(document, TOPOLOGY, Clock(60))
    (job,) = bound.data["scrape_configs"]
    assert job["file_sd_configs"] == [{"files": ["/run/targets/shop.yml"]}]
    assert job["static_configs"] == document.data["scrape_configs"][0]["static_configs"]
    replaced = {rule["regex"]: rule["replacement"] for rule in job["relabel_configs"] if "replacement" in rule}
    assert replaced[r"shop\-1:9090"] == "127.0.0.1:4002"
    assert undo(bound) == document.data


def test_a_file_that_nothing_copies_is_named() -> None:
    with pytest.raises(ConfigError, match=r"discovery file 'targets/\*.yml' is bound to no files"):
        bind_prometheus(parse_yaml(TEXT, "prometheus.yml"), replace(TOPOLOGY, files={}), Clock(60))
