"""Rules as companies have them, live: burn rates over chains of recordings, and alerts on an exporter's series."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.tiny.gates import ROOT, Ended, Home

DATA = Path(__file__).parent / "data" / "company"


def company(folder: Path) -> Path:
    """A copy of the company's files, with the tiny subject as its service."""
    shutil.copytree(DATA, folder)
    shutil.copytree(ROOT / "fixtures" / "tiny" / "service", folder / "service")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path / "home")
    yield found
    try:
        found.assert_clean(within_s=0.5)
    finally:
        found.end_all()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("company")
    home = Home(folder / "home")
    ended = home.gate(company(folder / "company"), "-v", within_s=120)
    home.assert_clean(sorted(ended.ports), within_s=0.5)
    return ended


def test_every_promise_is_kept(kept: Ended) -> None:
    assert kept.code == 0, kept.out + kept.err
    assert set(kept.verdicts.values()) == {"held"}, kept.verdicts


def test_a_burn_rate_fires_through_its_chain_within_its_bounds(kept: Ended) -> None:
    words = kept.words("burn::alerts::ErrorBudgetBurnsFast::fires")
    assert "2m crossing" in words
    shown = re.search(r"(3\ds\S*) recording rules", words)
    assert shown, "10 s of the counts' group and 20 s of the shares', more where evaluations were late"


def test_alerts_on_an_exporter_fire_and_resolve_with_the_story(kept: Ended) -> None:
    for alert in ("DiskAlmostFull", "DiskWritesFail"):
        for promise in ("fires", "pages", "resolves", "renders"):
            assert kept.verdicts[f"disk::alerts::{alert}::{promise}"] == "held"
    faults = b"\n".join(kept.lines("records/fault.ndjson"))
    assert b"scrapes have read it" in faults
    assert b'"kind":"stand_in"' in faults


def test_windows_beyond_every_story_are_only_armed_and_say_so(kept: Ended) -> None:
    words = kept.words("campaign::alerts::ErrorBudgetBurnsSlowly::armed")
    assert "its firing is proved in virtual time by harness test" in words
    assert "virtual time" not in kept.words("campaign::alerts::ErrorBudgetBurnsFast::armed")


def test_a_recording_rule_that_records_nothing_is_the_first_missing_hop(home: Home, tmp_path: Path) -> None:
    folder = company(tmp_path / "company")
    recordings = folder / "production" / "recordings.yml"
    text = recordings.read_text()
    recordings.write_text(text.replace("rate(tiny_failures_total[2m])", "rate(tiny_failure_total[2m])"))
    (folder / "campaign.yaml").write_text(
        (DATA / "campaign.yaml").read_text().replace("burn.yaml, disk.yaml", "burn.yaml")
    )
    ended = home.gate(folder, within_s=120)
    assert ended.code == 1, ended.out + ended.err
    broken = ended.of("violated")
    assert broken == {"burn::alerts::ErrorBudgetBurnsFast::pends"}
    words = ended.words("burn::alerts::ErrorBudgetBurnsFast::pends")
    assert "job:failures:rate2m was never recorded" in words
    assert "production/recordings.yml:8" in words
