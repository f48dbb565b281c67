"""Scrape jobs in files of their own are jobs like all others: known to clauses, bound, and refused where unbound."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.artefacts import JobBinding, Link, Target, Topology
from harness.clauses.production import read_production
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.run.bound import bind_cell

FILES = {
    "campaign.yaml": "harness: campaign/1\nprofile: profile.yaml\ncontract: contract.yaml\n",
    "profile.yaml": 'harness: profile/1\nsubject: s\nstart: {command: ["true"]}\nports: [app]\nready: {port: app}\n',
    "contract.yaml": "harness: contract/1\nservice: s\nartefacts: {prometheus: prometheus.yml}\n",
    "story.yaml": "harness: scenario/1\nstory: It runs.\nphases:\n  - {name: all, lasts: 1m}\n",
    "prometheus.yml": "global: {scrape_interval: 30s}\nscrape_config_files: [scrape.d/*.yml]\n",
    "scrape.d/shop.yml": "scrape_configs:\n  - {job_name: shop, static_configs: [{targets: ['shop:80']}]}\n"
    "  - {job_name: disco, file_sd_configs: [{files: [targets.json]}]}\n",
    "scrape.d/targets.json": '[{"targets": ["disco:80"]}]',
}
BOUND = {name: JobBinding((Target(Link.direct(f"127.0.0.1:{port}")),)) for name, port in (("shop", 1), ("disco", 2))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_jobs_of_other_files_are_known_and_have_the_interval_of_the_first(folder: Path) -> None:
    production = read_production(load_campaign([folder / "files"]))
    assert production.prometheus is not None
    assert [(job.name, job.interval_s) for job in production.prometheus.jobs] == [("shop", 30), ("disco", 30)]
    assert production.groups["targets.json"][0].targets == ("disco:80",)


def test_they_are_bound_and_named_by_the_bound_file(folder: Path) -> None:
    campaign = load_campaign([folder / "files"])
    production = read_production(campaign)
    topology = Topology(jobs=BOUND)
    cell = bind_cell(campaign, production, topology, 60, frozenset({"prometheus"}), folder / "cell")
    assert cell.prometheus is not None
    (named,) = yaml.safe_load(cell.prometheus.read_text())["scrape_config_files"]
    shop, disco = yaml.safe_load(Path(named).read_text())["scrape_configs"]
    assert "127.0.0.1:1" in str(shop)
    assert "127.0.0.1:2" in str(disco)
    assert {edit.file for bound in cell.artefacts for edit in bound.edits} == {"prometheus.yml", "scrape.d/shop.yml"}


def test_what_stands_there_and_nothing_binds_is_refused_with_its_place(folder: Path) -> None:
    campaign = load_campaign([folder / "files"])
    with pytest.raises(
        ConfigError, match=r"scrape.d/shop.yml:2:.*'shop' scrapes 'shop:80', which nothing binds"
    ) as told:
        bind_cell(campaign, read_production(campaign), Topology(), 60, frozenset({"prometheus"}), folder / "cell")
    assert "{job: NAME, drop: true}" in str(told.value)


def test_a_job_that_two_files_write_is_refused(folder: Path) -> None:
    (folder / "files/scrape.d/again.yml").write_text("scrape_configs: [{job_name: shop}]\n")
    with pytest.raises(ConfigError, match="the job 'shop' appears twice"):
        read_production(load_campaign([folder / "files"]))
