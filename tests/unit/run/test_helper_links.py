"""Ways from the subject to its helpers: named in the profile, disturbed by a story, led through a proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.helper_links import helper_links
from harness.contract import load_campaign
from harness.core.errors import ConfigError
from harness.run.placement import CellPlace, InstancePlace, helper_values, values_of
from harness.run.selection import select
from tests.integration.tiny.gates import Story
from tests.integration.tiny.test_helper_links import asking_upstream

WAY, DIRECT, PROXY = "upstream.http", "127.0.0.1:7001", "127.0.0.1:7999"


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return asking_upstream(tmp_path / "tiny")


def test_a_story_that_disturbs_a_way_gets_a_proxy(story: Story) -> None:
    campaign = load_campaign([story.folder])
    (scenario,) = campaign.scenarios
    assert [each.hop for each in helper_links(campaign, scenario)] == [WAY]
    (cell,) = select(campaign, compile_campaign(campaign), ()).cells
    assert "toxiproxy" in cell.parts


def test_a_story_that_does_not_gets_none(story: Story) -> None:
    story.replace("failing.yaml", ("fault: {upstream: down}", "fault: {failures: 100%}"))
    campaign = load_campaign([story.folder])
    (cell,) = select(campaign, compile_campaign(campaign), ()).cells
    assert "toxiproxy" not in cell.parts


@pytest.mark.parametrize(("proxied", "port"), [({}, "7001"), ({(WAY, DIRECT): PROXY}, "7999")])
def test_the_subject_alone_takes_the_way_through_the_proxy(
    tmp_path: Path, proxied: dict[tuple[str, str], str], port: str
) -> None:
    instance = InstancePlace("tiny-0", 0, {"app": 7000}, tmp_path, tmp_path)
    helpers = {"upstream": {"http": 7001}, "other": {"http": 7002}}
    place = CellPlace("failing", tmp_path, 60.0, (instance,), helpers, proxied=proxied)
    own = values_of(place, instance, tmp_path, 1)
    assert (own["helper.upstream.http"], own["helper.other.http"]) == (port, "7002")
    assert helper_values(place, "other", tmp_path, 1)["helper.upstream.http"] == "7001"


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("failing.yaml", "upstream: down", "upstream: 50%", "upstream.http cannot be cut by '50%'"),
        ("failing.yaml", "upstream: down", "upstream: latency", "'latency': "),
        ("profile.yaml", "{helper.upstream.http}", "80", "does not take the way to upstream.http"),
        ("profile.yaml", "helper: upstream, port: http", "helper: upstrem, port: http", "no helper 'upstrem'"),
        ("profile.yaml", "helper: upstream, port: http", "helper: upstream, port: web", "no port 'web'"),
        ("profile.yaml", "upstream: {link:", "upstream: {signal: kill, link:", "one of them"),
        ("profile.yaml", "upstream: {link:", "upstream: {limit: descriptors, link:", "one of them"),
    ],
)
def test_what_cannot_be_disturbed_is_told_where_it_stands(
    story: Story, file: str, before: str, after: str, told: str
) -> None:
    story.replace(file, (before, after))
    with pytest.raises(ConfigError) as caught:
        compile_campaign(load_campaign([story.folder]))
    assert told in str(caught.value)
    assert f"{file}:" in str(caught.value)
