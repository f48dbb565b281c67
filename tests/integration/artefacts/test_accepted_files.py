"""Files that production would not start with are refused, although binding would mend them."""

import shutil
from pathlib import Path

import pytest

from harness.contract import Campaign, load_campaign
from harness.core.errors import ConfigError
from harness.provision import Tool, ensure
from harness.run.accepting import refuse_unaccepted

ALERTMANAGER = """\
{more}
route: {{receiver: on-call}}
receivers:
  - name: on-call
    slack_configs:
      - api_url: {url}
        channel: "#on-call"
"""
URL = "https://hooks.example.test/T0/B0/X"


@pytest.fixture(scope="module")
def tools() -> dict[str, Tool]:
    return ensure(["prometheus", "alertmanager"])


def campaign(tmp_path: Path, part: str, text: str) -> Campaign:
    folder = shutil.copytree("fixtures/tiny", tmp_path / "tiny", ignore=shutil.ignore_patterns("service"))
    (folder / "production" / f"{part}.yml").write_text(text)
    return load_campaign([folder])


def test_files_that_start_are_not_spoken_of(tools: dict[str, Tool]) -> None:
    assert list(refuse_unaccepted(load_campaign([Path("scenarios")]), tools)) == []
    assert list(refuse_unaccepted(load_campaign([Path("fixtures/tiny")]), {})) == []


@pytest.mark.parametrize(
    ("part", "text", "told"),
    [
        (
            "alertmanager",
            ALERTMANAGER.format(more="global: {slack_api_url: 'https://a.test', slack_api_url_file: b}", url=URL),
            "alertmanager.yml: amtool refuses the file as it is written: at most one of slack_api_url",
        ),
        (
            "prometheus",
            "scrape_configs:\n  - job_name: tiny\n    basic_auth: {username: a}\n    bearer_token: b\n",
            "prometheus.yml: promtool refuses the file as it is written: at most one of basic_auth",
        ),
        (
            "prometheus",
            "scrap_configs: []\n",
            "prometheus.yml:1: promtool refuses the file as it is written: line 1: field scrap_configs not found",
        ),
        (
            "prometheus",
            "global:\n  scrape_intervall: 15s\n",
            "prometheus.yml:2: promtool refuses the file as it is written: line 2: field scrape_intervall not found",
        ),
    ],
)
def test_a_flaw_that_binding_would_take_out_is_told(
    tmp_path: Path, tools: dict[str, Tool], part: str, text: str, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        list(refuse_unaccepted(campaign(tmp_path, part, text), tools))
    assert f"production/{told}" in str(caught.value)
    assert caught.value.remedy == "mend it: production would not start with it"


def test_what_this_build_does_not_know_is_only_told(tmp_path: Path, tools: dict[str, Tool]) -> None:
    text = "scrape_configs:\n  - job_name: tiny\n    docker_sd_configs: [{host: 'unix:///x'}]\n"
    (told,) = refuse_unaccepted(campaign(tmp_path, "prometheus", text), tools)
    assert told.startswith("production/prometheus.yml: promtool of this build does not know docker_sd_configs")


def test_a_reference_that_something_else_fills_in_is_only_told(tmp_path: Path, tools: dict[str, Tool]) -> None:
    text = ALERTMANAGER.format(more="", url="${SLACK_URL}")
    (told,) = refuse_unaccepted(campaign(tmp_path, "alertmanager", text), tools)
    assert "cannot check the file before something fills in ${SLACK_URL}: " in told
