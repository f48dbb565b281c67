"""Whether requests that nobody foresaw make series: the same ones stand in the text before and after a phase."""

from __future__ import annotations

from collections.abc import Iterator

from harness.clauses.exposition import SeriesKey, by_instance, families_of, key_of, shown_series
from harness.clauses.model import Clause, Judge, Judgement, Need, held, inconclusive, still_open, violated
from harness.contract import Campaign
from harness.contract.campaign import Expected, Scenario
from harness.contract.expectations import ExpectSeries
from harness.evidence.records import Exposition, Request
from harness.evidence.store import Evidence

__all__ = ["compile_series_expectation"]


def compile_series_expectation(campaign: Campaign, scenario: Scenario, item: Expected) -> Iterator[Clause]:
    """What a story says about the number of series."""
    rule = item.rule
    assert isinstance(rule, ExpectSeries)
    plane = campaign.contract.metrics
    prefix = plane.prefix if plane else ""
    yield Clause(
        scenario.name,
        "metrics",
        "series",
        f"grow_by_{rule.grow_by}_in_{rule.during.replace(' ', '_')}",
        item.source,
        f"during {rule.during} at most {rule.grow_by} series are born",
        (Need("expositions"), Need("ledger")),
        _judge_growth(scenario.name, prefix, rule),
        (scenario.name,),
    )


def _judge_growth(cell: str, prefix: str, rule: ExpectSeries) -> Judge:
    def judge(evidence: Evidence) -> Judgement:
        begin, end = evidence.phase(cell, rule.during)
        if begin is None or end is None or not evidence.completed(cell):
            return still_open("the story is not over")
        if not any(request.phase == rule.during and request.end_t for request in evidence.of(Request, cell)):
            return inconclusive(f"no request was answered in {rule.during}")
        compared = 0
        for texts in by_instance(evidence, cell).values():
            before, after = _at(texts, begin), _at(texts, end)
            if before is None or after is None:
                continue
            compared += 1
            born = sorted(shown_series(key) for key in _keys(after, prefix) - _keys(before, prefix))
            if len(born) > rule.grow_by:
                shown = f"{len(born)} series were born at {after.instance}, such as {born[0]}"
                return violated(shown, *born[1:6], hop="metric", at=after.t)
        return held(f"in {compared} instances") if compared else still_open("no text was read around the phase")

    return judge


def _at(texts: list[Exposition], t: float) -> Exposition | None:
    """The text that was read at a mark of the story: the last that is not younger."""
    return next((item for item in reversed(texts) if item.t <= t), None)


def _keys(item: Exposition, prefix: str) -> set[SeriesKey]:
    families = families_of(item) or {}
    return {key_of(s) for name, family in families.items() if name.startswith(prefix) for s in family.samples}
