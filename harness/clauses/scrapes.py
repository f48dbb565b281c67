"""Which scrape jobs a story's own promises stand on, and why scrapes of them are refused.

A scrape of another job that runs out of time spoils no story.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.artefacts.promql import Selector, parse
from harness.clauses.hops import scraped_jobs
from harness.clauses.model import Clause
from harness.clauses.production import Production
from harness.contract import Campaign
from harness.contract.campaign import Scenario
from harness.core.errors import ConfigError
from harness.evidence.records import ScrapeRefused
from harness.evidence.store import Evidence

__all__ = ["jobs_read", "refusals"]


def jobs_read(
    campaign: Campaign, production: Production, scenario: Scenario, clauses: Iterable[Clause]
) -> tuple[str, ...]:
    """The subject's jobs, and those whose series the alerts and expressions of the story's clauses may read, sorted.

    A selector without a ``job`` matcher reads the subject's jobs where its metric is a declared one, else any. An
    alert that is to stay quiet pends anew after a lost scrape: only one that is to fire is spoilt by it.
    """
    if production.prometheus is None:
        return ()
    jobs = [job.name for job in production.prometheus.jobs]
    subject, plane = scraped_jobs(campaign, production), campaign.contract.metrics
    declared = {plane.prefix + name for name in plane.families} if plane else set()
    found = set(subject)
    for selector in _selectors(production, scenario, clauses):
        matchers = [each for each in selector.matchers if each.name == "job"]
        known = subject if not matchers and _family(selector.metric, declared) else jobs
        found.update(name for name in known if all(each.accepts(name) for each in matchers))
    return tuple(sorted(found))


def _family(metric: str, declared: set[str]) -> bool:
    return any(metric in {name, f"{name}_bucket", f"{name}_sum", f"{name}_count"} for name in declared)


def _selectors(production: Production, scenario: Scenario, clauses: Iterable[Clause]) -> Iterator[Selector]:
    own = [clause for clause in clauses if clause.scope == scenario.name]
    alerts = dict.fromkeys([*scenario.spec.may_fire, *(each.name for each in own if each.promise == "fires")])
    for facts in (production.alert(name, 0.0) for name in alerts):
        for rule in (facts.rule, *(each.rule for each in facts.recordings)) if facts else ():
            yield from rule.query.selectors
    queries = {need.detail: each.source for each in own for need in each.needs if need.kind == "query"}
    for text, source in queries.items():
        try:
            yield from parse(text, source).selectors
        except ConfigError:
            continue  # Prometheus refuses it, and its clause says so


def refusals(evidence: Evidence, cell: str) -> tuple[str, ...]:
    """A line for each target whose answers Prometheus could not take in, with its own words."""
    return tuple(f"Prometheus refuses what {r.target} answers: {r.error}" for r in evidence.of(ScrapeRefused, cell))
