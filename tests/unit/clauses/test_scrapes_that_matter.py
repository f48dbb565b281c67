"""Which scrape jobs a story's promises stand on, and that a slow scrape of another one spoils nothing."""

from pathlib import Path
from typing import Any

import pytest

from harness.clauses.compiled import compile_campaign
from harness.clauses.fitness import unfit
from harness.clauses.production import read_production
from harness.clauses.scrapes import jobs_read
from harness.contract import load_campaign
from harness.evidence.records import CellStarted, Reading
from harness.evidence.store import Evidence


@pytest.fixture(scope="module")
def read() -> Any:
    campaign = load_campaign([Path("scenarios")])
    production, clauses = read_production(campaign), compile_campaign(campaign)
    return {each.name: jobs_read(campaign, production, each, clauses) for each in campaign.scenarios}


@pytest.mark.parametrize(
    ("story", "jobs"),
    [
        ("idle_service", ("llm-router",)),
        ("rules_failing", ("llm-router", "prometheus")),
        ("filebeat_killed", ("llm-router", "log-pipeline")),
        # its expressions name these jobs; errors of the subject's family have no job matcher
        ("inference_errors", ("llm-router", "node-exporter", "prometheus")),
    ],
)
def test_jobs_are_those_that_the_story_s_own_promises_read(read: Any, story: str, jobs: tuple[str, ...]) -> None:
    assert read[story] == jobs


@pytest.mark.parametrize(
    ("jobs", "reasons"), [(("web",), 0), (("web", "node"), 1), ((), 1), (("nod",), 0), (("node exporter",), 0)]
)
def test_a_slow_scrape_counts_where_its_job_is_read(jobs: tuple[str, ...], reasons: int) -> None:
    started = CellStarted("a", 1.0, 60.0, 0.25, 0.25, ("a-0",), jobs)
    slow = Reading("a", 2.0, "node 10.0.0.1:9100", "scrape_timed_out_s", 0.25)
    assert len(unfit(Evidence([started, slow]), "a", 0.05)) == reasons
