"""What artefacts ask of Elasticsearch: refused with its place where it lacks, installed where it does not."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError
from harness.run.clients.elasticsearch import ElasticsearchClient
from harness.run.clients.http import Http
from harness.run.features import install_artefacts, refuse_lacking, refuse_unnamed
from harness.run.ground import prepare
from tests.unit.clients.conftest import server  # noqa: F401 (a fixture)
from tests.unit.provision.fake_engine import fake_engine
from tests.unit.run.test_ground import INFO, stand_ins

TINY = Path(__file__).parents[3] / "fixtures" / "tiny"
PIPELINES = ["elasticsearch", "filebeat"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "tiny"
    shutil.copytree(TINY, place, ignore=shutil.ignore_patterns("service"))
    return place


def demanding(folder: Path, *pipelines: str) -> Campaign:
    """The smallest subject, its events sent through a pipeline into a data stream."""
    production = folder / "production"
    filebeat = production / "filebeat.yml"
    filebeat.write_text(re.sub(r"(?m)^(output.elasticsearch:)$", r"\1\n  pipeline: clean", filebeat.read_text()))
    template = production / "index-template.json"
    template.write_text(json.dumps({**json.loads(template.read_text()), "data_stream": {}}))
    (production / "pipelines").mkdir()
    for name in pipelines:
        (production / "pipelines" / f"{name}.json").write_text('{"processors": [{"drop": {}}]}')
    (production / "kept.json").write_text('{"policy": {}}')
    contract = folder / "contract.yaml"
    more = "\n  ingest_pipelines: production/pipelines/*.json\n  lifecycle_policies: production/kept.json\n"
    contract.write_text(re.sub(r"(?m)^(  index_template: .*)\n", rf"\1{more}", contract.read_text()))
    return load_campaign([folder])


def test_processes_refuse_it_all_and_name_the_backend_that_does_not(folder: Path) -> None:
    campaign = demanding(folder, "clean")
    with pytest.raises(ConfigError) as refusal:
        prepare("native", PIPELINES, campaign, print)
    told = str(refusal.value)
    assert re.match(r"production/filebeat.yml:\d+:3: the ingest pipeline 'clean' is not in the Elasticsearch of", told)
    assert "\n  production/index-template.json:1:" in told
    assert "a data stream is not in" in told
    assert "\n  production/pipelines/clean.json:1:1: an ingest pipeline is not in" in told
    assert "\n  production/kept.json:1:1: a lifecycle policy is not in" in told
    assert "remedy: --backend containers" in told


def test_stand_ins_of_the_core_refuse_it_too(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'e'}")
    campaign = demanding(folder, "clean")
    with fake_engine(tmp_path / "e", {**INFO, **stand_ins()}), pytest.raises(ConfigError) as refusal:
        prepare("containers", PIPELINES, campaign, print)
    assert "is not in the Elasticsearch of the stand-in image, which is its core alone" in refusal.value.problem
    assert "harness images" in refusal.value.remedy


def test_official_images_take_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'e'}")
    official = {
        f"GET /images/{name}/json": (200, b"{}") for name in ("elasticsearch%3A8.8.0", "elastic/filebeat%3A8.8.0")
    }
    with fake_engine(tmp_path / "e", {**INFO, **official}):
        prepare("containers", PIPELINES, demanding(folder, "clean"), print)


def test_a_pipeline_that_no_file_holds_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="no file under ingest_pipelines is called clean") as refusal:
        refuse_unnamed(demanding(folder, "other"))
    assert str(refusal.value.location).startswith("production/filebeat.yml:")


def test_what_needs_the_core_alone_is_not_asked() -> None:
    campaign = load_campaign([TINY])
    refuse_lacking(campaign, "native")
    refuse_unnamed(campaign)


def test_it_is_installed_before_the_template_that_names_it(folder: Path, server: Any) -> None:  # noqa: F811
    for path in ("/_ilm/policy/kept", "/_ingest/pipeline/clean", "/_index_template/harness-under-test"):
        server.answer("PUT", path, {})
    template = install_artefacts(demanding(folder, "clean"), ElasticsearchClient(Http(server.url)))
    assert template is not None
    assert [asked.path for asked in server.asked] == [
        "/_ilm/policy/kept",
        "/_ingest/pipeline/clean",
        "/_index_template/harness-under-test",
    ]
    assert json.loads(server.asked[1].body) == {"processors": [{"drop": {}}]}
