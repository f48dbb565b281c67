"""Relabelling of live discovery, by the real promtool: what is kept, where it is scraped, under which labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.core.errors import ConfigError, MachineError
from harness.virtual import command
from harness.virtual.discovery import examine_discovery
from harness.virtual.verdicts import Cell

CONTRACT = """\
harness: contract/1
service: shop
artefacts: {{prometheus: prometheus.yml}}
discovery:
  {job}:
    wanted:
      given: {{__address__: "10.0.0.7:80", __meta_consul_service: web, __meta_consul_tags: ",metrics,"}}
      scraped: {scraped}
      labels: {{app: {app}}}
    unwanted:
      given: {{__address__: "10.0.0.8:80", __meta_consul_tags: ","}}
      dropped: {dropped}
"""
PROMETHEUS = """\
scrape_configs:
  - job_name: consul
    scheme: https
    consul_sd_configs: [{server: "consul.internal:8500"}]
    relabel_configs:
      - {source_labels: [__meta_consul_tags], regex: ".*,metrics,.*", action: keep}
      - {source_labels: [__meta_consul_service], target_label: app}
"""
PROFILE = "harness: profile/1\nsubject: s\nstart: {command: [x]}\nports: [app]\nready: {port: app}\n"
CAMPAIGN = "harness: campaign/1\nprofile: profile.yaml\ncontract: contract.yaml\n"


def examined(
    folder: Path,
    promtool: Path,
    prometheus: str = PROMETHEUS,
    job: str = "consul",
    scraped: str = "https://10.0.0.7:80/metrics",
    app: str = "web",
    dropped: str = "true",
) -> dict[str, Cell]:
    contract = CONTRACT.format(job=job, scraped=scraped, app=app, dropped=dropped)
    texts = {"contract": contract, "profile": PROFILE, "campaign": CAMPAIGN}
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "prometheus.yml").write_text(prometheus)
    (folder / "story.yaml").write_text("harness: scenario/1\nstory: x\nphases: [{name: a, lasts: 1m}]\n")
    campaign = load_campaign([folder])
    return {cell.condition: cell for cell in examine_discovery(campaign, read_production(campaign), promtool)}


def test_what_production_keeps_and_drops_is_held(tmp_path: Path, promtool: Path) -> None:
    found = examined(tmp_path, promtool)
    assert {name: cell.verdict for name, cell in found.items()} == {"wanted": "held", "unwanted": "held"}
    assert found["wanted"].does == (
        "scraped at https://10.0.0.7:80/metrics as app=web, instance=10.0.0.7:80, job=consul"
    )
    assert found["unwanted"].does == "dropped"


DEFECTS = {
    "the tag is misspelt": ("metrics,.*", "metric,.*", "wanted", "it is dropped"),
    "everything is kept": ("action: keep", "action: drop", "unwanted", "it is scraped"),
    "the label has another name": ("target_label: app", "target_label: application", "wanted", "app is ''"),
    "another path": ("scheme: https", "{scheme: https, metrics_path: /m}"[1:-1].replace(", ", "\n    "), "wanted",
                     "it is scraped at https://10.0.0.7:80/m"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_of_relabelling_is_told(tmp_path: Path, promtool: Path, name: str) -> None:
    before, after, condition, why = DEFECTS[name]
    assert PROMETHEUS.count(before) == 1
    cell = examined(tmp_path, promtool, PROMETHEUS.replace(before, after))[condition]
    assert (cell.verdict, cell.why) == ("violated", why)
    assert str(cell.promise).startswith("contract.yaml:")


def test_a_job_that_does_not_exist_is_an_error_with_a_suggestion(tmp_path: Path, promtool: Path) -> None:
    with pytest.raises(ConfigError, match=r"contract.yaml:5:3: prometheus.yml has no job 'consol'\n.*did you mean"):
        examined(tmp_path, promtool, job="consol")


@pytest.mark.parametrize("dropped", ["false"])
def test_an_example_says_one_thing(tmp_path: Path, promtool: Path, dropped: str) -> None:
    with pytest.raises(ConfigError, match="say either scraped: ADDRESS/PATH or dropped: true"):
        examined(tmp_path, promtool, dropped=dropped)


def test_what_promtool_refuses_is_told(tmp_path: Path, promtool: Path) -> None:
    with pytest.raises(MachineError, match="promtool found no target"):
        examined(tmp_path, promtool, PROMETHEUS.replace('regex: ".*,metrics,.*"', 'regex: "("'))
    with pytest.raises(MachineError, match="cannot be run"):
        examined(tmp_path, tmp_path / "none")


def test_the_pods_of_the_reference_are_kept_and_dropped_as_promised(
    capsys: pytest.CaptureFixture[str], promtool: Path
) -> None:
    campaign = load_campaign([Path("scenarios")])
    cells = examine_discovery(campaign, read_production(campaign), promtool)
    assert {cell.verdict for cell in cells} == {"held"}
    assert {cell.does == "dropped" for cell in cells} == {True, False}
    assert command.exit_code(cells) == 0
