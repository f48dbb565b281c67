"""A small campaign as events, written by hand: one story, four verdicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from harness.core.events import (
    CampaignEnded,
    CampaignStarted,
    CellEnded,
    ClauseJudged,
    ComponentReady,
    Event,
    HopSeen,
    Note,
    PhaseEnded,
    PhaseStarted,
    PlannedClause,
    Verdict,
)

BUNDLE: Final = "bundles/shop"
CLAUSES: Final = (
    PlannedClause("outage::alerts::Down::fires", "Down fires within 30s", "outage.yaml:7:3"),
    PlannedClause("outage::alerts::Down::pages", "Down pages on-call", "outage.yaml:7:3"),
    PlannedClause("outage::logs::error::arrives", "every line arrives", "contract.yaml:9:5"),
    PlannedClause("campaign::metrics::up::exists", "up is exposed", "contract.yaml:4:5"),
)


def started() -> CampaignStarted:
    return CampaignStarted(1000.0, "shop", BUNDLE, 60.0, "native", ("outage",), CLAUSES)


def happened() -> list[Event]:
    """What happens between the first event and the verdicts; hops in the order in which they were noticed."""
    return [
        ComponentReady(1001.0, "campaign", "elasticsearch", 0.98, "http://127.0.0.1:9200", "8.8.0"),
        ComponentReady(1001.5, "outage", "shop-0", 0.4, "http://127.0.0.1:8000"),
        Note(1001.6, "stack ready; playing outage"),
        PhaseStarted(1002.0, "outage", "broken", 0.0, "failures 100%"),
        HopSeen(1002.1, "outage", "fault", "failures", 6.0, detail="100%"),
        HopSeen(1002.6, "outage", "metric", "Down", 36.0, 30.0, "fault failures", detail="0.2 > 0.1"),
        HopSeen(1003.2, "outage", "alertmanager", "Down", 72.0, 36.0, "metric"),
        HopSeen(1003.1, "outage", "firing", "Down", 66.0, 30.0, "metric"),
        HopSeen(1003.3, "outage", "receiver", "Down", 78.0, 0.1, "alertmanager", wall=True, detail="on-call by mail"),
        PhaseEnded(1004.0, "outage", "broken", 120.0, "its condition is decided"),
        CellEnded(1005.0, "outage", 180.0, True, ""),
    ]


def judged() -> list[ClauseJudged]:
    return [
        ClauseJudged(1006.0, CLAUSES[0].id, "held", "60s after the fault"),
        ClauseJudged(
            1006.0,
            CLAUSES[1].id,
            "violated",
            "nobody was told",
            ("first missing hop: receiver", "route: alertmanager.yml:3"),
            CLAUSES[1].source,
            "harness gate --clause outage::alerts::Down::pages",
        ),
        ClauseJudged(1006.0, CLAUSES[2].id, "inconclusive", "no line was written", (), CLAUSES[2].source),
        ClauseJudged(1006.0, CLAUSES[3].id, "waived", "up is missing", ("waived until 2027-01-01 by me: known",)),
    ]


def ended(exit_code: int = 1) -> CampaignEnded:
    return CampaignEnded(1006.0, 6.0, {"held": 1, "violated": 1, "inconclusive": 1, "waived": 1}, exit_code, BUNDLE)


@pytest.fixture
def events() -> list[Event]:
    """The whole campaign."""
    return [started(), *happened(), *judged(), ended()]


def campaign_of(verdicts: dict[str, tuple[Verdict, str]]) -> list[Event]:
    """A campaign of which only the verdicts matter: clause id to verdict and message."""
    clauses = tuple(PlannedClause(name, f"promise of {name}", "contract.yaml:1:1") for name in verdicts)
    told = [ClauseJudged(1006.0, name, verdict, message) for name, (verdict, message) in verdicts.items()]
    counts: dict[str, int] = {}
    for verdict, _ in verdicts.values():
        counts[verdict] = counts.get(verdict, 0) + 1
    return [replace(started(), clauses=clauses), *told, replace(ended(), counts=counts)]


@pytest.fixture
def make_campaign() -> object:
    """``campaign_of``, for tests."""
    return campaign_of


@pytest.fixture
def report_path(tmp_path: Path) -> Path:
    """A report in a folder that does not exist yet."""
    return tmp_path / "out" / "report"
